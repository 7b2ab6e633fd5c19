// The table of spans: filter, sort, open; the whole trace at once, rows drawn as seen.

import { askJson, el, icon, text } from "../../dom.js";
import { known } from "../../format.js";
import { callPaths } from "../paths.js";
import { rowsOf } from "../state.js";
import { choice, filterChip, kindText, nothing, serviceCell } from "./parts.js";
import { nextOrder, readOrder, RowTable } from "./rows.js";

const PAUSE_MS = 150;
const MAX_FOUND = 20_000; // rows that the server's find gives at most
const FALLBACK = "start";

const columnsOf = () => [
  { key: "service", label: text("service"), width: "minmax(120px, 1.2fr)", narrow: "92px" },
  { key: "operation", label: text("operation"), width: "minmax(180px, 2.4fr)", narrow: "120px" },
  { key: "duration", label: text("duration"), width: "104px", narrow: "80px", number: true },
  { key: "self", label: text("selfTime"), width: "104px", narrow: "80px", number: true },
  { key: "critical", label: text("onCritical"), width: "116px", narrow: "104px", number: true, title: text("onCriticalHelp") },
  { key: "start", label: text("start"), width: "104px", narrow: "80px", number: true },
  { key: "kind", label: text("kind"), width: "84px", narrow: "72px" },
  { key: "failed", label: text("failures"), width: "92px", number: true },
];

/** Time of each row on the critical path, in the model's unit. */
function criticalOf(model) {
  if (!model.criticalTime) {
    const { criticalRow, criticalStart, criticalEnd } = model.columns;
    model.criticalTime = new Float64Array(model.count);
    criticalRow.forEach((row, i) => { model.criticalTime[row] += criticalEnd[i] - criticalStart[i]; });
  }
  return model.criticalTime;
}

/** Show the table, or show it again after a change. */
export async function show(container, context) {
  container.view ??= new SpanTable(container);
  await container.view.update(context);
}

/** The panel shows another span, or none. */
export function mark(container) {
  container.view?.table.mark();
}

/** Bring a row into sight. */
export function reveal(container, row) {
  container.view?.lead(row);
}

class SpanTable {
  constructor(container) {
    this.columns = columnsOf();
    this.ticket = 0;
    this.found = null;
    this.service = choice(text("service"), (value) => this.change({ svc: value, op: "" }));
    this.operation = choice(text("operation"), (value) => this.change({ op: value }));
    this.text = el("input", { class: "input", type: "search", "aria-label": text("filterText"), placeholder: text("filterText"), spellcheck: "false", autocomplete: "off" });
    this.text.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.change({ q: this.text.value.trim() }), PAUSE_MS);
    });
    this.failed = el("input", { type: "checkbox" });
    this.failed.addEventListener("change", () => this.change({ failed: this.failed.checked ? "1" : "" }));
    this.extra = el("span", { class: "view-chips" });
    this.count = el("span", { class: "small quiet", role: "status", data: { count: "" } });
    this.jump = el("button", { type: "button", class: "button hide-small", title: "t", on: { click: () => this.context.inWaterfall(this.rows[this.table.active]) } }, text("inWaterfall"));
    this.csv = el("a", { class: "button hide-small", download: "" }, icon("download"), "CSV");
    this.note = el("p", { class: "view-note small quiet", hidden: true });
    container.replaceChildren(
      el("div", { class: "view-tools" }, this.service, this.operation, this.text, el("label", { class: "check" }, this.failed, text("failedOnly")), this.extra, this.count, el("span", { class: "spacer" }), this.jump, this.csv),
      this.note);
    this.table = new RowTable(container, { label: text("spansTable"), columns: this.columns }, {
      open: (index) => { if (index < this.rows.length) this.context.openSpan(this.rows[index]).then(() => this.table.mark()); },
      sort: (key) => this.change({ order: nextOrder(readOrder(this.state.order, FALLBACK), key, this.columns) }),
      key: (event, index) => { if (event.key === "t" && index < this.rows.length) { event.preventDefault(); this.context.inWaterfall(this.rows[index]); } },
    });
    this.empty = nothing(() => this.change({ svc: "", op: "", q: "", failed: "", tags: "", path: "" }));
    container.append(this.empty);
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
    const { model } = context;
    this.controls();
    const [found, tagged] = await Promise.all([this.holding(), this.tagged()]);
    if (ticket !== this.ticket) return;
    this.rows = this.sorted(this.kept(found, tagged));
    this.count.textContent = text("showing", { n: this.rows.length.toLocaleString(), total: model.count.toLocaleString() });
    this.note.hidden = !(found?.cut || this.problem);
    this.note.textContent = this.problem ?? text("cutMatches", { n: MAX_FOUND.toLocaleString() });
    this.empty.hidden = this.rows.length > 0;
    this.jump.disabled = !this.rows.length;
    const selected = (index) => index >= 0 && this.rows[index] === context.selected();
    this.table.show({
      count: this.rows.length,
      order: readOrder(this.state.order, FALLBACK),
      selected,
      mark: (index) => (context.matches ? (context.matches.has(this.rows[index]) ? "match" : "dim") : ""),
      cell: (index, key) => this.cell(this.rows[index], key),
    });
  }

  /** What the controls show, from the state and the trace. */
  controls() {
    const { model } = this.context;
    const { svc, op, q, failed, tags, path } = this.state;
    const names = model.header.services.map(([name]) => name).sort();
    this.service.fill(text("anyService"), names, svc);
    const service = model.header.services.findIndex(([name]) => name === svc);
    const seen = new Set();
    for (let row = 0; row < model.count; row += 1) if (service < 0 || model.columns.service[row] === service) seen.add(model.columns.operation[row]);
    this.operation.fill(text("anyOperation"), [...seen].map((n) => model.header.operations[n]).sort().slice(0, 2_000), op);
    if (document.activeElement !== this.text) this.text.value = q ?? "";
    this.failed.checked = failed === "1";
    this.extra.replaceChildren();
    if (tags) {
      let words = tags;
      try {
        words = Object.entries(JSON.parse(tags)).map(([key, value]) => (value === null ? text("without", { key }) : `${key} = ${value}`)).join(", ");
      } catch (problem) { console.warn(problem); }
      this.extra.append(filterChip(words, () => this.change({ tags: "" })));
    }
    if (path) this.extra.append(filterChip(text("pathOf", { name: this.pathName() }), () => this.change({ path: "" })));
    const query = new URLSearchParams(Object.entries({ service: svc, operation: op, q, failed, tags, path: path && String(Math.max(0, this.pathRow())) }).filter(([, value]) => value));
    this.csv.href = `${this.context.urls.csv}${query.size ? `?${query}` : ""}`;
  }

  pathRow() {
    const { model } = this.context;
    return rowsOf(model, new Set([this.state.path])).get(this.state.path) ?? -1;
  }

  pathName() {
    const row = this.pathRow();
    return row < 0 ? this.state.path : `${this.context.model.service(row)[0]} ${this.context.model.operation(row)}`;
  }

  /** Rows that hold the text anywhere: the server looks into tags and logs. */
  async holding() {
    this.problem = null;
    const { q } = this.state;
    if (!q) return null;
    const { model, urls } = this.context;
    const low = q.toLowerCase();
    const rows = new Set();
    const hit = (names) => names.map((name) => name.toLowerCase().includes(low));
    const services = hit(model.header.services.map(([name]) => name));
    const operations = hit(model.header.operations);
    for (let row = 0; row < model.count; row += 1) if (services[model.columns.service[row]] || operations[model.columns.operation[row]]) rows.add(row);
    const found = await this.ask(`${urls.find}?q=${encodeURIComponent(q)}`);
    for (const row of found) rows.add(row);
    return { rows, cut: found.length >= MAX_FOUND };
  }

  async tagged() {
    const { tags } = this.state;
    return tags ? new Set(await this.ask(`${this.context.urls.rows}?tags=${encodeURIComponent(tags)}`)) : null;
  }

  async ask(url) {
    try {
      return (await askJson(url)).rows;
    } catch (problem) {
      this.problem = text("findFailed", { text: problem.message });
      return [];
    }
  }

  kept(found, tagged) {
    const { model } = this.context;
    const { svc, op, failed, path } = this.state;
    const service = svc ? model.header.services.findIndex(([name]) => name === svc) : -1;
    const operation = op ? model.header.operations.indexOf(op) : -1;
    const paths = path ? callPaths(model) : null;
    const row0 = path ? this.pathRow() : -1;
    const wanted = row0 >= 0 ? paths.path[row0] : -1;
    const rows = new Uint32Array(model.count);
    let n = 0;
    for (let row = 0; row < model.count; row += 1) {
      if (svc && model.columns.service[row] !== service) continue;
      if (op && model.columns.operation[row] !== operation) continue;
      if (failed && !model.failed(row)) continue;
      if (path && paths.path[row] !== wanted) continue;
      if (found && !found.rows.has(row)) continue;
      if (tagged && !tagged.has(row)) continue;
      rows[n] = row;
      n += 1;
    }
    return rows.subarray(0, n);
  }

  sorted(rows) {
    const { model } = this.context;
    const { columns } = model;
    const [key, down] = readOrder(this.state.order, FALLBACK);
    const ranks = (names) => {
      const order = names.map((name, i) => [name, i]).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      const rank = new Uint32Array(names.length);
      order.forEach(([, i], place) => { rank[i] = place; });
      return rank;
    };
    const service = key === "service" ? ranks(model.header.services.map(([name]) => name)) : null;
    const operation = key === "operation" ? ranks(model.header.operations) : null;
    const value = {
      service: (row) => service[columns.service[row]],
      operation: (row) => operation[columns.operation[row]],
      kind: (row) => columns.kind[row],
      start: (row) => model.start[row],
      duration: (row) => columns.duration[row],
      self: (row) => columns.self[row],
      critical: (row) => criticalOf(model)[row],
      failed: (row) => (model.failed(row) ? 1 : 0),
    }[key] ?? ((row) => model.start[row]);
    const by = new Float64Array(model.count);
    for (const row of rows) by[row] = value(row);
    return rows.sort((a, b) => (down ? by[b] - by[a] : by[a] - by[b]) || a - b);
  }

  cell(row, key) {
    const { model } = this.context;
    const { columns } = model;
    switch (key) {
      case "service": return serviceCell(...model.service(row));
      case "operation": return el("span", { class: "signed", title: model.operation(row).slice(0, 1_000) }, model.failed(row) ? icon("error") : null, el("span", { class: "hit", text: model.operation(row).slice(0, 300) }));
      case "kind": return kindText(columns.kind[row]);
      case "start": return model.start[row] ? `+${known(model.start[row], model.unit)}` : "0";
      case "duration": return known(columns.duration[row], model.unit);
      case "self": return known(columns.self[row], model.unit);
      case "critical": { const time = criticalOf(model)[row]; return time ? known(time, model.unit) : "–"; }
      default: return model.failed(row) ? el("span", { class: "failed", text: text("failed") }) : "";
    }
  }

  lead(row) {
    const index = this.rows.indexOf(row);
    if (index >= 0) this.table.to(index);
  }
}

