// The trace as a graph of its operations: cards and edges, and a table of the same nodes.

import { askJson, el, icon, text } from "../../dom.js";
import { duration } from "../../format.js";
import { callPaths } from "../paths.js";
import { rowName } from "../state.js";
import { CallPicture } from "./picture.js";
import { serviceCell, shareText, switcher } from "./parts.js";
import { nextOrder, readOrder, RowTable } from "./rows.js";

const FALLBACK = "-self_ns";

const columnsOf = () => [
  { key: "service", label: text("service"), width: "minmax(140px, 1fr)", narrow: "92px" },
  { key: "operation", label: text("operation"), width: "minmax(200px, 2fr)", narrow: "108px" },
  { key: "count", label: text("calls"), width: "88px", narrow: "64px", number: true },
  { key: "errors", label: text("failures"), width: "88px", narrow: "64px", number: true },
  { key: "total_ns", label: text("total"), width: "100px", narrow: "84px", number: true },
  { key: "self_ns", label: text("selfTime"), width: "100px", narrow: "84px", number: true },
  { key: "share", label: text("selfShare"), width: "120px", number: true, title: text("selfShareHelp") },
];

/** Show the graph, or show it again after a change. */
export async function show(container, context) {
  container.view ??= new CallGraph(container);
  await container.view.update(context);
}

/** Bring the node of a row into sight. */
export function reveal(container, row) {
  const { view } = container;
  const node = view.nodeOf(row);
  if (node) view.picture.focus(node.number);
}

/** The picture as SVG; null where the table shows. */
export function picture(container) {
  const { view } = container;
  return view.stage.hidden || !view.answer ? null : view.picture.svg();
}

class CallGraph {
  constructor(container) {
    this.columns = columnsOf();
    this.ticket = 0;
    this.by = switcher(text("graphBy"), [["", text("byPath")], ["operation", text("byOperation")]], (by) => this.change({ by }));
    this.mode = switcher(text("graphColour"), [["", text("service")], ["time", text("totalTime")], ["self", text("selfTime")]], (mode) => this.change({ mode }));
    this.as = switcher(text("graphAs"), [["", text("picture")], ["table", text("tableTwin")]], (at) => this.change({ at: at || "picture" }));
    this.note = el("p", { class: "view-note small quiet", role: "status", hidden: true });
    this.stage = el("div", { class: "call-stage" });
    const zoom = (name, label, action) => el("button", { type: "button", class: "button only", "aria-label": label, title: label, on: { click: action } }, icon(name));
    this.zooms = el("span", { class: "call-zoom" },
      zoom("minus", text("zoomOut"), () => this.picture.zoom(0.8)), zoom("plus", text("zoomIn"), () => this.picture.zoom(1.25)), zoom("fit", text("fit"), () => this.picture.fit()));
    container.replaceChildren(el("div", { class: "view-tools" }, this.by, this.mode, this.as, el("span", { class: "spacer" }), this.zooms), this.note, this.stage);
    this.picture = new CallPicture(this.stage, (node) => this.open(node));
    this.twin = el("div", { class: "call-twin" });
    container.append(this.twin);
    this.table = new RowTable(this.twin, { label: text("nodeTable"), columns: this.columns }, {
      open: (index) => this.open(this.nodes[index]),
      sort: (key) => this.change({ order: nextOrder(readOrder(this.state.order, FALLBACK), key, this.columns) }),
    });
  }

  change(part) {
    const state = { ...this.state, ...part };
    this.context.remember(state);
    return this.update({ ...this.context, state });
  }

  async update(context) {
    const ticket = (this.ticket += 1);
    this.context = context;
    this.state = context.state;
    const by = this.state.by || "path";
    const wanted = `${context.header.version} ${context.model.count} ${by}`;
    if (wanted !== this.asked) {
      const answer = await this.ask(`${context.urls.graph}?by=${by}&v=${context.header.version || ""}`);
      if (ticket !== this.ticket) return;
      if (answer) {
        this.asked = wanted;
        this.answer = answer;
        this.fresh = true;
      }
    }
    this.fill();
  }

  async ask(url) {
    try {
      const answer = await askJson(url);
      this.problem = "";
      return answer;
    } catch (problem) {
      this.problem = text("graphFailed", { text: problem.message });
      return null;
    }
  }

  fill() {
    const { by, mode } = this.state;
    // A phone opens on the table; the picture is one tap away.
    const asTable = this.state.at === "table" || (!this.state.at && innerWidth < 768);
    this.by.choose(by ?? "");
    this.mode.choose(mode ?? "");
    this.as.choose(asTable ? "table" : "");
    this.mode.hidden = this.zooms.hidden = this.stage.hidden = asTable;
    this.twin.hidden = !asTable;
    if (!this.answer) {
      this.note.hidden = !this.problem;
      this.note.textContent = this.problem;
      return;
    }
    const { nodes, total } = this.answer;
    this.note.hidden = !this.problem && nodes.length === total;
    this.note.textContent = this.problem || text("drawnNodes", { n: nodes.length.toLocaleString(), total: total.toLocaleString() });
    this.matched = this.matches();
    if (asTable) this.showTable();
    else this.picture.show(this.answer, { mode: mode || "service", matched: this.matched, fresh: this.fresh, label: (node) => this.label(node) });
    this.fresh = false;
  }

  /** Numbers of the nodes that hold a match, or null without a find. */
  matches() {
    const { matches, model } = this.context;
    if (!matches) return null;
    const found = new Set();
    for (const row of matches) {
      const node = row < model.count ? this.nodeOf(row) : null;
      if (node) found.add(node.number);
    }
    return found;
  }

  /** The node that a row is merged into; known by its first row. */
  nodeOf(row) {
    if (!this.answer) return null;
    const { model } = this.context;
    if (this.keyed !== this.answer) {
      this.keyed = this.answer;
      this.byKey = new Map(this.answer.nodes.map((node) => [this.key(node.row), node]));
    }
    return row < model.count ? this.byKey.get(this.key(row)) ?? null : null;
  }

  key(row) {
    const { model } = this.context;
    if (this.answer.by === "path") return callPaths(model).path[row];
    return model.columns.service[row] * model.header.operations.length + model.columns.operation[row];
  }

  label(node) {
    if (node.count === 1) return [`${node.service} ${node.operation}`, text("frameOne", { total: duration(node.total_ns), self: duration(node.self_ns) }), ...(node.errors ? [text("failed")] : [])].join(", ");
    const lines = [`${node.service} ${node.operation}`, text("nodeFigures", { n: node.count.toLocaleString(), total: duration(node.total_ns), self: duration(node.self_ns), share: shareText(this.share(node)) })];
    if (node.errors) lines.push(text("frameFailed", { n: node.errors.toLocaleString() }));
    return lines.join(", ");
  }

  share(node) { return node.self_ns / Math.max(1, this.answer.self_ns); }

  showTable() {
    const [key, down] = readOrder(this.state.order, FALLBACK);
    const value = key === "share" ? (node) => node.self_ns : (node) => node[key];
    this.nodes = [...this.answer.nodes].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1) || a.number - b.number;
    });
    this.table.show({
      count: this.nodes.length,
      order: [key, down],
      mark: (index) => (this.matched ? (this.matched.has(this.nodes[index].number) ? "match" : "dim") : ""),
      cell: (index, column) => {
        const node = this.nodes[index];
        switch (column) {
          case "service": return serviceCell(node.service, node.slot);
          case "operation": return node.operation.slice(0, 300);
          case "count": return node.count.toLocaleString();
          case "errors": return node.errors ? el("span", { class: "failed" }, icon("error", text("failed")), ` ${node.errors.toLocaleString()}`) : "–";
          case "share": return shareText(this.share(node));
          default: return duration(node[column]);
        }
      },
    });
  }

  /** The spans of a node: one in the panel, many in the table. */
  open(node) {
    if (!node) return;
    if (node.count === 1) this.context.openSpan(node.row);
    else if (this.answer.by === "path") this.context.go("table", { path: rowName(this.context.model, node.row) });
    else this.context.go("table", { svc: this.context.model.service(node.row)[0], op: this.context.model.operation(node.row) });
  }
}
