// The rows: a native scroller and a recycled pool of elements, an accessible treegrid.

import { el, icon, text } from "../dom.js";
import { known } from "../format.js";
import { drawBar } from "./bars.js";

const MAX_HEIGHT = 12_000_000; // browsers cap the height of a scroller
const OVERSCAN = 8;
const MAX_INDENT = 20;

export class Grid {
  /** handlers: onSelect(row), onOpen(row), onToggle(row) */
  constructor(scroller, body, handlers) {
    this.scroller = scroller;
    this.body = body;
    this.handlers = handlers;
    this.pool = [];
    this.pinned = null;
    this.window = [0, 1];
    this.focused = 0;
    this.selected = -1;
    this.matches = null;
    scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => { this.measure(); this.draw(); }).observe(scroller);
    body.addEventListener("click", (event) => this.click(event));
    body.addEventListener("focusin", (event) => {
      const row = event.target.closest(".span-row")?.spanItem?.row ?? -1;
      if (row >= 0) this.focused = row;
    });
  }

  /** Show a model; the first call replaces the rows that the server sent. */
  show(model, visible) {
    this.model = model;
    this.visible = visible;
    this.window = [0, model.duration];
    this.body.replaceChildren();
    this.body.classList.add("virtual");
    this.pool = [];
    this.pinned = null;
    this.measure();
    this.layout();
  }

  measure() {
    const height = parseFloat(getComputedStyle(this.scroller.closest(".trace")).getPropertyValue("--row"));
    this.rowHeight = height || 24;
    document.querySelector(".grid-head").style.setProperty("--bar-gap", `${this.scroller.offsetWidth - this.scroller.clientWidth}px`);
  }

  /** Heights after a change of what is visible. */
  layout() {
    if (!this.visible) return;
    const wanted = this.visible.length * this.rowHeight;
    this.height = Math.min(wanted, MAX_HEIGHT);
    this.scroller.setAttribute("aria-rowcount", String(this.visible.length));
    this.body.style.setProperty("height", `${Math.max(this.height, 1)}px`);
    this.draw();
  }

  /** Position of the first row in view, mapped where the scroller's height is capped. */
  first() {
    const view = this.scroller.clientHeight;
    const whole = this.visible.length * this.rowHeight;
    if (whole <= MAX_HEIGHT) return this.scroller.scrollTop / this.rowHeight;
    const share = this.scroller.scrollTop / Math.max(1, this.height - view);
    return (share * (whole - view)) / this.rowHeight;
  }

  draw() {
    if (!this.visible) return;
    const view = this.scroller.clientHeight || 600;
    const first = this.first();
    const from = Math.max(0, Math.floor(first) - OVERSCAN);
    const to = Math.min(this.visible.length, Math.ceil(first + view / this.rowHeight) + OVERSCAN);
    while (this.pool.length < to - from) this.pool.push(this.make());
    const offset = this.scroller.scrollTop - first * this.rowHeight;
    const size = this.pool.length;
    const used = new Set();
    this.pin(from, to, offset);
    for (let place = from; place < to; place += 1) {
      const item = this.pinned?.place === place ? this.pinned : this.pool[place % size];
      used.add(item);
      const row = this.visible.rows[place];
      if (item.row !== row || item.stale) this.fill(item, row, place);
      else if (item.place !== place) { item.place = place; item.root.setAttribute("aria-rowindex", String(place + 1)); }
      item.root.style.setProperty("transform", `translateY(${offset + place * this.rowHeight}px)`);
      if (item.hidden) { item.root.hidden = false; item.hidden = false; }
    }
    for (const item of this.pool) {
      if (used.has(item) || item.hidden) continue;
      item.root.hidden = true;
      item.root.removeAttribute("id");
      item.hidden = true;
      item.row = -1;
    }
    this.tabStop(used, Math.ceil(first));
  }

  /** One row can be reached by Tab: the focused one, or the first in sight. */
  tabStop(used, first) {
    const all = this.pinned ? [...used, this.pinned] : [...used];
    const kept = all.some((item) => item.row === this.focused);
    const stop = kept ? this.focused : this.visible.rows[Math.min(first, this.visible.length - 1)];
    for (const item of all) {
      const index = item.row === stop ? 0 : -1;
      if (item.root.tabIndex !== index) item.root.tabIndex = index;
    }
  }

  /**
   * The row with the keyboard's focus keeps its element when it scrolls out of
   * sight: taken over by another row, the focus would jump or be lost.
   */
  pin(from, to, offset) {
    const focused = document.activeElement;
    const item = focused?.spanItem;
    if (this.pinned && this.pinned !== item) {
      this.pinned.root.remove();
      this.pinned = null;
    }
    if (!item || item.row < 0) return;
    const place = this.visible.place[item.row];
    if (place < 0) { // it is hidden now
      this.pinned?.root.remove();
      this.pinned = null;
      return;
    }
    if (!this.pinned && (place < from || place >= to || this.pool[place % this.pool.length] !== item)) {
      this.pool[this.pool.indexOf(item)] = this.make();
      this.pinned = item;
    }
    if (this.pinned) {
      item.place = place;
      const top = Math.min(Math.max(offset + place * this.rowHeight, 0), this.height - this.rowHeight);
      item.root.style.setProperty("transform", `translateY(${top}px)`);
    }
  }

  /** Fill every row again at the next draw. */
  refresh() {
    for (const item of [...this.pool, this.pinned]) if (item) item.stale = true;
    this.draw();
  }

  make() {
    const caret = el("button", { class: "caret", type: "button", tabindex: "-1", "aria-hidden": "true" }, icon("down"));
    const name = el("span", { class: "cell name", role: "gridcell" }, caret, el("span", { class: "edge" }));
    const time = el("span", { class: "cell duration", role: "gridcell" });
    const bars = el("span", { class: "cell bars", role: "gridcell" });
    const root = el("div", { class: "span-row", role: "row", tabindex: "-1" }, name, time, bars);
    const item = { root, caret, name, time, bars, row: -1, place: -1, stale: false, hidden: false };
    root.spanItem = item;
    this.body.append(root);
    return item;
  }

  fill(item, row, place) {
    const { model, visible } = this;
    item.row = row;
    item.place = place;
    item.stale = false;
    const [service, slot] = model.service(row);
    const above = model.parent[row];
    const depth = model.depth[row];
    const closed = visible.collapsed[row] === 1;
    const hasChildren = model.subtree[row] > 1;
    const failed = model.failed(row);
    const took = known(model.columns.duration[row], model.unit);
    const { root, name } = item;
    root.id = `row-${row}`;
    root.dataset.row = row;
    root.setAttribute("aria-rowindex", String(place + 1));
    root.setAttribute("aria-level", String(depth + 1));
    root.setAttribute("aria-posinset", String(model.place(row)));
    root.setAttribute("aria-setsize", String(model.siblings(row)));
    if (hasChildren) root.setAttribute("aria-expanded", String(!closed));
    else root.removeAttribute("aria-expanded");
    root.setAttribute("aria-selected", String(row === this.selected));
    let label = text("rowLabel", { service, operation: model.operation(row), duration: took });
    if (failed) label += `, ${text("failed")}`;
    root.setAttribute("aria-label", label);
    root.className = `span-row${this.matches ? (this.matches.has(row) ? " match" : " dim") : ""}`;
    name.className = `cell name svc-${slot} indent-${Math.min(depth, MAX_INDENT)}`;
    item.caret.className = `caret${closed ? " closed" : ""}${hasChildren ? "" : " none"}`;
    const parts = [item.caret, name.children[1]];
    if (failed) parts.push(icon("error", text("failed")));
    else if (closed && model.failedBelow[row]) parts.push(icon("error-below", text("failedBelow")));
    if (depth > MAX_INDENT) parts.push(el("span", { class: "version", text: String(depth) }));
    if (above < 0 || model.columns.service[above] !== model.columns.service[row]) {
      parts.push(el("b", { class: "service", text: service }));
      const version = model.version(row);
      if (version && version.length < 13) parts.push(el("span", { class: "version", text: version }));
    }
    parts.push(el("span", { class: "operation", text: model.operation(row).slice(0, 300), title: model.operation(row).slice(0, 300) }));
    if (closed) parts.push(el("span", { class: "hidden-count", text: `+${(model.subtree[row] - 1).toLocaleString()}` }));
    name.replaceChildren(...parts);
    item.time.textContent = took;
    item.bars.className = `cell bars svc-${slot}`;
    item.bars.replaceChildren(...drawBar(model, row, this.window));
  }

  click(event) {
    const root = event.target.closest(".span-row");
    if (!root?.spanItem) return;
    const { row } = root.spanItem;
    if (event.target.closest(".caret")) this.handlers.onToggle(row);
    else { this.focus(row, false); this.handlers.onOpen(row); }
  }

  select(row) {
    this.selected = row;
    this.refresh();
  }

  /** Make a row the tab stop and bring it into view. */
  focus(row, move = true) {
    this.focused = row;
    const place = this.visible.place[row];
    if (place < 0) return;
    const view = this.scroller.clientHeight;
    const first = this.first();
    const shown = view / this.rowHeight;
    if (place < first || place > first + shown - 1) {
      const target = place < first ? place - Math.min(3, shown / 4) : place - shown + Math.min(4, shown / 4);
      const whole = this.visible.length * this.rowHeight;
      const pixels = Math.max(0, target) * this.rowHeight;
      this.scroller.scrollTop = whole <= MAX_HEIGHT ? pixels : (pixels / Math.max(1, whole - view)) * (this.height - view);
    }
    this.refresh();
    if (move) this.body.querySelector(`#row-${row}`)?.focus({ preventScroll: true });
  }

  zoom(from, to) {
    this.window = [from, to];
    this.refresh();
  }
}
