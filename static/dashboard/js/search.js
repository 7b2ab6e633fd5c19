// The search page: live rows, keyboard, scatter, upload.

import { csrf, data, el, icon, svg, text } from "./dom.js";
import { when } from "./format.js";
import { chooser } from "./search_choose.js";
import { drawChart } from "./search_chart.js";
import { connect } from "./socket.js";

const list = document.querySelector("[data-list]");
const template = document.getElementById("trace-row");
const newButton = document.querySelector("[data-new]");
const pauseButton = document.querySelector("[data-pause]");
const parameters = new URLSearchParams(location.search);
// What each order compares, and which way; ties stay as they are.
const ORDERS = {
  newest: ["start", -1], oldest: ["start", 1], longest: ["duration", -1], shortest: ["duration", 1],
  "most-spans": ["spans", -1], "fewest-spans": ["spans", 1], "most-errors": ["errors", -1],
};
const [sortKey, direction] = ORDERS[parameters.get("sort")] ?? ORDERS.newest;
const TELL_MS = 10_000;
const limit = Math.min(Number(parameters.get("limit")) || 50, 1500);
const waiting = new Map(); // rows to be shown when nobody is reading
let dropped = 0; // of these, rows that newer ones would push out again
const changed = new Map(); // newer figures of rows shown
const gone = new Set();
let paused = false;
let known = false; // whether the first reset was taken
let fresh = true; // new rows light up

// Rows far from the screen are empty until they come near: thousands of bars are slow.
const rowOf = new WeakMap(); // the figures of each row that was not drawn by the server
const rows = () => [...list.children].map((item) => item.lastElementChild);
const byKey = new Map(rows().map((made) => [made.dataset.key, made]));
let longest = 1;
const near = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) draw(entry.target);
}, { root: list.closest(".scroll"), rootMargin: "800px" });

function fill(made, row) {
  made.href = row.url;
  made.dataset.key = row.key;
  made.dataset.start = row.start_us;
  made.dataset.duration = row.duration_us;
  made.dataset.spans = row.span_count;
  made.dataset.errors = row.error_count;
  made.dataset.number = row.number;
  made.dataset.name = `${row.root_service} ${row.root_operation}`;
  made.dataset.took = row.duration_text;
  rowOf.set(made, row);
  if (made.firstElementChild) draw(made);
  else {
    made.setAttribute("aria-label", `${made.dataset.name} ${row.duration_text}`);
    near.observe(made);
  }
}

function draw(made) {
  const row = rowOf.get(made);
  near.unobserve(made);
  if (!made.firstElementChild) {
    made.append(...template.content.firstElementChild.cloneNode(true).childNodes);
    made.removeAttribute("aria-label");
  }
  const time = made.querySelector("time");
  time.dataset.us = row.start_us;
  time.textContent = when(row.start_us);
  const [first, second] = made.querySelectorAll(".line");
  const name = first.querySelector("b");
  name.textContent = row.root_service;
  first.querySelector(".operation").textContent = row.root_operation;
  for (const old of first.querySelectorAll(".badge")) old.remove();
  if (row.growing) first.append(" ", el("span", { class: "badge ok small" }, el("span", { class: "dot" }), text("growing")));
  if (row.incomplete) first.append(" ", el("span", { class: "badge warn small", text: text("incomplete") }));
  second.querySelector("code").textContent = row.short_id;
  let remark = second.querySelector(".remark");
  if (!remark) { remark = el("span", { class: "remark" }); second.append(remark); }
  remark.textContent = row.remark ? ` · ${row.remark}` : "";
  for (const node of [...second.childNodes]) if (node.nodeType === Node.TEXT_NODE) node.remove();
  const segments = made.querySelector(".segments");
  segments.replaceChildren(...row.segments.map((part) => svg("rect", { class: `svc-${part.slot}`, x: part.x, y: 0, height: 8, width: part.width })));
  made.querySelector(".col-where > span").textContent = row.where;
  made.querySelector(".col-duration b").textContent = row.duration_text;
  scale(made);
  const size = made.querySelector(".col-size");
  size.replaceChildren(el("span", { text: row.spans_text }));
  if (row.failed_text) size.append(el("span", { class: "failed" }, icon("error"), row.failed_text));
  made.querySelector(".shape").replaceChildren(...row.shape.map((bar) => svg("rect", {
    class: `svc-${bar.slot}${bar.failed ? " bad" : ""}`, x: bar.x, y: bar.y, width: bar.width, height: bar.height,
  })));
}

function scale(made) {
  made.querySelector(".fill")?.setAttribute("width", Math.max(1, (Number(made.dataset.duration) / longest) * 100).toFixed(1));
}

function scaleBars() {
  const before = longest;
  longest = 1;
  for (const made of rows()) longest = Math.max(longest, Number(made.dataset.duration));
  if (longest !== before) for (const made of rows()) scale(made);
}

function find(key) {
  return byKey.get(key);
}

function take(made) {
  near.unobserve(made);
  byKey.delete(made.dataset.key);
  made.parentElement.remove();
}

/** An empty row with the box by which it is chosen. */
function make(row) {
  const made = el("a", { class: "trace-row" });
  fill(made, row);
  byKey.set(row.key, made);
  return el("div", { class: "trace-item" }, chooser(made), made);
}

function insert(row) {
  const made = make(row).lastElementChild;
  if (fresh) made.classList.add("fresh");
  put(made);
  if (list.children.length > limit) {
    while (list.children.length > limit) take(list.lastElementChild.lastElementChild);
    leadOn();
  }
  document.querySelector("[data-empty]")?.remove();
}

/** The next page begins after the last row shown, also when live rows pushed others off. */
function leadOn() {
  const next = document.querySelector("[data-next]");
  const { dataset } = list.lastElementChild.lastElementChild;
  const address = new URL(location.href);
  address.searchParams.set("after", `${dataset[sortKey]}.${dataset.number}`);
  next.href = address.href;
  next.closest("[data-pages]").hidden = false;
}

/** Put a row where its order wants it; one that is there stays, and keeps the focus. */
function put(made) {
  const rank = (row) => Number(row.dataset[sortKey]) * direction;
  const own = rank(made);
  const item = made.parentElement;
  const above = item.previousElementSibling?.lastElementChild;
  const below = item.nextElementSibling?.lastElementChild;
  if (made.isConnected && (!above || rank(above) <= own) && (!below || own <= rank(below))) return;
  let low = 0;
  const others = rows().filter((other) => other !== made);
  for (let high = others.length; low < high;) {
    const middle = (low + high) >> 1;
    if (rank(others[middle]) > own) high = middle;
    else low = middle + 1;
  }
  list.insertBefore(item, others[low]?.parentElement ?? null);
}

function held() {
  return paused || list.matches(":hover") || list.contains(document.activeElement);
}

let toldAt = 0;
let tellTimer = null;

/** How many wait; read out at once, then at most every ten seconds. */
function showWaiting() {
  newButton.hidden = waiting.size === 0;
  newButton.textContent = text("new", { n: waiting.size + dropped });
  const place = document.querySelector("[data-waiting-told]");
  if (!waiting.size) { place.textContent = ""; return; }
  tellTimer ??= setTimeout(() => {
    tellTimer = null;
    toldAt = Date.now();
    if (waiting.size) place.textContent = text("newWaiting", { n: waiting.size + dropped });
  }, Math.max(0, toldAt + TELL_MS - Date.now()));
}

function forget() {
  waiting.clear();
  changed.clear();
  gone.clear();
  dropped = 0;
}

/** However long somebody reads, no more rows wait than the list can show. */
function bound() {
  if (waiting.size <= 2 * limit) return;
  const fields = { start: "start_us", duration: "duration_us", spans: "span_count", errors: "error_count" };
  const rank = (row) => row[fields[sortKey]] * direction;
  for (const row of [...waiting.values()].sort((a, b) => rank(a) - rank(b)).slice(limit)) {
    waiting.delete(row.key);
    dropped += 1;
  }
}

function release() {
  for (const key of gone) if (find(key)) take(find(key));
  for (const [key, row] of changed) {
    const old = find(key);
    if (old) { fill(old, row); put(old); }
  }
  for (const row of waiting.values()) insert(row);
  forget();
  showWaiting();
  scaleBars();
  drawChart(rows);
}

/** Rows as they are now; while somebody reads, what differs waits. */
function applyReset(message) {
  document.querySelector("[data-found]").textContent = message.text;
  forget();
  const order = new Set(message.rows.map((row) => row.key));
  const first = !known;
  known = true;
  for (const old of rows()) if (!order.has(old.dataset.key)) gone.add(old.dataset.key);
  for (const row of message.rows) sort(row);
  if (first) fresh = false;
  settle();
  fresh = true;
}

/** A row of the list, or one that waits to come in; what the server thinks of it does not matter. */
function sort(row) {
  gone.delete(row.key);
  (find(row.key) ? changed : waiting).set(row.key, row);
}

function settle() {
  bound();
  if (held()) showWaiting();
  else release();
}

function applyDiff(message) {
  if (message.text) document.querySelector("[data-found]").textContent = message.text;
  for (const key of message.remove) { gone.add(key); waiting.delete(key); changed.delete(key); }
  for (const row of message.update) sort(row);
  for (const row of message.add) sort(row);
  settle();
}

function pause() {
  paused = !paused;
  pauseButton.setAttribute("aria-pressed", String(paused));
  pauseButton.querySelector("span").textContent = text(paused ? "resume" : "pause");
  pauseButton.querySelector("svg").replaceWith(icon(paused ? "play" : "pause"));
  if (!paused) release();
}

// Rows that the server did not draw.
for (const row of data("rest")) {
  list.append(make(row));
}
document.getElementById("rest").remove();
scaleBars();

// Later pages stand still: what is new belongs to the first one.
if (list.dataset.live) connect(list.dataset.live, { onReset: applyReset, onDiff: applyDiff });
list.addEventListener("pointerleave", () => { if (!held()) release(); });
list.addEventListener("focusout", () => setTimeout(() => { if (!held() && waiting.size + changed.size + gone.size) release(); }));
newButton.addEventListener("click", (event) => {
  release();
  if (event.detail === 0) list.querySelector(".trace-row")?.focus(); // by key: the button is gone
});
pauseButton?.addEventListener("click", pause);

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input:not([type=checkbox]), select, textarea, dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "p" && pauseButton && !event.repeat) { pause(); return; }
  if (event.key === "n" && waiting.size) {
    release();
    list.querySelector(".trace-row")?.focus();
    return;
  }
  if (event.key === "x") { document.activeElement.closest(".trace-item")?.querySelector("input").click(); return; }
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const all = rows();
  const at = all.indexOf(document.activeElement);
  const next = all[Math.max(0, Math.min(all.length - 1, at + step))];
  if (next) { event.preventDefault(); next.focus(); }
});

async function upload(files) {
  const problem = document.querySelector("[data-upload-problem]");
  problem.hidden = true;
  const body = new FormData();
  for (const file of files) body.append("file", file);
  let answer;
  try {
    const response = await fetch(list.dataset.uploadUrl, { method: "POST", body, headers: { "X-CSRFToken": csrf() } });
    answer = await response.json();
  } catch (failure) {
    answer = { ok: false, error: String(failure.message ?? failure) };
  }
  if (answer.ok && !answer.problems) location.href = answer.url;
  else if (answer.ok) {
    problem.lastElementChild.replaceChildren(text("uploadProblems", { n: answer.problems, text: answer.first }), " ", el("a", { href: answer.url, text: text("open") }));
    problem.hidden = false;
  } else {
    problem.lastElementChild.textContent = text("uploadFailed", { text: answer.error });
    problem.hidden = false;
  }
}

const input = document.querySelector("[data-upload]");
input.addEventListener("change", () => { if (input.files.length) upload(input.files); });
input.closest("label").addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") input.click(); });
const drop = document.querySelector("[data-drop]");
for (const kind of ["dragenter", "dragover"]) drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("dropping"); });
for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("dropping"));
drop.addEventListener("drop", (event) => { event.preventDefault(); if (event.dataTransfer.files.length) upload(event.dataTransfer.files); });

list.addEventListener("focusin", ({ target }) => { if (target.matches(".trace-row") && !target.firstElementChild) draw(target); });
requestAnimationFrame(() => setTimeout(() => drawChart(rows), 0));
