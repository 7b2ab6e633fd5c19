// The service graph page: data, live changes, panel, table twin, time band.

import { data as read, el, icon, text } from "../dom.js";
import { when } from "../format.js";
import { drawPlot } from "../plot.js";
import { connect } from "../socket.js";
import { Picture } from "./draw.js";

const page = document.querySelector("[data-graph]");
const panel = page.querySelector("[data-chosen]");
let data = read("graph-data");
let chosen = null;
let sort = { key: "calls", down: true };

const picture = new Picture(page, choose);

function choose(found) {
  chosen = found;
  picture.show(data, chosen);
  table();
  fillPanel();
  if (found) panel.focus({ preventScroll: true });
}

function cell(value, name = "number") {
  return el("td", { class: name }, value);
}

function failedCell(item) {
  return cell(item.errors ? el("span", { class: "failed", text: item.error_text }) : "–");
}

function table() {
  const edges = [...data.edges].sort((a, b) => {
    const [x, y] = [a[sort.key], b[sort.key]];
    const order = typeof x === "number" ? x - y : String(x).localeCompare(String(y));
    return sort.down ? -order : order;
  });
  const body = page.querySelector("[data-edges]");
  const had = document.activeElement?.closest?.(".dependency-edge")?.dataset;
  body.replaceChildren(...edges.map((edge) => {
    const row = el("tr", { class: `dependency-edge${edge.failing ? " failing" : ""}`, tabindex: "0", "aria-selected": String(chosen?.caller === edge.caller && chosen?.callee === edge.callee), data: { caller: edge.caller, callee: edge.callee, calls: edge.calls, errors: edge.errors } },
      cell(edge.caller, ""), cell(edge.callee, ""), cell(edge.calls_text), failedCell(edge), cell(edge.p95_text));
    if (had && had.caller === edge.caller && had.callee === edge.callee) requestAnimationFrame(() => row.focus({ preventScroll: true }));
    return row;
  }));
  const many = data.nodes.length > 60;
  page.querySelector("[data-nodes]").replaceChildren(...data.nodes.map((node) => {
    const options = many ? { class: "service-node", tabindex: "0", data: { service: node.service, calls: node.calls, errors: node.errors } } : {};
    return el("tr", options, el("td", {}, el("span", { class: `chip svc-${node.slot}`, text: node.service })), cell(node.kind_text, "quiet"), cell(node.rate_text), failedCell(node), cell(node.p95_text));
  }));
}

function figure(label, value, bad = false) {
  return el("div", {}, el("span", { class: "small quiet", text: label }), el("b", { class: bad ? "failed" : "", text: value }));
}

function fillPanel() {
  panel.hidden = !chosen;
  if (!chosen) return;
  const close = el("button", { class: "button only quiet-button", type: "button", "aria-label": text("close"), on: { click: () => choose(null) } }, icon("close"));
  if (chosen.service) {
    const node = data.nodes.find((other) => other.service === chosen.service);
    if (!node) { choose(null); return; }
    const focus = new URL(location.href);
    focus.searchParams.set("focus", node.service);
    const near = (title, edges, side) => (edges.length ? el("p", { class: "small" }, el("b", { text: `${title}: ` }), edges.map((edge) => `${edge[side]} (${edge.calls_text})`).join(", ")) : null);
    panel.replaceChildren(
      el("h2", {}, el("span", { class: `chip svc-${node.slot}`, text: node.service }), el("span", { class: "quiet small", text: node.kind_text }), el("span", { class: "spacer" }), close),
      el("div", { class: "figures" }, figure(text("rate"), node.rate_text), figure(text("errors"), node.error_text || "–", node.errors > 0), figure("p95", node.p95_text)),
      ...node.versions.map((version) => el("p", { class: "small" }, `${version.version}: ${version.rate_text}, p95 ${version.p95_text}`, version.errors ? el("span", { class: "failed", text: ` ${text("fails", { share: version.error_text })}` }) : null)),
      near(text("callers"), data.edges.filter((edge) => edge.callee === node.service), "caller") ?? "",
      near(text("callees"), data.edges.filter((edge) => edge.caller === node.service), "callee") ?? "",
      el("div", { class: "actions" },
        node.virtual ? null : el("a", { class: "button", href: `${document.body.dataset.base}search?service=${encodeURIComponent(node.service)}&start=${data.start_us}&end=${data.end_us}` }, icon("search"), text("findTraces")),
        el("a", { class: "button", href: focus.href, text: text("focusHere") })));
  } else {
    const edge = data.edges.find((other) => other.caller === chosen.caller && other.callee === chosen.callee);
    if (!edge) { choose(null); return; }
    panel.replaceChildren(
      el("h2", {}, edge.caller, " → ", edge.callee, el("span", { class: "spacer" }), close),
      el("p", { text: edge.sentence }),
      el("div", { class: "figures" }, figure(text("rate"), edge.rate_text), figure(text("errors"), edge.error_text || "–", edge.errors > 0), figure("p95", edge.p95_text)),
      edge.attempts > edge.calls ? el("p", { class: "small quiet", text: text("attempts", { n: edge.attempts }) }) : "",
      ...(edge.pairs.length > 1 ? edge.pairs.map((pair) => el("p", { class: "small" }, `${pair.caller_version || "·"} → ${pair.callee_version || "·"}: ${pair.calls_text}, p95 ${pair.p95_text}`, pair.errors ? el("span", { class: "failed", text: ` ${text("fails", { share: pair.error_text })}` }) : null)) : []),
      el("div", { class: "actions" }, el("a", { class: "button", href: edge.traces_url }, icon("search"), text("findTraces"))));
  }
}

function band() {
  const { first_minute: [first], requests, failed } = data.band;
  const x = requests.map((_, i) => (first + i) * 60_000);
  drawPlot(page.querySelector("[data-band]"), {
    data: [
      { type: "bar", x, y: requests, marker: { color: "var(--line-strong)" }, hovertemplate: `%{y} ${text("perMinute").toLowerCase()}<extra></extra>` },
      { type: "bar", x, y: failed.map((n) => -n), customdata: failed, marker: { color: "var(--error)" }, hovertemplate: `%{customdata} ${text("errors").toLowerCase()}<extra></extra>` },
    ],
    layout: { barmode: "relative", bargap: 0.15, xaxis: { type: "date" }, yaxis: { nticks: 3 }, dragmode: false, margin: { l: 52, r: 8, t: 2, b: 18 } },
  });
}

function sentences() {
  page.querySelector("[data-traffic]").textContent = data.sentence.traffic;
  const worst = page.querySelector("[data-worst]");
  worst.textContent = data.sentence.worst;
  worst.classList.toggle("bad", data.edges.some((edge) => edge.failing && edge.calls >= 5));
  page.querySelector("[data-updated]").textContent = text("updated", { time: when(data.updated_us) });
}

function show() {
  sentences();
  table();
  picture.show(data, chosen);
  if (chosen) fillPanel();
  band();
}

function apply(message) {
  const key = { nodes: (n) => n.service, edges: (e) => `${e.caller}\0${e.callee}` };
  for (const kind of ["nodes", "edges"]) {
    const now = new Map(data[kind].map((item) => [key[kind](item), item]));
    for (const item of message[kind]) now.set(key[kind](item), item);
    for (const gone of message[`removed_${kind}`]) now.delete(Array.isArray(gone) ? gone.join("\0") : gone);
    data[kind] = [...now.values()];
  }
  for (const name of ["sentence", "band", "updated_us", "start_us", "end_us"]) data[name] = message[name];
  show();
}

page.querySelector("[data-edges]").addEventListener("click", (event) => {
  const row = event.target.closest(".dependency-edge");
  if (row) choose({ caller: row.dataset.caller, callee: row.dataset.callee });
});
page.addEventListener("keydown", (event) => {
  const row = event.target.closest("tr.dependency-edge, tr.service-node");
  if (row && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    choose(row.dataset.service ? { service: row.dataset.service } : { caller: row.dataset.caller, callee: row.dataset.callee });
  }
  if (event.key === "Escape") choose(null);
});
page.querySelector("[data-nodes]").addEventListener("click", (event) => {
  const row = event.target.closest(".service-node");
  if (row) choose({ service: row.dataset.service });
});
for (const button of page.querySelectorAll("[data-sort]")) {
  button.addEventListener("click", () => {
    sort = { key: button.dataset.sort, down: sort.key === button.dataset.sort ? !sort.down : true };
    for (const head of page.querySelectorAll("[data-sort]")) head.closest("th").removeAttribute("aria-sort");
    button.closest("th").setAttribute("aria-sort", sort.down ? "descending" : "ascending");
    table();
  });
}
for (const field of page.querySelectorAll("[data-submit]")) field.addEventListener("change", () => field.form.requestSubmit());

show();
if (page.dataset.live) {
  connect(page.dataset.live, { onReset: (message) => { data = message; show(); }, onDiff: apply });
}
