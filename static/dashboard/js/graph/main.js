// The service graph page: its state is the address, its data come from the server and live.

import { data as read, el, icon, text } from "../dom.js";
import { when } from "../format.js";
import { connect } from "../socket.js";
import { Address } from "./address.js";
import { Changes, compared, CompareMenu, states } from "./compare.js";
import { around, changed as apply, whole } from "./data.js";
import { Crumbs } from "./crumbs.js";
import { Dots } from "./dots.js";
import { Exports } from "./exports.js";
import { Find } from "./find.js";
import { listenKeys } from "./keys.js";
import { Minimap } from "./minimap.js";
import { Panel } from "./panel.js";
import { pathData, pathMarks, Paths, setMarks } from "./paths.js";
import { Picture } from "./picture.js";
import { Questions } from "./questions.js";
import { Replay } from "./replay.js";
import { twins } from "./table.js";

const FRESH_MS = 60_000;
const FRAME_US = 6 * 3600 * 1e6;
const narrow = matchMedia("(max-width: 767px)");
const page = document.querySelector("[data-graph]");
const stage = page.querySelector("[data-stage]");
// A shared page answers from what it holds: it asks for no other window, level or trace.
const shared = "shared" in page.dataset;
let data = whole(read("graph-data"));
let matched = null;
let known = new Map(data.edges.map((edge) => [edge.id, 0]));
let socket = null;
let loads = 0;
let frame = null;
let lit = null;
let litPath = true;

export const address = new Address((before, after, back) => {
  if (!shared && address.request() !== asked) load();
  else refresh({ reveal: back });
});
// What was asked for last, answered or not: an answer to anything else is late.
let asked = address.request();

export const picture = new Picture(page, { choose, open: openGroup, moved: () => { minimap.later(); picture.told?.(); } });
const minimap = new Minimap(page.querySelector("[data-minimap]"), picture);
const dots = new Dots(page.querySelector("[data-dots]"), picture);
const panel = new Panel(page.querySelector("[data-chosen]"), { choose, open: openGroup, go: (changes) => address.go(changes), query: () => address.query(), shared: shared ? page.dataset.panel : null });
const tables = twins(page, (id) => data.byId.get(id)?.label ?? id);
new Exports(page.querySelector("[data-export]"), { picture, address });
const changes = new Changes(page.querySelector("[data-changes]"), { choose, leave: () => address.go({ base: null, base_start: null, base_end: null, base_source: null, base_version: null, version: null, service: null }) });
const compareMenu = new CompareMenu(page.querySelector("[data-compare]"), address);
const paths = new Paths(page.querySelector("[data-paths]"), { address, lit: (ids) => { lit = ids; litPath = true; refresh(); } });
const questions = new Questions(page.querySelector("[data-questions]"), { address, choose, label: (id) => data.byId.get(id)?.label ?? id, lit: (ids, path) => { lit = ids; litPath = path; refresh(); } });
const crumbs = new Crumbs(page.querySelector("[data-crumbs]"), address);
const find = new Find(page, {
  names: () => data.names,
  go: (id) => {
    // In the picture it is chosen where it stands; else the picture becomes its neighbourhood.
    if (data.byId.has(id)) { choose({ node: id }); picture.reveal({ node: id }); picture.focus(id); } else if (shared) openGroup(new Map(data.names).get(id)); else address.go({ focus: id, node: id, caller: null, callee: null, open: null });
  },
  ask: (words, mode) => !shared && address.go({ find: mode === "find" ? words : null, hide: !words || mode === "find" ? null : mode === "rest" ? `not (${words})` : words }),
  mark: (ids) => { matched = ids && new Set(ids); refresh(); },
});

const replay = new Replay(page.querySelector("[data-time]"), { address, shown: () => data, preview: (at) => load(`graph.json?${previewed(at)}`) });

function previewed(at) {
  const query = new URLSearchParams(address.query());
  for (const name of ["start", "end"]) query.delete(name);
  query.set("at", at);
  return query;
}

function chosenNow() {
  if (address.get("node")) return { node: address.get("node") };
  if (address.get("caller")) return { edge: `${address.get("caller")}\0${address.get("callee")}` };
  return null;
}

/** Choose a node or an edge; it becomes part of the address. */
function choose(found) {
  const [caller, callee] = found?.edge?.split("\0") ?? [null, null];
  address.go({ node: found?.node ?? null, caller, callee });
}

function openGroup(name) {
  if (shared) { choose({ node: data.nodes.find((node) => node.members && (node.group || node.label) === name)?.id }); return; }
  address.go({ open: [...address.all("open"), name], node: null, caller: null, callee: null });
}

/** Which nodes a search by name means: themselves, or the group that holds them. */
function foundNodes() {
  if (matched) {
    const groups = new Map(data.names);
    const shown = new Set();
    for (const id of matched) {
      const group = data.byId.has(id) ? id : data.nodes.find((node) => node.members && (node.group || node.label) === groups.get(id))?.id;
      if (group) shown.add(group);
    }
    return shown;
  }
  if (!address.get("find") && !(shared && data.nodes.some((node) => node.found))) return null;
  return new Set(data.nodes.filter((node) => node.found).map((node) => node.id));
}

/** What stands out and what steps back. */
function marksNow() {
  const now = Date.now();
  const fresh = new Set([...known].filter(([, at]) => now - at < FRESH_MS).map(([id]) => id));
  let chosen = chosenNow();
  if (chosen && !(data.byId.has(chosen.node) || data.byEdge.has(chosen.edge))) chosen = null;
  const found = foundNodes();
  const marks = { fresh, chosen, found };
  if (data.diff) {
    const state = states(data);
    Object.assign(marks, { states: state.edges, nodeStates: state.nodes, loud: (edge) => state.edges.has(edge.id) });
  }
  if (data.overlay?.found) drawTrace(marks);
  if (lit && (data.through || address.get("questions"))) Object.assign(marks, litPath ? pathMarks(lit) : setMarks(lit));
  if (matched) {
    marks.loudNode = (node) => found.has(node.id);
    marks.loud = (edge) => found.has(edge.caller) && found.has(edge.callee);
  } else if (chosen?.node) {
    const near = around(data, chosen.node);
    marks.loudNode = (node) => near.has(node.id);
    marks.loud = (edge) => edge.caller === chosen.node || edge.callee === chosen.node;
  } else if (chosen?.edge) {
    const ends = chosen.edge.split("\0");
    marks.loudNode = (node) => ends.includes(node.id);
    marks.loud = (edge) => edge.id === chosen.edge;
  } else if (found) {
    marks.loudNode = (node) => node.found || [...data.out.get(node.id), ...data.in.get(node.id)].some((edge) => edge.found);
    marks.loud = (edge) => edge.found;
  }
  return marks;
}

/** One trace over the graph: its edges stand out, its failed calls are red. */
function drawTrace(marks) {
  const { edges, nodes } = data.overlay;
  marks.drawn = new Map(edges.map((edge) => [`${edge.caller}\0${edge.callee}`, edge.errors > 0]));
  marks.loud = (edge) => marks.drawn.has(edge.id);
  marks.loudNode = (node) => nodes.includes(node.id);
}

/** What is said of the trace that is drawn. */
function overlayLine() {
  const box = page.querySelector("[data-overlay]");
  const { overlay } = data;
  box.hidden = !overlay;
  if (!overlay || box.shown === overlay.sentence) return;
  box.shown = overlay.sentence;
  box.replaceChildren(
    icon(overlay.found ? "search" : "warning"), el("span", { text: overlay.sentence }),
    overlay.url ? el("a", { href: overlay.url, text: text("openTrace") }) : "",
    el("button", { class: "button", type: "button", text: text("overlayEnd"), on: { click: () => address.go({ trace: null }) } }));
}

function sentences() {
  page.querySelector("[data-traffic]").textContent = data.sentence.traffic;
  const worst = page.querySelector("[data-worst]");
  worst.textContent = data.sentence.worst;
  worst.classList.toggle("bad", data.edges.some((edge) => edge.failing && edge.calls >= 5));
  const updated = page.querySelector("[data-updated]");
  updated.replaceChildren(el("span", { text: data.live ? text("updated", { time: when(data.updated_us) }) : text("fixedWindow", { from: clock(data.start_us), to: clock(data.end_us) }) }));
  page.querySelector("[data-empty]").hidden = data.nodes.length > 0;
  if (data.sampling) page.querySelector("[data-sampling]").textContent = data.sampling.text;
}

function clock(us) {
  return new Date(us / 1000).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hour12: false });
}

function viewNow() {
  const asked = address.get("view");
  return asked === "table" || asked === "graph" ? asked : narrow.matches ? "table" : "graph";
}

/** Show the data with the state of the address. */
function refresh({ fit = false, reveal = false } = {}) {
  if (over) return;
  const view = viewNow();
  page.dataset.view = view;
  stage.hidden = view === "table";
  for (const button of page.querySelectorAll("[data-view-button]")) button.setAttribute("aria-pressed", String(button.value === view));
  const marks = marksNow();
  sentences();
  if (!shared) crumbs.show(data);
  const hide = address.get("hide");
  const rest = /^not \((.*)\)$/s.exec(hide);
  find.fill(address.get("find") || (rest ? rest[1] : hide), rest ? "rest" : hide ? "hide" : "find", data.counts);
  panel.show(data, marks.chosen);
  changes.show(data, Boolean(marks.chosen));
  paths.show(data, Boolean(marks.chosen));
  questions.show(data, Boolean(marks.chosen));
  page.querySelector("[data-ask]").setAttribute("aria-pressed", String(Boolean(address.get("questions"))));
  compareMenu.show(data);
  overlayLine();
  if (view === "table") {
    tables.edges.show(data.edges);
    tables.nodes.show(data.nodes);
    for (const row of page.querySelectorAll(".twin tbody tr")) row.setAttribute("aria-selected", String(row.dataset.key === (marks.chosen?.edge ?? marks.chosen?.node)));
  }
  picture.show(data, marks, { fit });
  stage.dataset.moment = data.at_us ?? "";
  if (reveal && marks.chosen) picture.reveal(marks.chosen);
  dots.live = data.live && view === "graph";
  for (const field of page.querySelectorAll("select[data-change]")) {
    const value = address.get(field.name) || field.dataset.usual;
    if (![...field.options].some((option) => option.value === value)) field.append(el("option", { value, text: value }));
    field.value = value;
  }
  const length = page.querySelector("select[name=lookback]");
  if (address.get("start")) length.value = "";
  else if (address.get("at") && !address.get("lookback")) length.value = "1m";
  replay.show();
}

/** Places of the six hours around a moment, so that nothing moves while time does. */
async function framed(at) {
  const all = new URLSearchParams(address.query());
  for (const name of ["at", "lookback"]) all.delete(name);
  all.set("start", Math.floor(at / FRAME_US) * FRAME_US);
  all.set("end", (Math.floor(at / FRAME_US) + 1) * FRAME_US);
  const wanted = String(all);
  if (frame?.query === wanted) return frame;
  const response = await fetch(`${document.body.dataset.base}graph.json?${wanted}`, { credentials: "same-origin" });
  if (!response.ok) return null;
  const { nodes } = await response.json();
  frame = { query: wanted, nodes, places: new Map(nodes.map((node) => [node.id, node])) };
  return frame;
}

/** Say what the server refused; the picture stays as it was. */
function tell(problem) {
  const box = page.querySelector("[data-problem]");
  box.hidden = !problem;
  if (problem) box.lastElementChild.textContent = problem;
}

/** Read what the address asks for, or a request that is only previewed. */
async function load(request = address.request()) {
  loads += 1;
  const turn = loads;
  asked = request;
  stage.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(`${document.body.dataset.base}${request}`, { credentials: "same-origin" });
    let answer = await response.json();
    const places = answer.at_us ? await framed(answer.at_us) : null;
    if (turn !== loads) return;
    if (!response.ok) {
      if (["find", "hide"].includes(answer.parameter)) find.tell(answer.error);
      else tell(answer.error);
      return;
    }
    tell("");
    find.tell("");
    lit = null;
    if (answer.changes) answer = compared(answer);
    else if (answer.paths) answer = pathData(answer, data);
    data = whole(answer);
    if (places) hold(places);
    known = new Map(data.edges.map((edge) => [edge.id, 0]));
    refresh({ fit: !places });
    follow();
    replay.arrived();
  } catch (problem) {
    if (turn === loads) tell(text("loadFailed", { text: problem.message }));
  } finally {
    if (turn === loads) stage.removeAttribute("aria-busy");
  }
}

/** Keep every node where the layout of the hours around has it. */
function hold({ nodes, places }) {
  for (const node of data.nodes) {
    const place = places.get(node.id);
    if (place) Object.assign(node, { x: place.x, y: place.y });
  }
  data.frame = nodes;
}

/** Follow the window live, if it ends now. */
function follow() {
  socket?.close();
  socket = null;
  const badge = document.querySelector("[data-live-badge]");
  if (badge && !data.live) badge.hidden = true;
  if (!data.live) return;
  socket = connect(shared ? page.dataset.live : `ws/graph?${address.query()}`, {
    onRefused: shared ? ended : null,
    onReset(message) { take(whole(message)); },
    onDiff(message) { take(apply(data, message)); },
  });
}

let over = false;

/** The link is over while the page is open: nothing of it stays. */
function ended() {
  over = true;
  data = whole({ nodes: [], edges: [], sentence: { traffic: "", worst: "" }, start_us: 0, end_us: 0 });
  page.replaceChildren(el("section", { class: "state", role: "alert", data: { ended: "" } }, el("h2", {}, icon("lock"), text("shareEnded")), el("p", { text: text("shareEndedWhy") })));
  document.querySelector(".notice.snapshot")?.remove();
  document.querySelector("[data-lost]")?.remove(); // says less than this page
  document.getElementById("graph-data")?.remove();
}

let expiry = 0;

function take(next) {
  const began = performance.now();
  data = next;
  const now = Date.now();
  let fresh = false;
  for (const edge of data.edges) {
    if (known.has(edge.id)) continue;
    known.set(edge.id, now);
    fresh = true;
  }
  if (fresh) { clearTimeout(expiry); expiry = setTimeout(() => refresh(), FRESH_MS + 100); }
  refresh();
  performance.measure("spanboard-graph-live", { start: began });
}

function back() {
  if (chosenNow()) choose(null);
  else if (address.get("questions")) address.go({ questions: null, without: null });
  else if (address.get("paths")) address.go({ paths: null, operation: null });
  else if (address.get("focus")) address.go({ focus: null, up: null, down: null, hops: null });
  else if (address.all("open").length) address.go({ open: address.all("open").slice(0, -1) });
}

function listen() {
  const row = (event) => event.target.closest(".twin tbody tr");
  const take = (found) => {
    const node = found.dataset.node && data.byId.get(found.dataset.node);
    if (node?.members) openGroup(node.group || node.label);
    else choose(found.dataset.node ? { node: found.dataset.node } : { edge: found.dataset.key });
  };
  page.querySelector(".twin").addEventListener("click", (event) => { if (row(event)) take(row(event)); });
  page.querySelector(".twin").addEventListener("keydown", (event) => {
    if (row(event) && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); take(row(event)); }
  });
  page.querySelectorAll("[data-zoom]").forEach((button) => button.addEventListener("click", () => {
    if (button.dataset.zoom === "fit") picture.view.fit();
    else picture.view.zoom(button.dataset.zoom === "in" ? 1.25 : 0.8);
  }));
  page.querySelector("[data-ask]").addEventListener("click", () => address.go({ questions: address.get("questions") ? null : "1", without: null, node: null, caller: null, callee: null }));
  page.querySelectorAll("[data-view-button]").forEach((button) => button.addEventListener("click", (event) => { event.preventDefault(); address.go({ view: button.value }); }));
  page.querySelectorAll("select[data-change]").forEach((field) => field.addEventListener("change", () => {
    const changes = { [field.name]: field.value === field.dataset.usual ? null : field.value };
    if (field.name === "lookback") Object.assign(changes, { start: null, end: null, ...(address.get("at") ? { lookback: field.value } : {}) });
    if (field.name === "level" || field.name === "group") Object.assign(changes, { open: null, node: null, caller: null, callee: null, focus: null });
    address.go(changes);
  }));
  page.querySelector("form.toolbar").addEventListener("submit", (event) => event.preventDefault());
  narrow.addEventListener("change", () => refresh({ fit: true }));
  listenKeys(picture, { find: () => find.focus(), back });
  setInterval(() => { if (!document.hidden && !over) sentences(); }, 1000);
}

listen();
if (address.get("uiFind") && !address.get("find")) find.preset(address.get("uiFind"));
refresh({ fit: true, reveal: true });
if (shared) {
  fetch(page.dataset.seen, { method: "POST", credentials: "same-origin" }).catch(() => {}); // the page is here all the same
  follow();
} else replay.load().then(() => { if (address.get("at")) load(); });
page.dataset.ready = "";
if (!shared && asked.startsWith("graph.json")) follow();
else if (!shared) load();
