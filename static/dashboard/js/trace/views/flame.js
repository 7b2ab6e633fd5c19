// The flame graph: where the self time is, root on top; drawn as seen, walked by arrows.

import { el, text } from "../../dom.js";
import { known } from "../../format.js";
import { token } from "../../plot.js";
import { rowName, rowsOf } from "../state.js";
import { framesOf, widestChild } from "./frames.js";
import { Painter, ROW } from "./painter.js";
import { shareText, switcher } from "./parts.js";
import { sheet, SvgPen } from "./svg_pen.js";

/** Show the flame graph, or show it again after a change. */
export async function show(container, context) {
  container.view ??= new Flame(container);
  container.view.update(context);
}

/** Bring the frame of a row into sight. */
export function reveal(container, row) {
  const { view } = container;
  const frame = view.frameOf(row);
  if (!view.inside(frame)) view.zoom(-1);
  view.focus(frame);
}

/** What is seen, as SVG. */
export function picture(container) {
  return container.view.picture();
}

class Flame {
  constructor(container) {
    this.focused = 0;
    this.zoomed = -1;
    this.mode = switcher(text("flameMode"), [["", text("flameMerged")], ["spans", text("flameSpans")]], (mode) => this.change({ mode, at: "" }));
    this.reset = el("button", { type: "button", class: "button", title: "Esc", text: text("flameReset"), on: { click: () => this.zoom(-1) } });
    this.open = el("button", { type: "button", class: "button", title: "Space", text: text("flameOpen"), on: { click: () => this.spans(this.focused) } });
    this.items = [0, 1].map((i) => el("span", { role: "treeitem", id: `flame-item-${i}`, class: "visually-hidden", hidden: true }));
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.sheet = el("div", { class: "flame-sheet", role: "presentation" }, this.canvas, ...this.items);
    this.scroller = el("div", { class: "flame", role: "tree", tabindex: "0", "aria-label": text("flameLabel"), "aria-describedby": "flame-help" }, this.sheet);
    this.tip = el("div", { class: "flame-tip", role: "tooltip", hidden: true });
    container.replaceChildren(
      el("div", { class: "view-tools" }, this.mode, this.reset, this.open, el("span", { class: "spacer" }), el("span", { class: "small quiet", id: "flame-help", text: text("flameHelp") })),
      this.scroller, this.tip);
    this.painter = new Painter(this.canvas);
    this.scroller.addEventListener("scroll", () => { this.hideTip(); this.draw(); }, { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.scroller);
    addEventListener("themechange", () => { this.painter.colour = null; this.draw(); });
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerleave", () => this.hideTip());
    this.canvas.addEventListener("click", (event) => this.click(event));
    this.scroller.addEventListener("keydown", (event) => this.key(event));
    this.scroller.addEventListener("blur", () => { this.hideTip(); this.draw(); });
    this.scroller.addEventListener("focus", () => this.focus(this.focused));
  }

  change(part) {
    const state = { ...this.state, ...part };
    this.context.remember(state);
    this.update({ ...this.context, state });
  }

  update(context) {
    // The critical path can be switched off for the whole page.
    this.watch ??= new MutationObserver(() => this.draw());
    this.watch.observe(context.page, { attributes: true, attributeFilter: ["class"] });
    const { model, state, matches } = context;
    const merged = state.mode !== "spans";
    const before = this.context && this.frames ? rowName(this.context.model, this.frames.first[this.focused]) : "";
    this.context = context;
    this.state = state;
    this.merged = merged;
    this.frames = framesOf(model, merged);
    if (!this.frames.count) return;
    this.mode.choose(state.mode ?? "");
    const rows = rowsOf(model, new Set([state.at, before].filter(Boolean)));
    this.zoomed = state.at && rows.has(state.at) ? this.frameOf(rows.get(state.at)) : -1;
    this.focused = Math.max(0, this.zoomed, rows.has(before) ? this.frameOf(rows.get(before)) : 0);
    if (!this.inside(this.focused)) this.focused = Math.max(0, this.zoomed);
    this.matches = null;
    if (matches) {
      this.matches = new Uint8Array(this.frames.count);
      for (const row of matches) if (row < model.count) this.matches[this.frameOf(row)] = 1;
    }
    this.scroller.dataset.frames = String(this.frames.count);
    this.scroller.dataset.matched = this.matches ? String(this.matches.reduce((sum, value) => sum + value, 0)) : "";
    this.tell();
    this.draw();
  }

  frameOf(row) {
    return this.merged ? this.context.model.paths.path[row] : row;
  }

  /** Whether a frame is at or below the one that is zoomed into, or above it. */
  inside(frame) {
    if (this.zoomed < 0) return true;
    const { x, weight, depth } = this.frames;
    const [from, to] = [x[this.zoomed], x[this.zoomed] + weight[this.zoomed]];
    if (depth[frame] <= depth[this.zoomed]) return x[frame] <= from && x[frame] + weight[frame] >= to;
    return x[frame] >= from && x[frame] + weight[frame] <= to;
  }

  draw() {
    if (!this.frames?.count || !this.scroller.clientHeight) return;
    this.sheet.style.setProperty("height", `${Math.max(this.frames.levels * ROW + 8, this.scroller.clientHeight)}px`);
    this.reset.disabled = this.zoomed < 0;
    this.painter.paint(this.scene());
  }

  scene() {
    return {
      frames: this.frames,
      model: this.context.model,
      zoomed: this.zoomed,
      focused: this.scroller.matches(":focus") ? this.focused : -1,
      matches: this.matches,
      critical: !this.context.page.classList.contains("no-critical"),
      top: this.scroller.scrollTop,
      width: this.scroller.clientWidth,
      height: this.scroller.clientHeight,
    };
  }

  picture() {
    const scene = { ...this.scene(), focused: -1 };
    scene.height = Math.min(scene.height, Math.max(this.frames.levels * ROW - scene.top, ROW));
    const root = sheet(scene.width, scene.height, token("--surface"), "Inter, system-ui, sans-serif");
    new Painter(null).paint(scene, new SvgPen(root));
    return root;
  }

  key(event) {
    if (event.target !== this.scroller || event.ctrlKey || event.metaKey || event.altKey) return;
    const { frames, focused } = this;
    const beside = (step) => {
      const place = frames.rank[focused] + step;
      const level = frames.depth[focused];
      if (place < frames.start[level] || place >= frames.start[level + 1]) return focused;
      const frame = frames.order[place];
      return this.inside(frame) ? frame : focused;
    };
    const to = {
      ArrowDown: () => { const child = this.zoomed >= 0 && frames.depth[focused] < frames.depth[this.zoomed] ? this.above(this.zoomed, frames.depth[focused] + 1) : widestChild(frames, focused); return child < 0 ? focused : child; },
      ArrowUp: () => Math.max(frames.parent[focused], -1),
      ArrowRight: () => beside(1),
      ArrowLeft: () => beside(-1),
      Home: () => Math.max(this.zoomed, 0),
      End: () => this.deepest(),
    }[event.key];
    if (to) {
      event.preventDefault();
      const frame = to();
      this.focus(frame < 0 ? focused : frame);
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.zoom(focused);
    } else if (event.key === " ") {
      event.preventDefault();
      this.spans(focused);
    } else if (event.key === "Escape" && (this.zoomed >= 0 || !this.tip.hidden)) {
      event.preventDefault();
      event.stopPropagation();
      if (!this.tip.hidden && this.zoomed < 0) this.hideTip();
      else this.zoom(-1);
    }
  }

  /** The frame of a level above another one. */
  above(frame, level) {
    let found = frame;
    while (this.frames.depth[found] > level) found = this.frames.parent[found];
    return found;
  }

  /** Down the widest children to the end. */
  deepest() {
    let frame = this.focused;
    for (let child = widestChild(this.frames, frame); child >= 0; child = widestChild(this.frames, frame)) frame = child;
    return frame;
  }

  focus(frame) {
    this.focused = frame;
    const top = this.frames.depth[frame] * ROW;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop || top + ROW > scrollTop + clientHeight) this.scroller.scrollTop = Math.max(0, top - clientHeight / 3);
    this.tell();
    this.draw();
    const box = this.painter.boxes.get(frame);
    if (box && this.scroller.matches(":focus-visible")) this.showTip(frame, box.x + Math.min(box.width, 240) / 2, box.y + ROW);
  }

  /** Tell the focused frame to readers of the screen. */
  tell() {
    const { frames, focused } = this;
    const item = this.items.find((other) => other.id !== this.scroller.getAttribute("aria-activedescendant")) ?? this.items[0];
    item.hidden = false;
    const above = frames.parent[focused];
    const siblings = above < 0 ? frames.start[1] : frames.children[above];
    const nth = frames.rank[focused] - (above < 0 ? 0 : frames.firstChild[above]) + 1;
    item.setAttribute("aria-level", String(frames.depth[focused] + 1));
    item.setAttribute("aria-setsize", String(siblings));
    item.setAttribute("aria-posinset", String(nth));
    item.setAttribute("aria-selected", String(focused === this.zoomed));
    item.textContent = this.lines(focused).join(", ");
    this.scroller.setAttribute("aria-activedescendant", item.id);
  }

  /** What is known of a frame, in words; durations are the true ones. */
  lines(frame) {
    const { frames } = this;
    const { model } = this.context;
    const row = frames.first[frame];
    const figure = (value) => known(value, model.unit);
    const lines = [`${model.service(row)[0]} ${model.operation(row)}`];
    if (frames.calls[frame] === 1) lines.push(text("frameOne", { total: figure(frames.total[frame]), self: figure(frames.self[frame]) }));
    else lines.push(text("frameMany", { n: frames.calls[frame].toLocaleString(), total: figure(frames.total[frame]), longest: figure(frames.longest[frame]), self: figure(frames.self[frame]) }));
    lines.push(text("frameShare", { share: shareText(frames.weight[frame] / frames.width) }));
    if (frames.errors[frame]) lines.push(text("frameFailed", { n: frames.errors[frame].toLocaleString() }));
    else if (frames.errorsBelow[frame]) lines.push(text("failedBelow"));
    if (frames.critical[frame]) lines.push(text("frameCritical", { time: figure(frames.critical[frame]) }));
    return lines;
  }

  hover(event) {
    const frame = this.painter.at(event.offsetX, event.offsetY);
    if (frame === null) this.hideTip();
    else this.showTip(frame, event.offsetX + 12, event.offsetY + 16);
  }

  /** frame below 0: so many frames, each too narrow to be drawn. */
  showTip(frame, x, y) {
    const lines = frame < 0 ? [text("frameNarrow", { n: (-frame).toLocaleString() })] : this.lines(frame);
    this.tip.replaceChildren(...lines.map((line, i) => el(i ? "p" : "b", { text: line.slice(0, 400) })));
    this.tip.hidden = false;
    const top = this.scroller.offsetTop;
    const left = Math.min(Math.max(x, 8), Math.max(8, this.scroller.clientWidth - this.tip.offsetWidth - 8));
    const low = y + this.tip.offsetHeight > this.scroller.clientHeight ? y - this.tip.offsetHeight - ROW - 8 : y;
    this.tip.style.setProperty("transform", `translate(${left}px, ${top + Math.max(low, 0)}px)`);
  }

  hideTip() { this.tip.hidden = true; }

  click(event) {
    const frame = this.painter.at(event.offsetX, event.offsetY);
    if (frame === null || frame < 0) return;
    this.focused = frame;
    this.zoom(frame);
    // A finger does not hover.
    if (event.pointerType === "touch") this.showTip(frame, event.offsetX, event.offsetY + ROW);
  }

  /** Zoom into a frame; -1 shows all. The frame that shows already leads back to all. */
  zoom(frame) {
    const wanted = frame === this.zoomed ? -1 : frame;
    this.hideTip();
    this.change({ at: wanted < 0 ? "" : rowName(this.context.model, this.frames.first[wanted]) });
    const top = wanted < 0 ? this.frames.depth[this.focused] * ROW - this.scroller.clientHeight / 2 : (this.frames.depth[wanted] - 2) * ROW;
    this.scroller.scrollTop = Math.max(0, top);
    this.draw();
  }

  /** The spans of a frame: one in the panel, many in the table. */
  spans(frame) {
    const row = this.frames.first[frame];
    if (this.frames.calls[frame] === 1) this.context.openSpan(row);
    else this.context.go("table", { path: rowName(this.context.model, row) });
  }
}
