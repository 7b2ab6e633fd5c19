// Plotly, loaded when a page first needs it, in the colours of the tokens.

import { text } from "./dom.js";

let loading = null;
const drawn = new Map();

function load() {
  loading ??= new Promise((resolve, reject) => {
    const { plotly, plotlyCss } = document.body.dataset;
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = plotlyCss;
    // Plotly finds its stylesheet by this id and then injects none of its own.
    style.id = "plotly.js-style-global";
    style.className = "no-inline-styles";
    const script = document.createElement("script");
    script.src = plotly;
    script.addEventListener("load", () => resolve(globalThis.Plotly));
    script.addEventListener("error", () => reject(new Error("plotly")));
    document.head.append(style, script);
  });
  return loading;
}

/** The value of a colour token, such as "--ink". */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** A copy with every "var(--x)" replaced by its colour. */
function coloured(value) {
  if (typeof value === "string") {
    const match = /^var\((--[\w-]+)\)$/.exec(value);
    return match ? token(match[1]) : value;
  }
  if (Array.isArray(value)) return value.map(coloured);
  if (ArrayBuffer.isView(value)) return value;
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v)]));
  return value;
}

function layoutOf(given) {
  const narrow = innerWidth < 768;
  const axis = { zeroline: false, showline: false, ticks: "", tickfont: { size: 11 }, automargin: false, fixedrange: true };
  return coloured({
    font: { family: "Inter Variable, system-ui, sans-serif", size: 11, color: "var(--ink-3)" },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 52, r: 8, t: 6, b: 22 },
    showlegend: false,
    hoverlabel: { bgcolor: "var(--raised)", bordercolor: "var(--line-strong)", font: { size: 12, color: "var(--ink)" } },
    ...given,
    xaxis: { ...axis, showgrid: false, ...given.xaxis, ...(narrow && given.xaxis?.type === "date" ? { nticks: 4 } : {}) },
    yaxis: { ...axis, gridcolor: "var(--grid)", ...given.yaxis },
  });
}

/** Redraw when the element's width changes: Plotly itself follows the window only. */
function followSize(plotly, element) {
  let width = element.clientWidth;
  new ResizeObserver(() => {
    if (!element.clientWidth || element.clientWidth === width) return;
    width = element.clientWidth;
    requestAnimationFrame(() => { if (element.isConnected) plotly.Plots.resize(element); });
  }).observe(element);
}

/** Draw a figure {data, layout}; handlers by Plotly's event names; more of Plotly's own options. Never throws. */
export async function drawPlot(element, figure, handlers = {}, options = {}) {
  try {
    const plotly = await load();
    await plotly.react(element, coloured(figure.data), layoutOf(figure.layout ?? {}), {
      displayModeBar: false,
      displaylogo: false,
      responsive: true,
      doubleClick: false,
      scrollZoom: false,
      ...options,
    });
    if (!drawn.has(element)) {
      for (const [name, handler] of Object.entries(handlers)) element.on(name, handler);
      if (!figure.layout?.width) followSize(plotly, element);
    }
    drawn.set(element, [figure, handlers, options]);
  } catch (problem) {
    console.error(problem);
    element.textContent = text("noChart");
  }
}

addEventListener("themechange", () => {
  for (const [element, [figure, handlers, options]] of drawn) if (element.isConnected) drawPlot(element, figure, handlers, options);
});
