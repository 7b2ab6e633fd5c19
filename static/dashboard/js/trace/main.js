// The trace page: puts payload, rows, window, details, find, share and live together.

import { copy, el, text, toast } from "../dom.js";
import { connect } from "../socket.js";
import { Choices } from "./choices.js";
import { Events } from "./events.js";
import { exportMenu } from "./export.js";
import { Finder } from "./find.js";
import { Grid } from "./grid.js";
import { badge, head, kept, restore, waiting } from "./growth.js";
import { listen } from "./keys.js";
import { makeModel } from "./model.js";
import { Inline, Panel } from "./panel.js";
import { fetchPayload } from "./payload.js";
import { Plan, SPAN } from "./plan.js";
import { resizable } from "./resize.js";
import { shareDialog } from "../sharing/dialog.js";
import { stateWords } from "../sharing/words.js";
import { notesOf, together } from "../together/together.js";
import { changes, decodeOpened, decodeRows, decodeServices, encodeCollapsed, encodeOpened, encodeServices, fromUs, readState, toUs, writeState } from "./state.js";
import { Views } from "./views.js";
import { TimeWindow } from "./window.js";

const STILL_MS = 150;
const page = document.querySelector("[data-trace]");
const urls = page.dataset;
const scroller = page.querySelector("[data-grid]");
let model = null;
let plan = null;
let rootId = "";
let applying = false;

const grid = new Grid(scroller, page.querySelector("[data-rows]"), {
  onOpen: (row) => app.open(row, true),
  onToggle: (item, whole) => app.toggle(item, undefined, whole),
  onView: (from, to) => events.want(() => rowsBetween(from, to)),
});
const events = new Events(urls.events, () => grid.refresh());
grid.events = events;
const time = new TimeWindow(page, (from, to, tell) => {
  grid.zoom(from, to);
  changes.dispatchEvent(new Event("state"));
  if (tell) app.rememberSoon();
});
const finder = new Finder(page, urls, {
  rows: (found) => {
    grid.matches = found;
    if (choices.pressed("only")) app.choose();
    else grid.refresh();
    app.remember();
    views.found(found);
  },
  go: (row) => views.lead(row) || app.reveal(row),
});
const choices = new Choices(page, (name) => app.chosen(name));

const actions = {
  urls,
  get notes() { return grid.notes; },
  get version() { return model.header.version; },
  go: (row) => app.go(row),
  step: (by) => app.step(by),
  close: (row) => app.close(row),
  reroot: (row, id) => app.reroot(row, id),
};
const panel = new Panel(page, actions);
const inline = new Inline(grid, actions);

const app = {
  grid, time, panel, inline, finder, choices, page, urls,
  get model() { return model; },
  get plan() { return plan; },
  /** Show a span's details; push makes an entry in the history. */
  async open(row, push = false) {
    const item = plan.shownAs(row);
    grid.select(item);
    if (choices.inline && views.current === "waterfall") {
      if (inline.open.has(row)) { this.close(row); return; }
      await inline.show(row);
    } else await panel.show(row);
    this.remember(push);
  },
  close(row = -1) {
    if (choices.inline && row >= 0) inline.close(row);
    else { inline.clear(); panel.close(); grid.select(-1); }
    this.remember(true);
    grid.focus(grid.focused);
  },
  go(row) {
    this.reveal(row);
    this.open(row, true);
  },
  /** The next span in the order of the rows, with its details. */
  step(by) {
    let place = plan.placeOf(grid.selected);
    if (place < 0) place = plan.placeOf(grid.focused) - by;
    do place += by; while (place >= 0 && place < plan.length && plan.kind(plan.rows[place]) !== SPAN);
    if (place < 0 || place >= plan.length) return;
    grid.focus(plan.rows[place], false);
    this.open(plan.rows[place]);
  },
  reveal(row, move = true) {
    const gone = plan.reveal(row);
    choices.drop(gone);
    if (gone.includes("root")) this.rooted();
    grid.layout();
    grid.focus(plan.shownAs(row), move);
  },
  toggle(item, closed, whole = false) {
    if (whole && plan.kind(item) === SPAN) plan.whole(item, closed ?? !plan.closed(item));
    else plan.toggle(item, closed);
    this.redraw();
    if (plan.placeOf(grid.focused) < 0) grid.focus(item);
    this.remember();
  },
  all(closed) { plan.all(closed); this.redraw(); this.remember(); },
  level(open) { plan.level(open); this.redraw(); this.remember(); },
  redraw() { grid.layout(); grid.refresh(); },
  /** Take the choices of the page into the plan. */
  choose() {
    choices.give(plan, model, grid.matches);
    plan.update();
    choices.count();
    this.redraw();
  },
  /** The reader chose something in the toolbar. */
  chosen(name) {
    if (!model) return;
    if (name === "skew") { correctClocks(); time.picture(); }
    if (name === "density") grid.measure();
    if (name === "place") this.moveDetails();
    if (name === "only" && choices.pressed("only")) for (const row of grid.matches ?? []) openAbove(row);
    this.choose();
    this.remember(true);
  },
  /** Details go to the other place. */
  moveDetails() {
    const rows = panel.open ? [panel.row] : inline.rows;
    panel.close();
    inline.clear();
    if (rows.length) this.open(rows[0]);
  },
  /** Show only a span and what is below it; -1 shows the whole trace again. */
  async reroot(row, id = "") {
    plan.root = row;
    rootId = row < 0 ? "" : id || (await idOf(row));
    plan.update();
    this.rooted();
    this.redraw();
    if (row < 0) time.fit();
    else zoomTo(row);
    grid.focus(row < 0 ? grid.focused : plan.shownAs(row));
  },
  rooted() {
    if (plan.root < 0) rootId = "";
    const chip = page.querySelector("[data-rooted]");
    chip.hidden = plan.root < 0;
    if (plan.root >= 0) chip.querySelector("span").textContent = text("onlyBelowThis", { name: `${model.service(plan.root)[0]} ${model.operation(plan.root)}`.slice(0, 80) });
  },
  /** Remember once the reader stands still: the history's entries are dear, and few are wanted. */
  rememberSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.remember(true), STILL_MS);
  },
  remember(push = false) {
    clearTimeout(this.timer);
    if (!model || applying) return;
    writeState(this.state(), push);
  },
  /** What the waterfall shows, in the words of the address. */
  state() {
    const opened = panel.open ? [model.header.ids?.[panel.row] ?? panel.spanId] : inline.ids;
    return {
      span: opened.filter(Boolean).join("."),
      from: time.whole ? "" : toUs(time.from, model),
      to: time.whole ? "" : toUs(time.to, model),
      uiFind: finder.wanted,
      svcFilter: encodeServices(serviceNames(), choices.services),
      collapsed: encodeCollapsed(model, plan),
      opened: encodeOpened(model, plan),
      root: rootId,
      ...choices.words(model),
    };
  },
};

const views = new Views(page, app);

const serviceNames = () => model.header.services.map(([name]) => name);

function rowsBetween(from, to) {
  const rows = [];
  for (let place = from; place < Math.min(to, plan.length); place += 1) {
    const item = plan.rows[place];
    if (item >= model.count) continue;
    rows.push(item);
    if (plan.pairs && model.pair[item] >= 0) rows.push(model.pair[item]);
  }
  return rows;
}

function openAbove(row) {
  for (let above = model.parent[row]; above >= 0; above = model.parent[above]) plan.collapsed[above] = 0;
}

function zoomTo(row) {
  let from = Infinity;
  let to = 0;
  for (let at = row; at < row + model.subtree[row]; at += 1) {
    from = Math.min(from, model.drawn[at]);
    to = Math.max(to, model.drawn[at] + model.columns.duration[at]);
  }
  time.set(from, Math.max(to, from + 1));
}

/** Row of a span id, or -1; the server knows it where the payload leaves ids out. */
async function rowOf(name) {
  if (!name) return -1;
  if (model.header.ids) return model.header.ids.indexOf(name);
  const response = await fetch(`${urls.find}?span=${encodeURIComponent(name)}`, { credentials: "same-origin" });
  return response.ok ? ((await response.json()).rows[0] ?? -1) : -1;
}

async function idOf(row) {
  if (model.header.ids) return model.header.ids[row];
  const response = await fetch(`${urls.span}${row}`, { credentials: "same-origin" });
  return response.ok ? (await response.json()).span_id : "";
}

async function load() {
  const fresh = makeModel(await fetchPayload(urls.payload));
  const old = model && kept(app);
  if (old) { inline.clear(); events.clear(); }
  model = fresh;
  plan = new Plan(model);
  grid.matches = null;
  choices.give(plan, model, null);
  plan.update();
  grid.show(model, plan);
  time.show(model);
  if (old) grid.notes?.load();
  else grid.notes = notesOf(page, app);
  const opened = old ? restore(app, old) : [];
  plan.update();
  correctClocks();
  grid.layout();
  if (old) scroller.scrollTop = old.scroll;
  for (const row of opened) app.open(row);
  if (old?.inGrid) grid.focus(grid.focused);
  grid.refresh();
  choices.button("skew").hidden = !model.columns.skew;
  choices.button("pairs").hidden = !model.pair.some((row) => row >= 0);
  choices.button("folds").hidden = !model.repeats.length;
  waiting(page, model);
  page.dataset.ready = String(model.count);
  performance.mark("spanboard-rows");
  if (old) views.draw();
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
        await Promise.all([load(), head(page, choices)]);
        finder.again();
      }
    } catch (problem) {
      fault(problem);
    } finally {
      loading = null;
    }
  })();
}

function fault(problem) {
  scroller.querySelector(".grid-state")?.remove();
  scroller.prepend(el("p", { class: "grid-state failed", role: "alert", text: text("failedPayload", { text: problem.message }) }));
}

function correctClocks() {
  model.drawn = choices.pressed("skew") ? model.corrected : model.start;
}

/** Bring the page to what the address says: at first, and on back and forward. */
async function apply(state, first, move = true) {
  applying = true;
  try {
    choices.read(state);
    const names = state.svcFilter ? decodeServices(serviceNames(), state.svcFilter) : [];
    if (!names) toast(text("filterIgnored"));
    choices.chooseServices(names ?? []);
    plan.collapsed.fill(0);
    if (state.collapsed === "all") plan.all(true);
    else for (const row of decodeRows(model, state.collapsed)) if (model.subtree[row] > 1) plan.collapsed[row] = 1;
    decodeOpened(model, plan, state.opened);
    plan.root = await rowOf(state.root);
    rootId = plan.root < 0 ? "" : state.root;
    app.choose();
    app.rooted();
    applyWindow(state);
    if (finder.wanted !== state.uiFind) finder.set(state.uiFind);
    await applySpans(state, first, move);
  } finally {
    applying = false;
  }
}

function applyWindow(state) {
  if (state.from && state.to) time.set(fromUs(state.from, model), fromUs(state.to, model), false);
  else time.fit(false);
}

async function applySpans(state, first, move) {
  const wanted = [];
  for (const id of state.span ? state.span.split(".").slice(0, 20) : []) wanted.push(await rowOf(id));
  const rows = wanted.filter((row) => row >= 0);
  if (first && !rows.length && /^[0-9a-f]{16}$/i.test(state.uiFind)) {
    const row = await rowOf(state.uiFind.toLowerCase());
    if (row >= 0) rows.push(row);
  }
  inline.clear();
  if (!rows.length) { panel.close(); grid.select(-1); return; }
  for (const row of choices.inline ? rows : rows.slice(0, 1)) {
    app.reveal(row, move);
    await app.open(row);
  }
}

async function start() {
  try {
    choices.read(readState());
    await load();
  } catch (problem) {
    fault(problem);
    throw problem;
  }
  await apply(readState(), true);
  listen(app, page);
  views.start();
  wire();
  together(page, app, views, { apply: (state) => apply(state, false, false), window: applyWindow, spans: followSpans });
  addEventListener("popstate", () => apply(readState(), false));
  // A share's page tells that somebody looks: a preview that runs no script does not count.
  if (urls.seen) fetch(urls.seen, { method: "POST" }).catch((problem) => console.warn("The opening could not be counted:", problem));
  if (urls.live) {
    const differs = (message) => message.version !== model.header.version || message.growing !== model.header.growing;
    const grow = (message) => {
      if (grid.notes?.heard(message) && !differs(message)) return;
      badge(page, message);
      if (differs(message)) reload();
    };
    // What happened before the connection, or while the page was out of view.
    connect(urls.live, { onReset: (message) => { if (message.version && differs(message)) grow(message); else grid.notes?.heard(message); }, onDiff: grow });
  }
}

/** Bring details to what a presenter shows; what is followed takes no focus away. */
async function followSpans(state) {
  applying = true;
  try { await applySpans(state, false, false); } finally { applying = false; }
}

function wire() {
  const on = (name, action) => page.querySelector(`[data-${name}]`)?.addEventListener("click", action);
  on("expand", () => app.all(false));
  on("collapse", () => app.all(true));
  on("expand-one", () => app.level(true));
  on("collapse-one", () => app.level(false));
  on("zoom-in", () => time.zoom(0.5));
  on("zoom-out", () => time.zoom(2));
  on("zoom-fit", () => time.fit());
  on("rooted", () => app.reroot(-1));
  page.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-row]");
    if (link) { event.preventDefault(); follow(link); }
    const chip = event.target.closest("[data-legend]");
    if (chip) {
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      app.chosen("services");
    }
  });
  page.querySelector("[data-copy]")?.addEventListener("click", (event) => copy(event.currentTarget.dataset.copy));
  const changed = () => { grid.measure(); grid.refresh(); time.ticks(); };
  resizable(page.querySelector("[data-resize-name]"), page, "--name", { least: 200, most: 640, start: 396, changed });
  resizable(page.querySelector("[data-resize-panel]"), page, "--panel", { least: 320, most: 560, start: 384, grows: -1, changed });
  scroller.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = page.querySelector("[data-axis]").getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    time.zoom(event.deltaY > 0 ? 1.25 : 0.8, time.from + (time.to - time.from) * share);
  }, { passive: false });
  shareDialog({ state: () => stateWords(page), title: `${page.querySelector("[data-title]").textContent.trim()} · ${page.dataset.id.slice(0, 8)}` });
  exportMenu(page, app, views);
}

/** A sentence of the summary: its first span opens, all of them are lit. */
function follow(link) {
  const rows = (link.dataset.lit ?? "").split(" ").filter(Boolean).map(Number);
  grid.lit = rows.length > 1 ? new Set(rows) : null;
  app.go(Number(link.dataset.row));
}

start();
