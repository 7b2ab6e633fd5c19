// The side panel: one node or edge with its charts, operations and example traces.

import { el, icon, text } from "../dom.js";
import { when } from "../format.js";
import { drawPlot } from "../plot.js";
import { localMs } from "./band.js";

const AGAIN_MS = 5000;
const CHARTS = [["red", "chartRed"], ["histogram", "chartHistogram"], ["heatmap", "chartHeatmap"]];

function figure(label, value, bad = false) {
  return el("div", {}, el("span", { class: "small quiet", text: label }), el("b", { class: bad ? "failed" : "", text: value }));
}

function base(path) {
  return `${document.body.dataset.base}${path}`;
}

export class Panel {
  /** choose(found), go(changes): both as the page does them; query(): the server's parameters; shared: where a shared page keeps charts. */
  constructor(root, { choose, go, open, query, shared = null }) {
    Object.assign(this, { root, choose, go, open, query, shared, of: "", charts: new Map() });
  }

  /** Show a choice with data; null closes. */
  show(data, chosen) {
    this.data = data;
    this.chosen = chosen;
    const item = chosen?.node ? data.byId.get(chosen.node) : chosen?.edge ? data.byEdge.get(chosen.edge) : null;
    this.root.hidden = !item;
    if (!item) { this.of = ""; clearTimeout(this.timer); return; }
    const of = `${chosen.node ?? chosen.edge}\0${this.query()}`;
    const fresh = of !== this.of;
    this.of = of;
    if (fresh) {
      this.head = el("div");
      this.more = el("div");
      this.charts.clear();
      this.root.replaceChildren(this.head, this.more);
    }
    // What has the focus keeps it; the head is small and is built anew only then.
    const had = this.head.contains(document.activeElement) ? document.activeElement.dataset.keep : null;
    this.head.replaceChildren(...(chosen.node ? this.node(item) : this.edge(item)));
    if (had) this.head.querySelector(`[data-keep="${CSS.escape(had)}"]`)?.focus();
    if (fresh) this.load(item);
  }

  closer() {
    return el("button", { class: "button only quiet-button", type: "button", data: { keep: "close" }, "aria-label": text("close"), on: { click: () => this.choose(null) } }, icon("close"));
  }

  label(id) {
    return this.data.byId.get(id)?.label ?? id;
  }

  chip(id, keep) {
    const node = this.data.byId.get(id);
    return el("button", { class: `link chip svc-${node?.slot ?? 0}`, type: "button", data: { keep }, on: { click: () => this.choose({ node: id }) }, text: this.label(id) });
  }

  /** Callers or callees as buttons that choose the edge. */
  near(title, edges, side) {
    if (!edges.length) return null;
    const sorted = [...edges].sort((a, b) => b.calls - a.calls).slice(0, 30);
    return el("div", { class: "near" }, el("h3", { text: `${title} · ${edges.length}` }), el("ul", {}, ...sorted.map((edge) => el("li", {},
      el("button", { class: "link", type: "button", data: { keep: `${side}${edge.id}` }, on: { click: () => this.choose({ edge: edge.id }) } }, this.label(edge[side])),
      el("span", { class: "quiet small", text: edge.rate_text }),
      edge.errors ? el("span", { class: "failed small" }, icon("error"), ` ${edge.error_text}`) : null))));
  }

  node(node) {
    const { data } = this;
    const focused = data.focus === node.id;
    const action = (name, words, f) => el("button", { class: "button", type: "button", data: { keep: name }, on: { click: f }, text: words });
    const url = `${base("search")}?service=${encodeURIComponent(node.service ?? node.id)}&start=${data.start_us}&end=${data.end_us}`;
    return [
      el("h2", {}, el("span", { class: `chip svc-${node.slot}`, text: node.label }), el("span", { class: "quiet small", text: node.kind_text }), el("span", { class: "spacer" }), this.closer()),
      el("div", { class: "figures" }, figure(text("rate"), node.rate_text), figure(text("errors"), node.error_text || "–", node.errors > 0), figure("p95", node.p95_text)),
      ...(node.findings ?? []).map((finding) => el("p", { class: "small" }, icon("warning"), " ", el("a", { href: `${base("doctor")}?finding=${finding.id}`, data: { keep: `finding${finding.id}` }, text: finding.title }))),
      ...node.versions.map((version) => el("p", { class: "small" }, `${version.version}: ${version.rate_text}, p95 ${version.p95_text}`, version.errors ? el("span", { class: "failed", text: ` ${text("fails", { share: version.error_text })}` }) : null)),
      this.shared === null ? el("div", { class: "actions" },
        node.members ? action("open", text("openGroup", { n: node.members }), () => this.open(node.group || node.label)) : null,
        node.virtual || node.members ? null : el("a", { class: "button", href: url, data: { keep: "traces" } }, icon("search"), text("findTraces")),
        action("focus", text(focused ? "noFocus" : "focusHere"), () => this.go(focused ? { focus: null, up: null, down: null, hops: null } : { focus: node.id, node: node.id })),
        node.members ? null : action("paths", text("pathsThrough"), () => this.go({ paths: node.service ?? node.id, operation: null, caller: null, callee: null, node: null, focus: null, open: null })),
        node.members ? null : action("stops", text("ifItStops"), () => this.go({ questions: "1", without: node.id, node: null, caller: null, callee: null }))) : "",
      el("div", { class: "neighbours" }, this.near(text("callers"), data.in.get(node.id), "caller"), this.near(text("callees"), data.out.get(node.id), "callee")),
    ];
  }

  edge(edge) {
    return [
      el("h2", {}, this.chip(edge.caller, "caller"), " → ", this.chip(edge.callee, "callee"), el("span", { class: "spacer" }), this.closer()),
      el("p", { text: edge.sentence }),
      edge.change_text ? el("p", { text: edge.change_text }) : "",
      el("div", { class: "figures" }, figure(text("rate"), edge.rate_text), figure(text("errors"), edge.error_text || "–", edge.errors > 0), figure("p95", edge.p95_text)),
      edge.attempts > edge.calls ? el("p", { class: "small quiet", text: text("attempts", { n: edge.attempts }) }) : "",
      ...(edge.pairs.length > 1 ? edge.pairs.map((pair) => el("p", { class: "small" }, `${pair.caller_version || "·"} → ${pair.callee_version || "·"}: ${pair.calls_text}, p95 ${pair.p95_text}`, pair.errors ? el("span", { class: "failed", text: ` ${text("fails", { share: pair.error_text })}` }) : null)) : []),
      edge.traces_url ? el("div", { class: "actions" }, el("a", { class: "button", href: edge.traces_url, data: { keep: "traces" } }, icon("search"), text("findTraces"))) : "",
    ];
  }

  /** The parts that the server makes for one node or edge; again every few seconds while live. */
  async load(item) {
    clearTimeout(this.timer);
    const { of } = this;
    const query = new URLSearchParams(this.query());
    if (this.chosen.node) query.set("id", item.id);
    else { query.set("caller", item.caller); query.set("callee", item.callee); }
    for (const name of ["find", "hide", "focus", "hops", "up", "down", "open", "group", "trace", "histograms", "self"]) query.delete(name);
    if (this.shared !== null && this.data.live) return; // figures only
    try {
      const kept = this.shared === null ? base(`graph/${this.chosen.node ? "node" : "edge"}.json`) : this.shared;
      const response = await fetch(`${kept}?${query}`, { credentials: "same-origin" });
      if (this.of !== of) return;
      if (this.shared !== null && response.status === 404) { this.more.replaceChildren(el("p", { class: "small quiet", text: text("snapshotFigures") })); return; }
      if (!response.ok) { this.more.replaceChildren(el("p", { class: "small quiet", text: text("panelFailed", { text: response.status }) })); return; }
      this.fill(await response.json());
    } catch (problem) {
      if (this.of === of) this.more.replaceChildren(el("p", { class: "small quiet", text: text("panelFailed", { text: problem.message }) }));
    }
    if (this.of === of && this.data.live && !this.data.at_us) this.timer = setTimeout(() => { if (document.hidden) this.timer = setTimeout(() => this.load(item), AGAIN_MS); else this.load(item); }, AGAIN_MS);
  }

  fill(found) {
    for (const [name, title] of CHARTS) {
      if (!found[name]) continue;
      if (!this.charts.has(name)) {
        const chart = el("div", { class: `chart ${name}`, role: "img", "aria-label": text(title) });
        this.charts.set(name, chart);
        this.more.append(el("section", { class: "part" }, el("h3", { text: text(title) }), chart));
      }
      drawPlot(this.charts.get(name), this.short(found[name]));
    }
    const tables = el("div", { data: { tables: "" } }, this.operations(found), this.examples(text("failedTraces"), found.failed_traces), this.examples(text("slowest"), found.slowest), this.traces(found));
    const old = this.more.querySelector("[data-tables]");
    if (!old) this.more.append(tables);
    // A list that the reader is in stays until it is left.
    else if (!old.contains(document.activeElement) && !old.matches(":hover")) old.replaceWith(tables);
  }

  /** Hours and minutes are enough on the time axis of a window within a day. */
  short(figure) {
    const layout = { ...figure.layout };
    // Plotly writes times as UTC; the page tells them in the reader's zone.
    const data = figure.data.map((trace) => {
      const axis = layout[`xaxis${(trace.xaxis ?? "x").slice(1)}`];
      return axis?.type === "date" && Array.isArray(trace.x) ? { ...trace, x: trace.x.map(localMs) } : trace;
    });
    for (const [name, axis] of Object.entries(layout)) {
      if (axis?.type === "date" && this.data.end_us - this.data.start_us < 93_600_000_000) layout[name] = { tickformat: "%H:%M", ...axis };
    }
    return { ...figure, data, layout };
  }

  operations({ operations = [], operations_cut: cut = 0 }) {
    if (!operations.length) return "";
    const head = ["operation", "rate", "errors", "p95"].map((name, i) => el("th", { class: i ? "number" : "", text: name === "p95" ? "p95" : text(name) }));
    return el("section", { class: "part" }, el("h3", { text: text("operations") }),
      el("table", { class: "plain small" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...operations.map((row) => el("tr", {},
        el("td", {}, row.caller_operation && row.caller_operation !== row.operation ? el("span", { class: "quiet", text: `${row.caller_operation} → ` }) : null, row.operation),
        el("td", { class: "number", text: row.rate_text }),
        el("td", { class: "number" }, row.errors ? el("span", { class: "failed", text: row.error_text }) : "–"),
        el("td", { class: "number", text: row.p95_text }))))),
      cut ? el("p", { class: "small quiet", text: text("moreOperations", { n: cut }) }) : "");
  }

  examples(title, rows = []) {
    if (!rows.length) return "";
    return el("section", { class: "part" }, el("h3", { text: title }), el("ul", { class: "examples" }, ...rows.map(exampleRow)));
  }

  traces({ traces }) {
    if (!traces?.url) return "";
    return el("section", { class: "part" }, el("p", { class: "small quiet", text: traces.text }), el("a", { class: "button", href: traces.url }, icon("search"), text("findAll", { n: traces.count })));
  }
}

/** One example trace: sign, id, duration, age; a link to the call in its trace. */
export function exampleRow(row) {
  return el("li", {},
    row.failed ? icon("error", text("errors")) : el("span", { class: "no-sign" }),
    el("a", { class: "mono", href: row.url, text: row.trace_id.slice(0, 8), title: `${row.trace_id} ${row.root_service} ${row.root_operation}` }),
    el("span", { class: "number", text: row.duration_text }),
    el("time", { class: "quiet small", "data-us": row.start_us, text: when(row.start_us) }));
}
