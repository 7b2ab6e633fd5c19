// The trace page: puts payload, rows, window, panel, find, share and live together.

import { copy, el, freshPage, text, toast } from "../dom.js";
import { connect } from "../socket.js";
import { Panel } from "./detail.js";
import { Finder } from "./find.js";
import { Grid } from "./grid.js";
import { listen } from "./keys.js";
import { makeModel, Visible } from "./model.js";
import { fetchPayload } from "./payload.js";
import { shareDialog } from "./share.js";
import { decodeServices, encodeCollapsed, encodeServices, fromUs, readState, rowName, rowsOf, toUs, writeState } from "./state.js";
import { Views } from "./views.js";
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
  rows: (found) => { grid.matches = found; grid.refresh(); app.remember(); views.found(found); },
  go: (row) => views.lead(row) || app.reveal(row),
});

const app = {
  grid, time, panel, finder,
  get model() { return model; },
  get visible() { return visible; },
  open(row) {
    grid.select(row);
    panel.show(row, model.header.version, () => this.remember());
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
    if (visible.reveal(row)) {
      if (!visible.services) for (const button of page.querySelectorAll("[data-legend]")) button.setAttribute("aria-pressed", "false");
      grid.layout();
    }
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
      span: panel.open ? (model.header.ids?.[panel.row] ?? panel.spanId) : "",
      from: time.whole ? "" : toUs(time.from, model),
      to: time.whole ? "" : toUs(time.to, model),
      uiFind: finder.wanted,
      svcFilter: encodeServices(serviceNames(), chosenServices()),
      collapsed: encodeCollapsed(model, visible),
      critical: page.classList.contains("no-critical") ? "0" : "",
    });
  },
};

const views = new Views(page, app);

const serviceNames = () => model.header.services.map(([name]) => name);
const chosenServices = () => [...page.querySelectorAll('[data-legend][aria-pressed="true"]')].map((button) => button.dataset.legend);

/** Row of a span id, or -1; the server knows it where the payload leaves ids out. */
async function rowOf(name) {
  if (!name) return -1;
  if (model.header.ids) return model.header.ids.indexOf(name);
  const response = await fetch(`${urls.find}?span=${encodeURIComponent(name)}`, { credentials: "same-origin" });
  return response.ok ? ((await response.json()).rows[0] ?? -1) : -1;
}

/** What to keep when the trace is read again, by names that outlive growth. */
function kept() {
  const collapsed = new Set();
  visible.collapsed.forEach((closed, row) => { if (closed) collapsed.add(rowName(model, row)); });
  return {
    collapsed,
    selected: panel.open ? rowName(model, panel.row) : "",
    focused: rowName(model, grid.focused),
    inGrid: grid.body.contains(document.activeElement),
    window: time.whole ? null : [time.from * model.unit, time.to * model.unit],
    origin: BigInt(model.header.origin_us),
    scroll: scroller.scrollTop,
  };
}

function restore(old) {
  const rows = rowsOf(model, new Set([...old.collapsed, old.selected, old.focused]));
  for (const name of old.collapsed) if (rows.has(name)) visible.collapsed[rows.get(name)] = 1;
  grid.focused = rows.get(old.focused) ?? 0;
  if (old.window) {
    const shift = Number(old.origin - BigInt(model.header.origin_us)) * 1000;
    time.set((old.window[0] + shift) / model.unit, (old.window[1] + shift) / model.unit, false);
  }
  return rows.get(old.selected) ?? -1;
}

async function load() {
  const fresh = makeModel(await fetchPayload(urls.payload));
  const old = model && kept();
  model = fresh;
  visible = new Visible(model);
  visible.only(chosenServices());
  grid.matches = null;
  grid.show(model, visible);
  time.show(model);
  const selected = old ? restore(old) : -1;
  visible.update();
  correctClocks();
  grid.layout();
  if (old) scroller.scrollTop = old.scroll;
  if (selected >= 0) app.open(selected);
  if (old?.inGrid) grid.focus(grid.focused);
  grid.refresh();
  if (old) views.draw();
  page.querySelector("[data-skew]").hidden = !model.columns.skew;
  page.dataset.ready = String(model.count);
  performance.mark("spanboard-rows");
  requestAnimationFrame(() => setTimeout(() => time.picture(), 0));
}

let loading = null;
let stale = false;
/** Read the trace again, and what the server says of it; one at a time. */
function reload() {
  stale = true;
  loading ??= (async () => {
    try {
      while (stale) {
        stale = false;
        await Promise.all([load(), head()]);
        finder.again();
      }
    } catch (problem) {
      fault(problem);
    } finally {
      loading = null;
    }
  })();
}

/** The parts of the page that the server writes: figures, sentences, legend. */
async function head() {
  const fresh = await freshPage();
  const chosen = new Set(chosenServices());
  for (const name of ["[data-facts]", "[data-title]", "[data-legend-list]"]) {
    const found = fresh.querySelector(name);
    if (found) page.querySelector(name)?.replaceChildren(...document.adoptNode(found).childNodes);
  }
  document.title = fresh.title;
  for (const button of page.querySelectorAll("[data-legend]")) button.setAttribute("aria-pressed", String(chosen.has(button.dataset.legend)));
}

function fault(problem) {
  scroller.querySelector(".grid-state")?.remove();
  scroller.prepend(el("p", { class: "grid-state failed", role: "alert", text: text("failedPayload", { text: problem.message }) }));
}

function growth(message) {
  const badge = page.querySelector("[data-growth]");
  badge.hidden = false;
  page.querySelector("[data-so-far]")?.toggleAttribute("hidden", !message.growing);
  const [kind, words] = message.growing ? ["ok", "growing"] : message.complete ? ["", "complete"] : ["warn", "incomplete"];
  badge.className = `badge ${kind}`;
  badge.replaceChildren(...(message.growing ? [el("span", { class: "dot" })] : []), text(words));
}

function correctClocks() {
  const corrected = page.querySelector("[data-skew]").getAttribute("aria-pressed") === "true";
  model.drawn = corrected ? model.corrected : model.start;
}

function chooseServices() {
  visible.only(chosenServices());
  grid.layout();
  grid.refresh();
}

function showCritical(shown) {
  page.querySelector("[data-critical]").setAttribute("aria-pressed", String(shown));
  page.classList.toggle("no-critical", !shown);
}

/** What the address asks for, once the rows are there. */
async function applyState() {
  if (state.from && state.to) time.set(fromUs(state.from, model), fromUs(state.to, model), false);
  if (state.critical === "0") showCritical(false);
  if (state.svcFilter) {
    const names = decodeServices(serviceNames(), state.svcFilter);
    if (!names) toast(text("filterIgnored"));
    for (const button of page.querySelectorAll("[data-legend]")) button.setAttribute("aria-pressed", String(names?.includes(button.dataset.legend) ?? false));
    chooseServices();
  }
  if (state.collapsed === "all") app.all(true);
  else if (state.collapsed && model.header.ids) {
    for (const id of state.collapsed.split(".")) {
      const row = model.header.ids.indexOf(id);
      if (row >= 0 && model.subtree[row] > 1) visible.collapsed[row] = 1;
    }
    visible.update();
    grid.layout();
    grid.refresh();
  }
  let chosen = await rowOf(state.span);
  if (chosen < 0 && /^[0-9a-f]{16}$/i.test(state.uiFind)) chosen = await rowOf(state.uiFind.toLowerCase());
  if (chosen >= 0) app.go(chosen);
  if (state.uiFind) finder.set(state.uiFind);
}

async function start() {
  try {
    await load();
  } catch (problem) {
    fault(problem);
    throw problem;
  }
  await applyState();
  listen(app, page);
  views.start();
  wire();
  if (urls.live) {
    connect(urls.live, {
      onReset: (message) => { if (message.version && message.version !== model.header.version) reload(); },
      onDiff: (message) => {
        growth(message);
        if (message.version !== model.header.version) reload();
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
    showCritical(critical.getAttribute("aria-pressed") !== "true");
    app.remember();
  });
  const skew = page.querySelector("[data-skew]");
  skew.addEventListener("click", () => {
    skew.setAttribute("aria-pressed", String(skew.getAttribute("aria-pressed") !== "true"));
    correctClocks();
    grid.refresh();
    time.picture();
  });
  page.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-row]");
    if (link) { event.preventDefault(); app.go(Number(link.dataset.row)); }
    const chip = event.target.closest("[data-legend]");
    if (chip) {
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      chooseServices();
      app.remember();
    }
  });
  page.querySelector("[data-copy]")?.addEventListener("click", (event) => copy(event.currentTarget.dataset.copy));
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
