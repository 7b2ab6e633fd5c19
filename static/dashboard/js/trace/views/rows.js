// A table of any length: sticky head with sorting, recycled rows, one tab stop.

import { el, icon } from "../../dom.js";

const MAX_HEIGHT = 12_000_000; // browsers cap the height of a scroller
const OVERSCAN = 6;
const PADDING = 32; // pixels at both ends of a row
let number = 0;

export class RowTable {
  /**
   * columns: [{key, label, width, narrow, number, title, fixed}], narrow for phones; handlers: open(index),
   * sort(key), key(event, index) for keys of the view's own.
   */
  constructor(host, { label, columns, tree = false }, handlers) {
    this.columns = columns;
    this.handlers = handlers;
    this.tree = tree;
    this.name = `rows-${(number += 1)}`;
    this.count = 0;
    this.active = 0;
    this.pool = [];
    this.head = el("div", { class: "table-row table-head", role: "row", "aria-rowindex": "1" }, ...columns.map((column) => this.headCell(column)));
    this.body = el("div", { class: "table-body", role: "rowgroup" });
    this.scroller = el("div", { class: "row-table", role: tree ? "treegrid" : "grid", tabindex: "0", "aria-label": label, "aria-colcount": String(columns.length) },
      el("div", { role: "rowgroup", class: "table-top" }, this.head), this.body);
    this.give("--columns", "--least", columns.map((column) => column.width));
    this.give("--narrow-columns", "--narrow-least", columns.map((column) => column.narrow ?? column.width));
    host.append(this.scroller);
    this.scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => { this.measure(); this.draw(); }).observe(this.scroller);
    this.scroller.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => this.click(event));
  }

  /** Widths of the columns, and the sum of the least ones: no content makes a row wider. */
  give(name, least, widths) {
    const sum = widths.reduce((all, width) => all + Number(/(\d+)px/.exec(width)[1]), PADDING);
    this.scroller.style.setProperty(name, widths.join(" "));
    this.scroller.style.setProperty(least, `${sum}px`);
  }

  headCell(column) {
    const button = column.fixed
      ? el("span", { text: column.label })
      : el("button", { type: "button", title: column.title, on: { click: () => this.handlers.sort(column.key) } }, el("span", { text: column.label }), icon("down"));
    return el("span", { class: `table-cell${column.number ? " number" : ""}`, role: "columnheader", title: column.title, data: { column: column.key } }, button);
  }

  measure() {
    this.rowHeight = parseFloat(getComputedStyle(this.scroller).getPropertyValue("--table-row")) || 28;
  }

  /** rows: {count, cell(index, key), mark(index), level(index), expanded(index), order: [key, down]} */
  show(rows) {
    this.rows = rows;
    this.count = rows.count;
    this.active = Math.min(this.active, Math.max(0, this.count - 1));
    const [key, down] = rows.order ?? [];
    for (const head of this.head.children) {
      if (head.dataset.column === key) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    this.scroller.setAttribute("aria-rowcount", String(this.count + 1));
    this.measure();
    this.height = Math.min(this.count * this.rowHeight, MAX_HEIGHT);
    this.body.style.setProperty("height", `${this.height}px`);
    for (const item of this.pool) item.index = -1;
    this.draw();
  }

  get view() { return Math.max(this.scroller.clientHeight - this.head.offsetHeight, this.rowHeight); }

  first() {
    const whole = this.count * this.rowHeight;
    if (whole <= MAX_HEIGHT) return this.scroller.scrollTop / this.rowHeight;
    const share = this.scroller.scrollTop / Math.max(1, this.height - this.view);
    return (share * (whole - this.view)) / this.rowHeight;
  }

  draw() {
    if (!this.rows || !this.scroller.clientHeight) return;
    const first = this.first();
    const from = Math.max(0, Math.floor(first) - OVERSCAN);
    const to = Math.min(this.count, Math.ceil(first + this.view / this.rowHeight) + OVERSCAN);
    while (this.pool.length < to - from) this.pool.push(this.make());
    const offset = this.scroller.scrollTop - first * this.rowHeight;
    const used = new Set();
    for (let index = from; index < to; index += 1) {
      const item = this.pool[index % this.pool.length];
      used.add(item);
      if (item.index !== index) this.fill(item, index);
      item.root.style.setProperty("transform", `translateY(${offset + index * this.rowHeight}px)`);
      item.root.hidden = false;
    }
    for (const item of this.pool) {
      if (used.has(item)) continue;
      item.root.hidden = true;
      item.root.removeAttribute("id");
      item.index = -1;
    }
    this.mark();
  }

  make() {
    const cells = this.columns.map((column) => el("span", { class: `table-cell${column.number ? " number" : ""}`, role: "gridcell" }));
    const root = el("div", { class: "table-row", role: "row" }, ...cells);
    this.body.append(root);
    return { root, cells, index: -1 };
  }

  fill(item, index) {
    const { rows } = this;
    item.index = index;
    item.root.id = `${this.name}-${index}`;
    item.root.dataset.index = index;
    item.root.setAttribute("aria-rowindex", String(index + 2));
    item.kind = `table-row ${rows.mark?.(index) ?? ""}`;
    item.root.className = item.kind;
    if (this.tree) {
      item.root.setAttribute("aria-level", String(rows.level(index)));
      const expanded = rows.expanded(index);
      if (expanded === null) item.root.removeAttribute("aria-expanded");
      else item.root.setAttribute("aria-expanded", String(expanded));
    }
    this.columns.forEach((column, place) => {
      const content = rows.cell(index, column.key);
      const cell = item.cells[place];
      if (content instanceof Node) {
        cell.replaceChildren(content);
        cell.removeAttribute("title");
      } else {
        cell.textContent = content;
        cell.title = column.number ? "" : content;
      }
    });
  }

  /** The active row: told to readers of the screen, drawn while the table has the focus. */
  mark() {
    let found = "";
    for (const item of this.pool) {
      const active = item.index === this.active && item.index >= 0;
      item.root.classList.toggle("active", active);
      const selected = this.rows.selected?.(item.index) ?? active;
      item.root.classList.toggle("chosen", Boolean(this.rows.selected?.(item.index)));
      item.root.setAttribute("aria-selected", String(selected));
      if (active) found = item.root.id;
    }
    if (found) this.scroller.setAttribute("aria-activedescendant", found);
    else this.scroller.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (event.target !== this.scroller || event.ctrlKey || event.metaKey || event.altKey || !this.count) return;
    const page = Math.max(1, Math.floor(this.view / this.rowHeight) - 1);
    const to = { ArrowDown: this.active + 1, ArrowUp: this.active - 1, PageDown: this.active + page, PageUp: this.active - page, Home: 0, End: this.count - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      this.to(to);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.handlers.open(this.active);
    } else this.handlers.key?.(event, this.active);
  }

  /** Make a row the active one and bring it into view. */
  to(index) {
    this.active = Math.min(Math.max(index, 0), this.count - 1);
    const first = this.first();
    const shown = this.view / this.rowHeight;
    let target = null;
    if (this.active < first) target = this.active;
    else if (this.active > first + shown - 1) target = this.active - shown + 1;
    if (target !== null) {
      const whole = this.count * this.rowHeight;
      const pixels = target * this.rowHeight;
      this.scroller.scrollTop = whole <= MAX_HEIGHT ? pixels : (pixels / Math.max(1, whole - this.view)) * (this.height - this.view);
    }
    this.draw();
  }

  click(event) {
    const root = event.target.closest(".table-row");
    if (!root || event.target.closest("a, button")) return;
    this.active = Number(root.dataset.index);
    this.mark();
    this.handlers.open(this.active);
  }
}

/** A choice of the order in the address: "-self" is downwards by self. */
export function readOrder(value, fallback) {
  const wanted = value || fallback;
  return wanted.startsWith("-") ? [wanted.slice(1), true] : [wanted, false];
}

/** The order after a press on a column: figures begin with the greatest. */
export function nextOrder([key, down], pressed, columns) {
  const begins = Boolean(columns.find((column) => column.key === pressed)?.number);
  const now = pressed === key ? !down : begins;
  return `${now ? "-" : ""}${pressed}`;
}
