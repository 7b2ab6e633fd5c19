// The chart above the list: dots or a heat map; a drawn box narrows the search.

import { data, text } from "./dom.js";
import { drawPlot } from "./plot.js";

const KEY = "spanboard-search-chart";
const WAIT_MS = 400;
const COLUMNS = 60;
const STEPS = 8; // rows of the heat map for each tenfold duration
const place = document.querySelector("[data-scatter]");
const box = document.querySelector("[data-box]");
const buttons = [...document.querySelectorAll("[data-chart]")];
let kind = "dots";
try { if (localStorage.getItem(KEY) === "heat") kind = "heat"; } catch { /* a browser that keeps nothing */ }
let timer = null;
let rows = null;
let shown = [[], []];

const safe = (value) => value.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/%\{/g, "% {");
const startOf = (row) => Number(row.dataset.start);
const durationOf = (row) => Math.max(Number(row.dataset.duration), 1);

/** Draw the rows that a function gives, soon; calls until then are one. */
export function drawChart(given) {
  rows = given;
  if (!place || timer) return;
  timer = setTimeout(() => { timer = null; draw(); }, WAIT_MS);
}

function draw() {
  const figure = structuredClone(data("figure"));
  shown = [[], []];
  for (const row of rows()) shown[Number(row.dataset.errors) ? 1 : 0].push(row);
  figure.data.forEach((trace, i) => {
    trace.x = shown[i].map((row) => startOf(row) / 1000);
    trace.y = shown[i].map((row) => durationOf(row) / 1000);
    trace.text = shown[i].map((row) => `${safe(row.dataset.name.slice(0, 120))}<br>${row.dataset.took}`);
    // On the heat map the dots are there for the box only.
    if (kind === "heat") Object.assign(trace, { opacity: 0, hoverinfo: "skip", hovertemplate: null });
  });
  if (kind === "heat") figure.data.push(heat());
  return drawPlot(place, figure, {
    plotly_click: ({ points: [point] }) => {
      const row = kind === "dots" && shown[point.curveNumber]?.[point.pointIndex];
      if (row) location.href = row.href;
    },
    plotly_selected: (event) => select(event?.points ?? []),
    plotly_deselect: () => select([]),
  });
}

/** Counts of traces by time and (logarithm of) duration. */
function heat() {
  const all = shown.flat();
  const starts = all.map(startOf);
  const levels = all.map((row) => Math.floor(Math.log10(durationOf(row)) * STEPS));
  const first = starts.reduce((a, b) => Math.min(a, b), Infinity);
  const last = starts.reduce((a, b) => Math.max(a, b), -Infinity);
  const low = levels.reduce((a, b) => Math.min(a, b), Infinity);
  const high = levels.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!all.length) return { type: "heatmap", x: [], y: [], z: [] };
  const width = Math.max((last - first) / COLUMNS, 1);
  const z = Array.from({ length: high - low + 1 }, () => new Array(COLUMNS).fill(null));
  all.forEach((_row, i) => {
    const column = Math.min(Math.floor((starts[i] - first) / width), COLUMNS - 1);
    z[levels[i] - low][column] = (z[levels[i] - low][column] ?? 0) + 1;
  });
  return {
    type: "heatmap",
    z,
    x: Array.from({ length: COLUMNS + 1 }, (_, i) => (first + i * width) / 1000),
    y: Array.from({ length: high - low + 2 }, (_, i) => 10 ** ((low + i) / STEPS) / 1000),
    colorscale: [[0, "var(--svc-none)"], [1, "var(--accent)"]],
    showscale: false,
    xgap: 1,
    ygap: 1,
    hovertemplate: `${text("inCell", { n: "%{z}" })}<extra></extra>`,
  };
}

/** Offer what can be done with the traces in the box. */
function select(points) {
  const inside = points.map((point) => shown[point.curveNumber]?.[point.pointIndex]).filter(Boolean);
  box.hidden = inside.length === 0;
  if (!inside.length) return;
  box.querySelector("[data-box-count]").textContent = text("inBox", { n: inside.length });
  const within = searchOf(inside, true);
  box.querySelector("[data-box-only]").href = `?${within}`;
  const compare = box.querySelector("[data-box-compare]");
  compare.href = `${compare.dataset.url}?${new URLSearchParams({ a: searchOf(shown.flat(), false), b: within, limit: 200 })}`;
}

/** The search of this page in the time, and perhaps the durations, of some rows. */
function searchOf(some, byDuration) {
  const asked = new URLSearchParams(location.search);
  for (const name of ["after", "lookback", "start", "end"]) asked.delete(name);
  const range = (value) => [some.reduce((a, row) => Math.min(a, value(row)), Infinity), some.reduce((a, row) => Math.max(a, value(row)), -Infinity)];
  const [start, end] = range(startOf);
  asked.set("start", start);
  asked.set("end", end);
  if (byDuration) {
    const [low, high] = range((row) => Number(row.dataset.duration));
    asked.set("q", `${asked.get("q") ?? ""} trace.duration>=${low}us trace.duration<=${high}us`.trim());
  }
  return asked.toString();
}

function turn(to) {
  kind = to;
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.chart === kind));
}

for (const button of buttons) {
  button.addEventListener("click", () => {
    turn(button.dataset.chart);
    try { localStorage.setItem(KEY, kind); } catch { /* as above */ }
    if (rows) draw();
  });
}
turn(kind);
