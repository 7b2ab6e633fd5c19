// The bar of one row: light where it waits, solid where it works, a line where it is critical.

import { el, icon } from "../dom.js";

const EXACT = 60; // more parts than this are drawn on a raster
const CELLS = 300;

/** Places of spans as [from, to] in per cent of the track, cut to what is seen. */
function cut(parts, low, high) {
  const seen = [];
  for (const [a, b] of parts) if (b > low && a < high) seen.push([Math.max(a, low), Math.min(b, high)]);
  return seen;
}

/** Many parts as few: cells of a raster of which at least `least` is covered. */
function rasterise(parts, low, high, least) {
  const covered = new Float64Array(CELLS);
  const size = (high - low) / CELLS;
  for (const [a, b] of parts) {
    const first = Math.min(CELLS - 1, Math.floor((a - low) / size));
    const last = Math.min(CELLS - 1, Math.floor((b - low) / size));
    for (let cell = first; cell <= last; cell += 1) {
      const begin = low + cell * size;
      covered[cell] += Math.max(0, Math.min(b, begin + size) - Math.max(a, begin)) / size;
    }
  }
  const runs = [];
  for (let cell = 0; cell < CELLS; cell += 1) {
    if (covered[cell] <= 0 || covered[cell] < least) continue;
    const begin = low + cell * size;
    const last = runs.at(-1);
    if (last && last[1] >= begin - size / 1000) last[1] = begin + size;
    else runs.push([begin, begin + size]);
  }
  return runs;
}

function fewer(parts, low, high, least) {
  const seen = cut(parts, low, high);
  return seen.length <= EXACT ? seen : rasterise(seen, low, high, least);
}

/** Where a span works itself: its time less its children's. Only its children are walked. */
function ownParts(model, row) {
  const stop = row + model.subtree[row];
  const end = model.end(row);
  const parts = [];
  let reached = model.start[row];
  for (let child = row + 1; child < stop && reached < end; child += model.subtree[child]) {
    const begin = Math.min(Math.max(model.start[child], reached), end);
    if (begin > reached) parts.push([reached, begin]);
    reached = Math.max(reached, Math.min(model.end(child), end));
  }
  if (reached < end) parts.push([reached, end]);
  return parts;
}

function box(name, left, right) {
  const made = el("span", { class: name });
  made.style.setProperty("left", `${left}%`);
  made.style.setProperty("width", `${Math.max(right - left, 0)}%`);
  return made;
}

/** Elements of a row's bar in a window of time; none where it is out of sight. */
export function drawBar(model, row, [from, to]) {
  const scale = 100 / (to - from);
  const shift = model.drawn[row] - model.start[row] - from;
  const place = ([a, b]) => [(a + shift) * scale, (b + shift) * scale];
  const [begin, end] = place([model.start[row], model.end(row)]);
  if (begin > 100 || end < 0) return [];
  // Far ends are cut, so that no element grows to millions of pixels.
  const left = Math.max(begin, -5);
  const right = Math.min(end, 105);
  const own = model.columns.self[row];
  const total = model.columns.duration[row];
  const leaf = own >= total * 0.995;
  const bar = box(`bar${leaf ? " leaf" : ""}`, left, right);
  if (!leaf && own > 0 && right > left) {
    const inside = 100 / (right - left);
    for (const [a, b] of fewer(ownParts(model, row).map(place), left, right, 0.5)) bar.append(box("own", (a - left) * inside, (b - left) * inside));
  }
  const made = [bar];
  const { criticalStart, criticalEnd } = model.columns;
  const sections = (model.critical.get(row) ?? []).map((i) => place([criticalStart[i], criticalEnd[i]]));
  for (const [a, b] of fewer(sections, 0, 100, 0)) made.push(box("crit", a, b));
  if (model.failed(row)) {
    const sign = icon("error");
    sign.classList.add("bar-sign");
    sign.style.setProperty("left", `min(calc(${Math.min(right, 100)}% + 4px), calc(100% - 16px))`);
    made.push(sign);
  }
  return made;
}
