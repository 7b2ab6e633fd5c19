// The bar of one row: light where it waits, solid where it works, a line where it is critical.

import { el, icon } from "../dom.js";

const EXACT = 60; // more parts than this are drawn on a raster
const EXACT_CODE = 320; // of a barcode, which is one row only
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

function fewer(parts, low, high, least, exact = EXACT) {
  const seen = cut(parts, low, high);
  return seen.length <= exact ? seen : rasterise(seen, low, high, least);
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

/** The bar of a span from its start to its end: a tint, solid where it works itself. */
function body(model, row, place, found = "bar") {
  const [begin, end] = place([model.start[row], model.end(row)]);
  // Far ends are cut, so that no element grows to millions of pixels.
  const left = Math.max(begin, -5);
  const right = Math.min(end, 105);
  const own = model.columns.self[row];
  const leaf = own >= model.columns.duration[row] * 0.995;
  const bar = box(`${found}${leaf ? " leaf" : ""}`, left, right);
  if (!leaf && own > 0 && right > left) {
    const inside = 100 / (right - left);
    for (const [a, b] of fewer(ownParts(model, row).map(place), left, right, 0.5)) bar.append(box("own", (a - left) * inside, (b - left) * inside));
  }
  return [bar, right];
}

function criticalParts(model, row, place) {
  const { criticalStart, criticalEnd } = model.columns;
  const sections = (model.critical.get(row) ?? []).map((i) => place([criticalStart[i], criticalEnd[i]]));
  return fewer(sections, 0, 100, 0).map(([a, b]) => box("crit", a, b));
}

function failedSign(right) {
  const sign = icon("error");
  sign.classList.add("bar-sign");
  sign.style.setProperty("left", `min(calc(${Math.min(right, 100)}% + 4px), calc(100% - 16px))`);
  return sign;
}

/** Where times of a row are drawn, as a function to per cent of the track. */
function placing(model, row, [from, to]) {
  const scale = 100 / (to - from);
  const shift = model.drawn[row] - model.start[row] - from;
  return ([a, b]) => [(a + shift) * scale, (b + shift) * scale];
}

const outOfSight = ([begin, end]) => begin > 100 || end < 0;

/** Elements of a row's bar in a window of time; none where it is out of sight. */
export function drawBar(model, row, window) {
  const place = placing(model, row, window);
  if (outOfSight(place([model.start[row], model.end(row)]))) return [];
  const [bar, right] = body(model, row, place);
  const made = [bar, ...criticalParts(model, row, place)];
  if (model.failed(row)) made.push(failedSign(right));
  return made;
}

/**
 * Client and server as one bar: the server's in the middle, the network hatched
 * before and after it. Where the clocks disagree the halves overlap as they are.
 */
export function drawPair(model, client, server, window) {
  const outer = placing(model, client, window);
  const inner = placing(model, server, window);
  const [from, to] = outer([model.start[client], model.end(client)]);
  const [begin, end] = inner([model.start[server], model.end(server)]);
  if (outOfSight([Math.min(from, begin), Math.max(to, end)])) return [];
  const made = [];
  const gap = (a, b) => { if (b > a && b > 0 && a < 100) made.push(box("network", Math.max(a, -5), Math.min(b, 105))); };
  gap(from, Math.min(begin, to));
  gap(Math.max(end, from), to);
  const disagree = begin < from || end > to;
  const [bar, right] = body(model, server, inner, `bar${disagree ? " skewed" : ""}`);
  made.push(bar, ...criticalParts(model, client, outer), ...criticalParts(model, server, inner));
  if (model.failed(client) || model.failed(server)) made.push(failedSign(Math.max(right, to)));
  return made;
}

const sortedOf = new WeakMap();

/** Drawn intervals of many rows, by start; kept until other starts are drawn. */
function intervals(model, rows) {
  const known = sortedOf.get(rows);
  if (known?.drawn === model.drawn) return known;
  const order = Array.from(rows).sort((a, b) => model.drawn[a] - model.drawn[b]);
  const made = { drawn: model.drawn, parts: order.map((row) => [model.drawn[row], model.drawn[row] + model.columns.duration[row]]), end: 0, critical: [] };
  for (const [, end] of made.parts) made.end = Math.max(made.end, end);
  for (const row of order) {
    const shift = model.drawn[row] - model.start[row];
    for (const i of model.critical.get(row) ?? []) made.critical.push([model.columns.criticalStart[i] + shift, model.columns.criticalEnd[i] + shift]);
  }
  sortedOf.set(rows, made);
  return made;
}

/** Many calls in one row: where any of them ran, with their figures in words. */
export function drawBarcode(model, rows, [from, to], words) {
  const { parts, end, critical } = intervals(model, rows);
  const scale = 100 / (to - from);
  const share = ([a, b]) => [(a - from) * scale, (b - from) * scale];
  const seen = (all, least, exact) => fewer(all.filter(([a, b]) => b > from && a < to).map(share), 0, 100, least, exact);
  const made = seen(parts, 0.5, EXACT_CODE).map(([a, b]) => box("bar leaf code", a, b));
  made.push(...seen(critical, 0).map(([a, b]) => box("crit", a, b)));
  const [first, last] = share([parts[0][0], end]);
  // Words go to the side that has the room.
  const room = Math.max(100 - last, first);
  if (room > 30) {
    const label = el("span", { class: "bar-words", text: words });
    if (100 - last > first) label.style.setProperty("left", `calc(${Math.max(last, 0)}% + 8px)`);
    else label.style.setProperty("right", `calc(${100 - Math.min(first, 100)}% + 8px)`);
    made.push(label);
  }
  return made;
}

/** A plain bar between two times of the payload. */
export function drawSpan(start, end, [from, to], name) {
  const scale = 100 / (to - from);
  const [a, b] = [(start - from) * scale, (end - from) * scale];
  return outOfSight([a, b]) ? [] : [box(name, Math.max(a, -5), Math.min(b, 105))];
}
