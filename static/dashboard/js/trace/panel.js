// Where details stand: in the panel at the side, or inline below their rows.

import { copy, el, icon, text } from "../dom.js";
import { detailHead, detailParts, fetchDetail } from "./detail.js";

function fault(problem) {
  return el("section", { class: "fault", role: "alert" }, icon("error"), text("detailsFailed", { text: problem.message }));
}

function notesOf(span, actions) {
  return actions.notes ? [actions.notes.section(span)] : [];
}

/** Buttons that both places have. */
function shared(span, actions) {
  return [
    ["copy", text("copyId"), () => copy(span.span_id)],
    ["share", text("copyLink"), () => { const url = new URL(location.href); url.searchParams.set("span", span.span_id); copy(url.href); }],
    ["subtree", text("onlyBelow"), () => actions.reroot(span.row, span.span_id)],
  ];
}

export class Panel {
  /** actions: go(row), step(by), close(), reroot(row, id), version, urls. */
  constructor(page, actions) {
    this.root = page.querySelector("[data-panel]");
    this.actions = actions;
    this.wanted = 0;
    this.row = -1;
    this.spanId = "";
  }

  get open() { return !this.root.hidden; }

  /** Show a row; true once it is there, false when something else was asked for since. */
  async show(row) {
    if (row !== this.row) this.spanId = "";
    this.row = row;
    this.root.hidden = false;
    const ticket = (this.wanted += 1);
    try {
      const span = await fetchDetail(this.actions.urls, row, this.actions.version);
      if (ticket !== this.wanted) return false;
      this.spanId = span.span_id;
      const buttons = [...shared(span, this.actions), ["up", text("previousSpan"), () => this.actions.step(-1)], ["down", text("nextSpan"), () => this.actions.step(1)], ["close", text("close"), () => this.actions.close()]];
      this.root.replaceChildren(detailHead(span, this.actions, buttons), ...notesOf(span, this.actions), ...detailParts(span, this.actions));
      this.root.scrollTop = 0;
      return true;
    } catch (problem) {
      if (ticket !== this.wanted) return false;
      this.root.replaceChildren(fault(problem));
      return true;
    }
  }

  close() {
    this.wanted += 1;
    this.root.hidden = true;
    this.row = -1;
    this.spanId = "";
  }
}

export class Inline {
  /** grid places the elements; actions as for the panel, close(row). */
  constructor(grid, actions) {
    this.grid = grid;
    this.actions = actions;
    this.open = new Map(); // row → {element, id}
  }

  get rows() { return [...this.open.keys()]; }

  get ids() { return [...this.open.values()].map((one) => one.id).filter(Boolean); }

  async show(row) {
    if (this.open.has(row)) return;
    const cell = el("div", { class: "inline-detail", role: "gridcell" });
    const element = el("div", { class: "inline-row", role: "row" }, cell);
    const one = { element, id: "" };
    this.open.set(row, one);
    element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { event.stopPropagation(); this.actions.close(row); }
    });
    try {
      const span = await fetchDetail(this.actions.urls, row, this.actions.version);
      one.id = span.span_id;
      const buttons = [...shared(span, this.actions), ["close", text("close"), () => this.actions.close(row)]];
      cell.append(detailHead(span, this.actions, buttons), ...notesOf(span, this.actions), el("div", { class: "columns" }, ...detailParts(span, this.actions)));
    } catch (problem) {
      cell.append(fault(problem));
    }
    if (this.open.get(row) === one) this.grid.inset(row, element);
  }

  close(row) {
    this.open.delete(row);
    this.grid.outset(row);
  }

  clear() {
    this.open.clear();
    this.grid.outset();
  }
}
