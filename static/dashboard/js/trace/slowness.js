// Is this span slow? A sentence and a small distribution of the same operation's stored calls.

import { el, svg, text } from "../dom.js";
import { duration } from "../format.js";

const WIDTH = 340;
const HEIGHT = 48;

/** A section, or null where nothing is known. */
export function distribution(span) {
  const found = span.slowness;
  if (!found) {
    if (!span.slowness_reason) return null;
    return el("section", { class: "slowness" }, el("p", { class: "small quiet", text: span.slowness_reason }));
  }
  const section = el("section", { class: "slowness" }, el("p", { class: "small" }, el("b", { text: found.text })));
  if (found.bars.length) section.append(chart(found), axis(found));
  section.append(el("p", { class: "small quiet", text: text("percentiles", { p50: found.p50, p95: found.p95, p99: found.p99 }) }));
  return section;
}

function chart(found) {
  const most = Math.max(...found.bars.map(([, , count]) => count), 1);
  const step = WIDTH / found.bars.length;
  const made = svg("svg", { class: "distribution", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": found.text, preserveAspectRatio: "none" });
  found.bars.forEach(([, , count], i) => {
    const height = count ? Math.max(1, (count / most) * (HEIGHT - 8)) : 0;
    made.append(svg("rect", { x: i * step + 0.5, y: HEIGHT - height, width: Math.max(step - 1, 0.5), height }));
  });
  if (found.bar >= 0) {
    const [from, to] = found.bars[found.bar];
    const inside = to > from ? Math.min(Math.max((found.duration_ns - from) / (to - from), 0), 1) : 0.5;
    const x = (found.bar + inside) * step;
    made.append(svg("path", { class: "here", d: `M${x} 6V${HEIGHT}M${x - 4} 0H${x + 4}L${x} 6Z` }));
  }
  return made;
}

function axis(found) {
  const ends = [found.bars[0][0], found.bars.at(-1)[1]];
  return el("p", { class: "distribution-axis small quiet", "aria-hidden": "true" }, ...ends.map((ns) => el("span", { text: duration(ns) })));
}
