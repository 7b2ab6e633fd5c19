// Which view of the trace shows: tabs, address, and modules loaded when first asked for.

import { el, icon, text } from "../dom.js";
import { readView, writeView } from "./state.js";

const MODULES = {
  flame: () => import("./views/flame.js"),
  statistics: () => import("./views/statistics.js"),
  table: () => import("./views/table.js"),
  graph: () => import("./views/graph.js"),
  logs: () => import("./views/logs.js"),
};

export class Views {
  /** app is main.js's; area holds the views beside the waterfall. */
  constructor(page, app) {
    this.page = page;
    this.app = app;
    this.area = page.querySelector("[data-view-area]");
    this.timeline = page.querySelector(".timeline");
    this.tabs = [...page.querySelectorAll("[data-view-name]")];
    this.select = page.querySelector("[data-view-select]");
    this.current = "waterfall";
    this.matches = null;
    this.states = new Map(); // what each view last had in the address
    this.shown = new Map(); // containers and modules by name
    this.back = null; // what had the focus before the panel opened
  }

  /** Listen, and show what the address asks for. */
  start() {
    this.timeline.setAttribute("role", "tabpanel");
    this.timeline.id = "view-waterfall";
    this.timeline.setAttribute("aria-labelledby", "tab-waterfall");
    for (const tab of this.tabs) tab.addEventListener("click", () => this.go(tab.dataset.viewName));
    this.page.querySelector("[data-views]").addEventListener("keydown", (event) => this.key(event));
    this.select.addEventListener("change", () => this.go(this.select.value));
    addEventListener("popstate", () => this.fromAddress());
    // A sentence leads to rows of the waterfall.
    this.page.addEventListener("click", (event) => {
      if (event.target.closest("a[data-row]") && this.current !== "waterfall") this.go("waterfall");
    }, true);
    new MutationObserver(() => {
      const entry = this.shown.get(this.current);
      entry?.module?.mark?.(entry.container);
      if (this.app.panel.open || !this.back) return;
      if (this.back.isConnected && this.current !== "waterfall") this.back.focus({ preventScroll: true });
      this.back = null;
    }).observe(this.page.querySelector("[data-panel]"), { attributes: true, attributeFilter: ["hidden"] });
    this.fromAddress();
  }

  fromAddress() {
    const { view, ...state } = readView();
    const name = view in MODULES ? view : "waterfall";
    this.states.set(name, state);
    return this.open(name);
  }

  /** Change to a view by a new entry of the history. */
  go(name, state = this.states.get(name) ?? {}) {
    this.states.set(name, state);
    writeView({ ...state, view: name === "waterfall" ? "" : name }, true);
    return this.open(name);
  }

  key(event) {
    const at = this.tabs.indexOf(event.target);
    if (at < 0) return;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: this.tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const tab = this.tabs[(to + this.tabs.length) % this.tabs.length];
    tab.focus();
    this.go(tab.dataset.viewName);
  }

  async open(name) {
    this.current = name;
    for (const tab of this.tabs) {
      const chosen = tab.dataset.viewName === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    }
    this.select.value = name;
    this.page.dataset.view = name;
    this.timeline.hidden = name !== "waterfall";
    this.area.hidden = name === "waterfall";
    for (const [other, { container }] of this.shown) container.hidden = other !== name;
    if (name === "waterfall") {
      this.app.grid.measure();
      this.app.grid.layout();
    } else await this.draw();
  }

  /** Draw the current view, again where it already stands. */
  async draw() {
    const name = this.current;
    if (name === "waterfall") return;
    let entry = this.shown.get(name);
    if (!entry) {
      const container = el("section", { class: `view view-${name}`, id: `view-${name}`, role: "tabpanel", "aria-labelledby": `tab-${name}` });
      entry = { container, loading: MODULES[name]() };
      this.shown.set(name, entry);
      this.area.append(container);
    }
    if (entry.failed) {
      entry.failed = false;
      entry.loading = MODULES[name]();
      entry.container.replaceChildren();
    }
    try {
      const module = await entry.loading;
      if (this.current !== name) return;
      entry.module = module;
      await module.show(entry.container, this.context(name));
      entry.container.dataset.shown = String(this.app.model.count);
    } catch (problem) {
      entry.failed = true;
      entry.container.replaceChildren(el("p", { class: "view-state failed", role: "alert" }, icon("error"), ` ${text("viewFailed", { text: problem.message })}`));
      console.warn(problem);
    }
  }

  context(name) {
    const { app, page } = this;
    return {
      model: app.model,
      header: app.model.header,
      page,
      urls: this.area.dataset,
      matches: this.matches,
      state: this.states.get(name) ?? {},
      remember: (state) => {
        this.states.set(name, state);
        if (this.current === name) writeView({ ...state, view: name }, false);
      },
      go: (view, state) => this.go(view, state),
      openSpan: (row) => this.openSpan(row),
      inWaterfall: async (row) => { await this.go("waterfall"); app.go(row); },
      selected: () => (app.panel.open ? app.panel.row : -1),
      find: (wanted) => app.finder.set(wanted),
    };
  }

  openSpan(row) {
    this.back ??= document.activeElement;
    return this.app.open(row);
  }

  /** The matches of a find have changed: a Set of rows, or null. */
  found(matches) {
    this.matches = matches;
    this.draw();
  }

  /** What the current view shows as SVG, or null where it has no picture of its own. */
  picture() {
    const entry = this.shown.get(this.current);
    return entry?.module?.picture?.(entry.container) ?? null;
  }

  /** Lead to a row; false where the waterfall shall do it. */
  lead(row) {
    const module = this.shown.get(this.current)?.module;
    if (this.current === "waterfall" || !module) return false;
    module.reveal?.(this.shown.get(this.current).container, row);
    return true;
  }
}
