// Labels that never overlap: names beside circles, short words on remarkable edges.

import { el, icon, text } from "../dom.js";
import { along } from "./place.js";

const pen = document.createElement("canvas").getContext("2d");
const widths = new Map();
/** So many names beside circles when the whole graph is in sight. */
export const MAX_NAMES = 40;
/** So many labels of edges, by how much a node shows. */
export const MAX_REMARKS = { full: 40, medium: 24, small: 14, circle: 10 };

function widthOf(words, font) {
  const known = `${font}\0${words}`;
  if (!widths.has(known)) {
    if (widths.size > 5000) widths.clear();
    pen.font = font;
    widths.set(known, pen.measureText(words).width);
  }
  return widths.get(known);
}

/** Rectangles in buckets, so that asking whether a place is free stays cheap. */
export class Taken {
  constructor() {
    this.cells = new Map();
  }

  * at(box) {
    for (let i = Math.floor(box.x / 64); i <= Math.floor((box.x + box.width) / 64); i += 1) {
      for (let j = Math.floor(box.y / 64); j <= Math.floor((box.y + box.height) / 64); j += 1) yield `${i},${j}`;
    }
  }

  free(box) {
    for (const cell of this.at(box)) {
      for (const other of this.cells.get(cell) ?? []) {
        if (box.x < other.x + other.width && other.x < box.x + box.width && box.y < other.y + other.height && other.y < box.y + box.height) return false;
      }
    }
    return true;
  }

  add(box) {
    for (const cell of this.at(box)) {
      if (!this.cells.has(cell)) this.cells.set(cell, []);
      this.cells.get(cell).push(box);
    }
  }
}

const SIDES = ["right", "below", "left", "above"];

function beside(box, side, width, height) {
  if (side === "right") return { x: box.x + box.width + 3, y: box.cy - height / 2, width, height };
  if (side === "left") return { x: box.x - 3 - width, y: box.cy - height / 2, width, height };
  return { x: box.cx - width / 2, y: side === "below" ? box.y + box.height + 2 : box.y - 2 - height, width, height };
}

/** Choose which names stand beside which circles; the rest come with hover and focus. */
export function nameCircles(nodes, layout, cards, first, room, taken) {
  const order = [...nodes].sort((a, b) => Number(first(b)) - Number(first(a)) || b.calls - a.calls);
  let shown = 0;
  for (const node of order) {
    const card = cards.get(node.id);
    const box = layout.boxes.get(node.id);
    const width = Math.min(widthOf(node.label, "500 11px 'Inter Variable', system-ui"), 150) + 4;
    let side = null;
    if (shown < room || first(node)) side = SIDES.find((one) => taken.free(beside(box, one, width, 14))) ?? null;
    if (side) { taken.add(beside(box, side, width, 14)); shown += 1; }
    const now = side ?? "hidden";
    if (card.dataset.label !== now) card.dataset.label = now;
  }
  return shown;
}

/** What a change is called where its words find no room. */
const SIGNS = { added: "+", gone: "−", slower: "▲", faster: "▼", fewer_errors: "✓", more_calls: "↑", fewer_calls: "↓" };

/** What is worth a label on an edge: [class, icon, words, priority] or null. */
export function remark(edge, data, marks) {
  const state = marks.states?.get(edge.id);
  if (state) return { name: `changed ${state}`, sign: state === "more_errors" ? "error" : "", words: text(`edge-${state}`), brief: SIGNS[state], weight: 5 };
  if (marks.states) return null;
  if (edge.failing) return { name: "bad", sign: "error", words: text("fails", { share: edge.error_text }), weight: 4 + edge.error_share };
  if (marks.fresh.has(edge.id)) return { name: "new", sign: "", words: text("new"), weight: 4 };
  if (marks.chosen?.edge === edge.id) return { name: "", sign: "", words: edge.rate_text, weight: 6 };
  const caller = data.byId.get(edge.caller);
  if (caller && !caller.virtual && !caller.members && caller.calls >= 5) {
    const times = edge.calls / (edge.asked || caller.calls);
    if (times >= 4.5) return { name: "", sign: "", words: text("perCall", { n: Math.round(times) }), weight: 3 };
  }
  const attempts = edge.attempts / Math.max(edge.calls, 1);
  if (attempts >= 1.1 && edge.calls >= 5) return { name: "", sign: "", words: text("attemptsPerCall", { n: attempts.toFixed(1) }), weight: 2 };
  return null;
}

const SHARES = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82, 0.1, 0.88];

function spot(points, width, taken) {
  for (const share of SHARES) {
    const [x, y] = along(points, share);
    const box = { x: x - width / 2, y: y - 11, width, height: 22 };
    if (taken.free(box)) return box;
  }
  return null;
}

/** Put the labels of edges where nothing else stands. */
export class EdgeLabels {
  constructor(root) {
    this.root = root;
    this.shown = "";
  }

  /** Most remarkable first, at most room of them, each where taken is free. */
  show(data, lines, curves, marks, taken, room) {
    const found = [];
    for (const edge of lines) {
      const points = curves.get(edge.key);
      const said = points && !(marks.loud && !marks.loud(edge)) ? remark(edge, data, marks) : null;
      if (said) found.push({ edge, points, said });
    }
    found.sort((a, b) => b.said.weight - a.said.weight || b.edge.calls - a.edge.calls);
    const placed = [];
    for (const one of found) {
      if (placed.length >= room) break;
      const whole = widthOf(one.said.words, "600 12px 'Inter Variable', system-ui") + (one.said.sign ? 34 : 18);
      // Where the words find no room, the sign alone still tells.
      for (const width of one.said.sign || one.said.brief ? [whole, 22] : [whole]) {
        const box = spot(one.points, width, taken);
        if (!box) continue;
        taken.add(box);
        placed.push({ ...one, box, short: width !== whole });
        break;
      }
    }
    this.placed = placed;
    const now = placed.map(({ edge, said, box }) => `${edge.key} ${said.name} ${said.words} ${box.x} ${box.y}`).join("\n");
    if (now === this.shown) return;
    this.shown = now;
    this.root.replaceChildren(...placed.map(({ said, box, short }) => {
      const made = el("span", { class: `edge-label ${said.name}` }, said.sign ? icon(said.sign) : null, short ? said.brief ?? null : said.words);
      made.style.setProperty("transform", `translate(${box.x}px, ${box.y}px)`);
      made.style.setProperty("width", `${box.width}px`);
      return made;
    }));
  }
}
