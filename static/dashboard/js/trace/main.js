// The trace page: puts payload, rows, window, panel, find, share and live together.

import { copy, el, text } from "../dom.js";
import { connect } from "../socket.js";
import { Panel } from "./detail.js";
import { Finder } from "./find.js";
import { Grid } from "./grid.js";
import { listen } from "./keys.js";
import { makeModel, Visible } from "./model.js";
import { fetchPayload } from "./payload.js";
import { shareDialog } from "./share.js";
import { readState, writeState } from "./state.js";
import { TimeWindow } from "./window.js";

const page = document.querySelector("[data-trace]");
const urls = page.dataset;
const scroller = page.querySelector("[data-grid]");
const state = readState();
let model = null;
let visible = null;

const grid = new Grid(scroller, page.querySelector("[data-rows]"), {
  onOpen: (row) => app.open(row),
  onToggle: (row) => app.toggle(row),
});
const time = new TimeWindow(page, (from, to, tell) => {
  grid.zoom(from, to);
  if (tell) app.remember();
});
const panel = new Panel(page, urls, (row) => (row < 0 ? app.close() : app.go(row)));
const finder = new Finder(page, urls, {
  rows: (found) => { grid.matches = found; grid.refresh(); app.remember(); },
  go: (row) => app.reveal(row),
});

const app = {
  grid, time, panel, finder,
  get model() { return model; },
  get visible() { return visible; },
  open(row) {
    grid.select(row);
    panel.show(row, model.header.version);
    this.remember();
  },
  close() {
    panel.close();
    grid.select(-1);
    this.remember();
    grid.focus(grid.focused);
  },
  go(row) { this.reveal(row); this.open(row); },
  reveal(row) {
    if (visible.reveal(row)) grid.layout();
    grid.focus(row);
  },
  toggle(row, closed) {
    visible.toggle(row, closed);
    grid.layout();
    grid.refresh();
    this.remember();
  },
  all(closed) {
    visible.all(closed);
    grid.layout();
    grid.refresh();
    this.remember();
  },
  remember() {
    if (!model) return;
    writeState({
      span: panel.open ? (model.header.ids?.[panel.row] ?? `r${panel.row}`) : "",
      from: time.whole ? "" : String(Math.round(time.from)),
      to: time.whole ? "" : String(Math.round(time.to)),
      uiFind: finder.wanted,
    });
  },
};

function rowOf(name) {
  if (!name) return -1;
  const plain = /^r(\d+)$/.exec(name);
  if (plain && Number(plain[1]) < model.count) return Number(plain[1]);
  return model.header.ids ? model.header.ids.indexOf(name) : -1;
}

async function load() {
  const old = model && { ids: model.header.ids, collapsed: visible.collapsed, selected: panel.open ? panel.row : -1, focused: grid.focused, window: time.whole ? null : [time.from, time.to], unit: model.unit };
  const fresh = makeModel(await fetchPayload(urls.payload));
  const before = scroller.scrollTop;
  model = fresh;
  visible = new Visible(model);
  grid.show(model, visible);
  time.show(model);
  if (old?.ids && model.header.ids) {
    const at = new Map(model.header.ids.map((id, row) => [id, row]));
    old.collapsed.forEach((closed, row) => { if (closed && at.has(old.ids[row])) visible.collapsed[at.get(old.ids[row])] = 1; });
    visible.update();
    grid.layout();
    grid.focused = at.get(old.ids[old.focused]) ?? 0;
    if (old.selected >= 0 && at.has(old.ids[old.selected])) app.open(at.get(old.ids[old.selected]));
    if (old.window) time.set(old.window[0] * old.unit / model.unit, old.window[1] * old.unit / model.unit, false);
    scroller.scrollTop = before;
  }
  grid.refresh();
  page.querySelector("[data-skew]").hidden = !model.columns.skew;
  page.dataset.ready = String(model.count);
  performance.mark("spanboard-rows");
  requestAnimationFrame(() => setTimeout(() => time.picture(), 0));
}

function growth(message) {
  const badge = page.querySelector("[data-growth]");
  badge.hidden = false;
  page.querySelector("[data-so-far]")?.toggleAttribute("hidden", !message.growing);
  badge.className = `badge ${message.growing ? "ok" : ""}`;
  badge.replaceChildren(...(message.growing ? [el("span", { class: "dot" }), text("growing")] : [text("complete")]));
}

async function start() {
  for (const segments of page.querySelectorAll(".segments")) {
    let x = 0;
    for (const rect of segments.children) {
      const width = Number(rect.getAttribute("width")) * 1000;
      rect.setAttribute("x", x.toFixed(1));
      rect.setAttribute("width", Math.max(width - 3, 1).toFixed(1));
      x += width;
    }
  }
  try {
    await load();
  } catch (problem) {
    scroller.prepend(el("p", { class: "grid-state failed", role: "alert", text: text("failedPayload", { text: problem.message }) }));
    throw problem;
  }
  if (state.from && state.to) time.set(Number(state.from), Number(state.to), false);
  const chosen = rowOf(state.span);
  const asSpan = chosen < 0 ? rowOf(state.uiFind) : chosen;
  if (asSpan >= 0) app.go(asSpan);
  if (state.uiFind && asSpan < 0) finder.set(state.uiFind);
  listen(app, page);
  wire();
  if (urls.live) {
    connect(urls.live, {
      onReset: (message) => { if (message.version && message.version !== model.header.version) load(); },
      onDiff: (message) => {
        growth(message);
        if (message.version !== model.header.version) load();
      },
    });
  }
}

function wire() {
  const on = (name, action) => page.querySelector(`[data-${name}]`)?.addEventListener("click", action);
  on("expand", () => app.all(false));
  on("collapse", () => app.all(true));
  on("zoom-in", () => time.zoom(0.5));
  on("zoom-out", () => time.zoom(2));
  on("zoom-fit", () => time.fit());
  const critical = page.querySelector("[data-critical]");
  critical.addEventListener("click", () => {
    const shown = critical.getAttribute("aria-pressed") !== "true";
    critical.setAttribute("aria-pressed", String(shown));
    page.classList.toggle("no-critical", !shown);
  });
  const skew = page.querySelector("[data-skew]");
  skew.addEventListener("click", () => {
    const corrected = skew.getAttribute("aria-pressed") !== "true";
    skew.setAttribute("aria-pressed", String(corrected));
    model.drawn = corrected ? model.corrected : model.start;
    grid.refresh();
    time.picture();
  });
  for (const link of page.querySelectorAll("[data-row]")) {
    if (link.tagName === "A") link.addEventListener("click", (event) => { event.preventDefault(); app.go(Number(link.dataset.row)); });
  }
  page.querySelector("[data-copy]")?.addEventListener("click", (event) => copy(event.currentTarget.dataset.copy));
  for (const button of page.querySelectorAll("[data-legend]")) {
    button.addEventListener("click", () => {
      const pressed = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(pressed));
      const names = [...page.querySelectorAll('[data-legend][aria-pressed="true"]')].map((b) => b.dataset.legend);
      visible.services = names.length ? new Set(model.header.services.flatMap(([name], i) => (names.includes(name) ? [i] : []))) : null;
      visible.update();
      grid.layout();
      grid.refresh();
    });
  }
  scroller.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = page.querySelector("[data-axis]").getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    time.zoom(event.deltaY > 0 ? 1.25 : 0.8, time.from + (time.to - time.from) * share);
  }, { passive: false });
  shareDialog();
}

start();
