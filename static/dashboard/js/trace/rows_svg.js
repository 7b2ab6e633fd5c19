// Rows of the waterfall as one SVG: each row is filled as on the page, then drawn as shapes.

import { svg, text } from "../dom.js";
import { axis, duration } from "../format.js";
import { token } from "../plot.js";
import { clean } from "./views/svg_pen.js";

const WIDE = 1240;
const EDGE = 16;
const NAME = 400;
const TIME = 84;
const ROW = 24;
const TOP = 92; // title, facts, axis
const FOOT = 36;
const BAR = { top: 6, height: 10 };
const TRACK = { left: EDGE + NAME + TIME, width: WIDE - 2 * EDGE - NAME - TIME };
const FONT = "Inter, system-ui, sans-serif";

/** A picture of the places from..to of the page's rows, in the window of time that shows. */
export function rowsPicture(page, app, from, to) {
  const height = TOP + (to - from) * ROW + FOOT;
  const root = svg("svg", { xmlns: "http://www.w3.org/2000/svg", width: WIDE, height, viewBox: `0 0 ${WIDE} ${height}`, "font-family": FONT, "font-size": 13 });
  const pen = new Pen(root, page);
  pen.rect(0, 0, WIDE, height, { fill: token("--surface") });
  const clip = svg("clipPath", { id: "track" });
  clip.append(svg("rect", { x: TRACK.left, y: 0, width: TRACK.width, height }));
  root.append(clip);
  head(pen, app, from, to);
  ticks(pen, app, height - FOOT);
  // A row of its own, so that what shows on the page stays as it is.
  const made = app.grid.make();
  made.root.remove();
  for (let place = from; place < to; place += 1) {
    app.grid.fill(made, app.plan.rows[place], place);
    row(pen, made, TOP + (place - from) * ROW, Math.min(app.plan.levels[place], 20));
  }
  foot(pen, height - FOOT);
  return root;
}

class Pen {
  constructor(root, page) {
    this.root = root;
    this.critical = !page.classList.contains("no-critical");
    this.measure = document.createElement("canvas").getContext("2d");
    this.hatched = new Set();
  }

  add(name, attributes) {
    const made = svg(name, attributes);
    this.root.append(made);
    return made;
  }

  rect(x, y, width, height, more = {}) { return this.add("rect", { x: x.toFixed(2), y, width: Math.max(width, 0).toFixed(2), height, ...more }); }

  /** A text that ends with "…" where it does not fit; gives its width. */
  text(x, y, words, { size = 13, weight = 400, fill = token("--ink"), room = Infinity, anchor = "start" } = {}) {
    this.measure.font = `${weight} ${size}px ${FONT}`;
    let shown = clean(words);
    if (this.measure.measureText(shown).width > room) {
      let [low, high] = [0, shown.length];
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (this.measure.measureText(`${shown.slice(0, middle)}…`).width <= room) low = middle;
        else high = middle - 1;
      }
      if (!low) return 0;
      shown = clean(`${shown.slice(0, low)}…`);
    }
    const made = this.add("text", { x: x.toFixed(2), y, fill, "font-size": size, "font-weight": weight, "text-anchor": anchor, direction: "ltr", "unicode-bidi": "isolate" });
    made.textContent = shown;
    return this.measure.measureText(shown).width;
  }

  octagon(x, y, full) {
    this.add("path", { transform: `translate(${x.toFixed(2)} ${y}) scale(0.875)`, d: "M5.2 1.2h5.6l4 4v5.6l-4 4H5.2l-4-4V5.2z", fill: full ? token("--error") : "none", stroke: token("--error"), "stroke-width": full ? 1 : 1.8 });
    if (full) this.add("path", { transform: `translate(${x.toFixed(2)} ${y}) scale(0.875)`, d: "M8 4.4v4.4M8 11.3v.2", fill: "none", stroke: token("--surface"), "stroke-width": 1.9, "stroke-linecap": "round" });
  }

  /** Thin stripes in a service's colour, for the network. */
  hatch(slot, colour) {
    const id = `net-${slot}`;
    if (!this.hatched.has(id)) {
      this.hatched.add(id);
      const pattern = this.add("pattern", { id, width: 4, height: 4, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
      pattern.append(svg("rect", { width: 1.5, height: 4, fill: colour }));
    }
    return `url(#${id})`;
  }
}

function head(pen, app, from, to) {
  const { model, plan, time } = app;
  const { header } = model;
  const title = model.count ? `${model.service(0)[0]} ${model.operation(0)}` : "";
  pen.text(EDGE, 28, title, { size: 18, weight: 600, room: WIDE - 2 * EDGE });
  const start = new Date(Number(BigInt(header.origin_us) / 1000n)).toISOString();
  const facts = [duration(model.duration * model.unit), text("spans", { n: model.count.toLocaleString() }), header.trace_id, start, text("exportRows", { from: (from + 1).toLocaleString(), to: to.toLocaleString(), total: plan.length.toLocaleString() })];
  if (!time.whole) facts.push(text("exportWindow", { from: duration(time.from * model.unit), to: duration(time.to * model.unit) }));
  pen.text(EDGE, 50, facts.join(" · "), { size: 12, fill: token("--ink-3"), room: WIDE - 2 * EDGE });
}

function ticks(pen, app, bottom) {
  const { model, time } = app;
  const [begin, end] = [time.from * model.unit, time.to * model.unit];
  const raw = (end - begin) / 7;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= raw);
  pen.add("path", { d: `M0 ${TOP - 0.5}H${WIDE}M${TRACK.left - 0.5} ${TOP - 26}V${bottom}`, stroke: token("--line"), fill: "none" });
  for (let at = Math.ceil(begin / step) * step; at <= end; at += step) {
    const x = TRACK.left + ((at - begin) / (end - begin)) * TRACK.width;
    pen.add("path", { d: `M${x.toFixed(2)} ${TOP - 26}V${bottom}`, stroke: token("--grid"), fill: "none" });
    pen.text(x + 4, TOP - 9, axis(at, step), { size: 11, fill: token("--ink-3"), room: WIDE - EDGE - x - 4 });
  }
}

const slotOf = (cell) => Number(/svc-(\d+)/.exec(cell.getAttribute("class"))?.[1] ?? 0);
const colourOf = (slot) => token(slot ? `--svc-${slot}` : "--svc-none");
const percent = (value) => Number(/(-?[\d.e+-]+)%/.exec(value)?.[1] ?? 0);

function row(pen, made, y, level) {
  const slot = slotOf(made.name);
  let x = EDGE + level * 12;
  const stop = EDGE + NAME - 10;
  for (const part of made.name.children) {
    if (part === made.caret) continue;
    if (part === made.edge) {
      pen.rect(x, y + 5, 3, 14, { fill: colourOf(slot), rx: 1 });
      x += 9;
    } else if (part.matches(".sign-error, .sign-error-below")) {
      pen.octagon(x, y + 5, part.matches(".sign-error"));
      x += 20;
    } else if (!part.matches("svg")) {
      const strong = part.matches("b, .times, .hidden-count");
      const small = part.matches(".version, .times, .hidden-count");
      x += pen.text(x, y + 16.5, part.textContent, { size: small ? 11 : 13, weight: strong ? 600 : 400, fill: token(strong ? "--ink" : "--ink-2"), room: stop - x }) + 6;
    }
  }
  pen.text(EDGE + NAME + TIME - 10, y + 16.5, made.time.textContent, { size: 12, fill: token("--ink-2"), anchor: "end" });
  const barSlot = slotOf(made.bars);
  for (const part of made.bars.children) shape(pen, part, y, barSlot);
}

/** A part of a bar as it stands on the page: its place in per cent, its meaning by class. */
function shape(pen, part, y, slot) {
  const colour = colourOf(slot);
  const left = TRACK.left + (percent(part.style.left) / 100) * TRACK.width;
  const width = (percent(part.style.width) / 100) * TRACK.width;
  const inside = { "clip-path": "url(#track)" };
  const name = part.classList;
  if (name.contains("crit")) {
    if (pen.critical) pen.rect(left, y + BAR.top + BAR.height + 2, Math.max(width, 1), 2, { fill: token("--crit"), ...inside });
  } else if (name.contains("network")) {
    pen.rect(left, y + BAR.top, Math.max(width, 1), BAR.height, { fill: pen.hatch(slot, colour), ...inside });
  } else if (name.contains("bar-sign")) {
    pen.octagon(Math.min(left + 4, TRACK.left + TRACK.width - 16), y + 5, true);
  } else if (name.contains("bar-words")) {
    const right = part.style.right !== "";
    const at = right ? TRACK.left + TRACK.width * (1 - percent(part.style.right) / 100) - 8 : left + 8;
    pen.text(at, y + 16.5, part.textContent, { size: 12, fill: token("--ink-2"), anchor: right ? "end" : "start", room: right ? at - TRACK.left : TRACK.left + TRACK.width - at });
  } else if (name.contains("event-mark")) {
    const middle = y + BAR.top + BAR.height / 2;
    pen.add("path", { d: `M${left.toFixed(2)} ${middle - 4.5}l4.5 4.5l-4.5 4.5l-4.5 -4.5z`, fill: token("--surface"), stroke: token("--ink") });
  } else if (name.contains("bar")) bar(pen, part, y, left, Math.max(width, 2), colour, inside);
}

function bar(pen, part, y, left, width, colour, inside) {
  const name = part.classList;
  const top = y + BAR.top;
  if (name.contains("absent")) {
    pen.rect(left + 0.5, top + 0.5, width - 1, BAR.height - 1, { fill: "none", stroke: token("--control"), "stroke-dasharray": "3 2", rx: 2, ...inside });
    return;
  }
  if (name.contains("leaf")) pen.rect(left, top, width, BAR.height, { fill: colour, rx: name.contains("code") ? 0 : 2, ...inside });
  else pen.rect(left + 0.5, top + 0.5, Math.max(width - 1, 1), BAR.height - 1, { fill: colour, "fill-opacity": 0.26, stroke: colour, rx: 2, ...inside });
  for (const own of part.children) if (own.classList.contains("own")) pen.rect(left + (percent(own.style.left) / 100) * width, top, (percent(own.style.width) / 100) * width, BAR.height, { fill: colour, ...inside });
  if (name.contains("skewed")) pen.rect(left - 1.5, top - 1.5, width + 3, BAR.height + 3, { fill: "none", stroke: token("--warn"), "stroke-dasharray": "3 2", ...inside });
}

/** What the marks mean, and who drew them. */
function foot(pen, y) {
  pen.add("path", { d: `M0 ${y + 0.5}H${WIDE}`, stroke: token("--line"), fill: "none" });
  const colour = token("--svc-1");
  const quiet = { size: 12, fill: token("--ink-3") };
  let x = EDGE;
  const say = (words, wide) => { x += wide + pen.text(x + wide, y + 22, words, quiet) + 20; };
  pen.rect(x, y + 13, 22, 10, { fill: colour, rx: 2 });
  say(text("markSelf"), 28);
  pen.rect(x + 0.5, y + 13.5, 21, 9, { fill: colour, "fill-opacity": 0.26, stroke: colour, rx: 2 });
  say(text("markWaits"), 28);
  pen.rect(x, y + 17, 22, 2, { fill: token("--crit") });
  say(text("critical"), 28);
  pen.octagon(x, y + 11, true);
  say(text("failed"), 20);
  pen.text(WIDE - EDGE, y + 22, "Spanboard", { ...quiet, anchor: "end" });
}
