// The rows: a native scroller and a recycled pool of elements, an accessible treegrid.

import { el, icon, text } from "../dom.js";
import { fillMade } from "./made_rows.js";
import { SPAN } from "./plan.js";
import { fillBars, fillSpan } from "./span_row.js";

const MAX_HEIGHT = 12_000_000; // browsers cap the height of a scroller
const OVERSCAN = 8;
const MAX_PRINTED = 3_000;

export class Grid {
  /** handlers: onOpen(item), onToggle(item), onView(first, last) */
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
    this.lit = null; // rows that a sentence speaks of
    this.events = null; // times of logs, by row
    this.notes = null; // notes and pins, by row
    this.insets = []; // [{item, element, height, place}], details between the rows
    this.empty = el("p", { class: "grid-state quiet", text: text("nothingShown"), hidden: true });
    scroller.before(this.empty);
    scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => { this.measure(); this.draw(); }).observe(scroller);
    addEventListener("beforeprint", () => { this.printing = true; this.refresh(); });
    addEventListener("afterprint", () => { this.printing = false; this.refresh(); });
    body.addEventListener("click", (event) => this.click(event));
    body.addEventListener("focusin", (event) => {
      const row = event.target.closest(".span-row")?.spanItem?.row ?? -1;
      if (row >= 0) this.focused = row;
    });
  }

  /** Show a model; the first call replaces the rows that the server sent. */
  show(model, plan) {
    this.model = model;
    this.plan = plan;
    this.window = [0, model.duration];
    this.body.replaceChildren(...this.insets.map((inset) => inset.element));
    this.body.classList.add("virtual");
    this.pool = [];
    this.pinned = null;
    this.measure();
    this.layout();
  }

  measure() {
    const style = getComputedStyle(this.scroller.closest(".trace"));
    this.rowHeight = parseFloat(style.getPropertyValue("--row")) || 24;
    const name = parseFloat(style.getPropertyValue("--name"));
    // Indents stop where 160 pixels are left for the name; a number tells the level.
    this.maxIndent = Number.isFinite(name) && !style.getPropertyValue("--name").includes("%") ? Math.max(4, Math.floor((name - 160) / 12)) : 6;
    document.querySelector(".grid-head").style.setProperty("--bar-gap", `${this.scroller.offsetWidth - this.scroller.clientWidth}px`);
  }

  /** Heights after a change of what is visible. */
  layout() {
    if (!this.plan) return;
    for (const inset of this.insets) inset.place = this.plan.placeOf(inset.item);
    this.insets.sort((a, b) => a.place - b.place);
    const wanted = this.whole();
    this.height = Math.min(wanted, MAX_HEIGHT);
    this.scroller.setAttribute("aria-rowcount", String(this.plan.length));
    this.empty.hidden = this.plan.length > 0 || !this.model.count;
    this.body.style.setProperty("height", `${Math.max(this.height, 1)}px`);
    this.draw();
  }

  /** Height of everything, were it not capped. */
  whole() {
    let height = this.plan.length * this.rowHeight;
    for (const inset of this.insets) if (inset.place >= 0) height += inset.height;
    return height;
  }

  /** Where a place begins, in pixels of the uncapped height. */
  top(place) {
    let top = place * this.rowHeight;
    for (const inset of this.insets) if (inset.place >= 0 && inset.place < place) top += inset.height;
    return top;
  }

  /** The place at a height, with its fraction. */
  placeAt(height) {
    let passed = 0;
    for (const inset of this.insets) {
      if (inset.place < 0) continue;
      const begin = (inset.place + 1) * this.rowHeight + passed;
      if (height < begin) break;
      if (height < begin + inset.height) return inset.place + 1;
      passed += inset.height;
    }
    return (height - passed) / this.rowHeight;
  }

  /** How far the view is down, mapped where the scroller's height is capped. */
  offset() {
    const view = this.scroller.clientHeight;
    const whole = this.whole();
    if (whole <= MAX_HEIGHT) return this.scroller.scrollTop;
    return (this.scroller.scrollTop / Math.max(1, this.height - view)) * (whole - view);
  }

  scrollTo(height) {
    const view = this.scroller.clientHeight;
    const whole = this.whole();
    this.scroller.scrollTop = whole <= MAX_HEIGHT ? height : (height / Math.max(1, whole - view)) * (this.height - view);
  }

  draw() {
    if (!this.plan) return;
    const { plan } = this;
    const view = this.scroller.clientHeight || 600;
    const down = this.offset();
    const first = this.placeAt(down);
    // On paper all rows are in sight, up to what a browser can lay out.
    const from = this.printing ? 0 : Math.max(0, Math.floor(first) - OVERSCAN);
    const to = this.printing ? Math.min(plan.length, MAX_PRINTED) : Math.min(plan.length, Math.ceil(this.placeAt(down + view)) + OVERSCAN);
    while (this.pool.length < to - from) this.pool.push(this.make());
    const shift = this.printing ? 0 : this.scroller.scrollTop - down;
    const size = this.pool.length;
    const used = new Set();
    this.pin(from, to, shift);
    for (let place = from; place < to; place += 1) {
      const made = this.pinned?.place === place ? this.pinned : this.pool[place % size];
      used.add(made);
      const row = plan.rows[place];
      if (made.row !== row || made.stale) this.fill(made, row, place);
      else if (made.place !== place) { made.place = place; made.root.setAttribute("aria-rowindex", String(place + 1)); }
      made.root.style.setProperty("transform", `translateY(${shift + this.top(place)}px)`);
      if (made.hidden) { made.root.hidden = false; made.hidden = false; }
    }
    for (const made of this.pool) {
      if (used.has(made) || made.hidden) continue;
      made.root.hidden = true;
      made.root.removeAttribute("id");
      made.hidden = true;
      made.row = -1;
    }
    for (const inset of this.insets) {
      const seen = inset.place >= 0 && inset.place >= from - 60 && inset.place < to + 60;
      inset.element.hidden = !seen;
      if (seen) inset.element.style.setProperty("transform", `translateY(${shift + this.top(inset.place) + this.rowHeight}px)`);
    }
    this.tabStop(used, Math.ceil(first));
    this.handlers.onView?.(from, to);
  }

  /** One row can be reached by Tab: the focused one, or the first in sight. */
  tabStop(used, first) {
    const all = this.pinned ? [...used, this.pinned] : [...used];
    const kept = all.some((made) => made.row === this.focused);
    const stop = kept ? this.focused : this.plan.rows[Math.min(first, this.plan.length - 1)];
    for (const made of all) {
      const index = made.row === stop ? 0 : -1;
      if (made.root.tabIndex !== index) made.root.tabIndex = index;
    }
  }

  /**
   * The row with the keyboard's focus keeps its element when it scrolls out of
   * sight: taken over by another row, the focus would jump or be lost.
   */
  pin(from, to, shift) {
    const made = document.activeElement?.spanItem;
    if (this.pinned && this.pinned !== made) {
      this.pinned.root.remove();
      this.pinned = null;
    }
    if (!made || made.row < 0) return;
    const place = this.plan.placeOf(made.row);
    if (place < 0) { // it is hidden now
      this.pinned?.root.remove();
      this.pinned = null;
      return;
    }
    if (!this.pinned && (place < from || place >= to || this.pool[place % this.pool.length] !== made)) {
      this.pool[this.pool.indexOf(made)] = this.make();
      this.pinned = made;
    }
    if (this.pinned) {
      made.place = place;
      const top = Math.min(Math.max(shift + this.top(place), 0), this.height - this.rowHeight);
      made.root.style.setProperty("transform", `translateY(${top}px)`);
    }
  }

  /** Fill every row again at the next draw. */
  refresh() {
    for (const made of [...this.pool, this.pinned]) if (made) made.stale = true;
    this.draw();
  }

  make() {
    const caret = el("button", { class: "caret", type: "button", tabindex: "-1", "aria-hidden": "true" }, icon("down"));
    const name = el("span", { class: "cell name", role: "gridcell" }, caret, el("span", { class: "edge" }));
    const time = el("span", { class: "cell duration", role: "gridcell" });
    const bars = el("span", { class: "cell bars", role: "gridcell" });
    const root = el("div", { class: "span-row", role: "row", tabindex: "-1" }, name, time, bars);
    const made = { root, caret, edge: name.children[1], name, time, bars, row: -1, place: -1, stale: false, hidden: false };
    root.spanItem = made;
    this.body.append(root);
    return made;
  }

  /** Put an item into an element: what all rows share, then what is its own. */
  fill(made, item, place) {
    const { plan } = this;
    made.row = item;
    made.place = place;
    made.stale = false;
    const { root, name } = made;
    const isSpan = plan.kind(item) === SPAN;
    root.id = isSpan ? `row-${item}` : `item-${item}`;
    if (isSpan) root.dataset.row = item;
    else delete root.dataset.row;
    const level = plan.levels[place];
    root.setAttribute("aria-rowindex", String(place + 1));
    root.setAttribute("aria-level", String(level + 1));
    if (plan.counted) {
      root.setAttribute("aria-posinset", String(plan.nth[place]));
      root.setAttribute("aria-setsize", String(plan.among[place]));
    } else {
      root.removeAttribute("aria-posinset");
      root.removeAttribute("aria-setsize");
    }
    const opens = plan.expandable(item);
    const closed = opens && plan.closed(item);
    if (opens) root.setAttribute("aria-expanded", String(!closed));
    else root.removeAttribute("aria-expanded");
    root.setAttribute("aria-selected", String(item === this.selected));
    made.caret.className = `caret${closed ? " closed" : ""}${opens ? "" : " none"}`;
    name.style.setProperty("--indent", `${Math.min(level, this.maxIndent) * 12}px`);
    const marks = { level: level > this.maxIndent ? level + 1 : 0, closed };
    if (isSpan) fillSpan(this, made, item, place, marks);
    else fillMade(this, made, item, marks);
  }

  click(event) {
    const root = event.target.closest(".span-row");
    if (!root?.spanItem) return;
    const { row } = root.spanItem;
    if (event.target.closest(".caret") || this.plan.kind(row) !== SPAN) { this.focus(row, false); this.handlers.onToggle(row, event.altKey); }
    else { this.focus(row, false); this.handlers.onOpen(row); }
  }

  select(row) {
    this.selected = row;
    this.refresh();
  }

  /** Make an item the tab stop and bring it into view. */
  focus(item, move = true) {
    this.focused = item;
    const place = this.plan.placeOf(item);
    if (place < 0) return;
    const view = this.scroller.clientHeight;
    const down = this.offset();
    const top = this.top(place);
    if (top < down) this.scrollTo(Math.max(0, top - Math.min(3 * this.rowHeight, view / 4)));
    else if (top + this.rowHeight > down + view) this.scrollTo(top + this.rowHeight - view + Math.min(3 * this.rowHeight, view / 4));
    this.refresh();
    if (move) this.elementOf(item)?.focus({ preventScroll: true });
  }

  elementOf(item) {
    return this.body.querySelector(this.plan.kind(item) === SPAN ? `#row-${item}` : `#item-${item}`);
  }

  /** First and last place that are in sight. */
  seen() {
    const down = this.offset();
    return [Math.ceil(this.placeAt(down) - 0.01), Math.min(this.plan.length, Math.floor(this.placeAt(down + this.scroller.clientHeight)))];
  }

  zoom(from, to) {
    this.window = [from, to];
    if (!this.plan) return;
    for (const made of [...this.pool, this.pinned]) {
      if (!made || made.row < 0 || made.hidden || made.stale) continue;
      if (this.plan.kind(made.row) === SPAN) fillBars(this, made, made.row);
      else made.stale = true;
    }
    this.draw();
  }

  /** Put an element between the rows, below an item; its height is kept true. */
  inset(item, element) {
    const inset = { item, element, height: 0, place: -1 };
    this.insets.push(inset);
    this.body.append(element);
    inset.observer = new ResizeObserver(() => {
      const height = element.offsetHeight;
      if (element.hidden || height === inset.height) return;
      inset.height = height;
      this.layout();
    });
    inset.observer.observe(element);
    inset.height = element.offsetHeight;
    this.layout();
  }

  /** Take one away, or all. */
  outset(item = null) {
    for (const inset of this.insets) {
      if (item !== null && inset.item !== item) continue;
      inset.observer.disconnect();
      inset.element.remove();
      inset.gone = true;
    }
    this.insets = this.insets.filter((inset) => !inset.gone);
    this.layout();
  }
}
