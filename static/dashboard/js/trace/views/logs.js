// The table of logs: all events of all spans, filtered by the server, sorted here.

import { askJson, el, text } from "../../dom.js";
import { duration } from "../../format.js";
import { nothing, serviceCell } from "./parts.js";
import { nextOrder, readOrder, RowTable } from "./rows.js";

const PAUSE_MS = 150;
const FALLBACK = "time";

const columnsOf = () => [
  { key: "time", label: text("time"), width: "104px", narrow: "80px", number: true },
  { key: "service", label: text("service"), width: "minmax(120px, 1fr)", narrow: "92px" },
  { key: "operation", label: text("operation"), width: "minmax(140px, 1.4fr)", narrow: "100px" },
  { key: "event", label: text("event"), width: "minmax(140px, 1.2fr)", narrow: "110px" },
  { key: "fields", label: text("fields"), width: "minmax(240px, 4fr)" },
];

/** Show the logs, or show them again after a change. */
export async function show(container, context) {
  container.view ??= new LogTable(container);
  await container.view.update(context);
}

/** Bring the logs of a row into sight. */
export function reveal(container, row) {
  const view = container.view;
  const index = view?.logs.findIndex(([of]) => of === row) ?? -1;
  if (index >= 0) view.table.to(index);
}

class LogTable {
  constructor(container) {
    this.columns = columnsOf();
    this.ticket = 0;
    this.logs = [];
    this.asked = null;
    this.text = el("input", { class: "input", type: "search", "aria-label": text("filterLogs"), placeholder: text("filterLogs"), spellcheck: "false", autocomplete: "off" });
    this.text.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.change({ q: this.text.value.trim() }), PAUSE_MS);
    });
    this.count = el("span", { class: "small quiet", role: "status", data: { count: "" } });
    this.jump = el("button", { type: "button", class: "button hide-small", title: "t", on: { click: () => this.context.inWaterfall(this.logs[this.table.active][0]) } }, text("inWaterfall"));
    this.note = el("p", { class: "view-note small quiet", role: "status", hidden: true });
    container.replaceChildren(el("div", { class: "view-tools" }, this.text, this.count, el("span", { class: "spacer" }), this.jump), this.note);
    this.table = new RowTable(container, { label: text("logsTable"), columns: this.columns }, {
      open: (index) => { if (index < this.logs.length) this.context.openSpan(this.logs[index][0]); },
      sort: (key) => this.change({ order: nextOrder(readOrder(this.state.order, FALLBACK), key, this.columns) }),
      key: (event, index) => { if (event.key === "t" && index < this.logs.length) { event.preventDefault(); this.context.inWaterfall(this.logs[index][0]); } },
    });
    this.empty = nothing(() => this.change({ q: "" }));
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
    const { q = "" } = this.state;
    if (document.activeElement !== this.text) this.text.value = q;
    const wanted = `${context.header.version} ${context.model.count} ${q}`;
    if (wanted !== this.asked) {
      if (!this.answer) this.count.textContent = text("loadingLogs");
      const answer = await this.ask(`${context.urls.logs}?v=${context.header.version || ""}&q=${encodeURIComponent(q)}`);
      if (ticket !== this.ticket) return;
      if (!answer) { this.fill(); return; }
      this.asked = wanted;
      this.answer = answer;
    }
    this.fill();
  }

  async ask(url) {
    try {
      const answer = await askJson(url);
      this.problem = "";
      return answer;
    } catch (problem) {
      this.problem = text("logsFailed", { text: problem.message });
      return null;
    }
  }

  fill() {
    const { total, logs } = this.answer ?? { total: 0, logs: [] };
    const { model, matches } = this.context;
    const cut = total > logs.length;
    this.note.hidden = !cut && !this.problem;
    this.note.textContent = this.problem || text("cutLogs", { n: logs.length.toLocaleString(), total: total.toLocaleString() });
    this.count.textContent = text("logCount", { n: total.toLocaleString() });
    this.logs = this.sorted(logs);
    this.empty.hidden = logs.length > 0 || Boolean(this.problem);
    this.empty.firstChild.textContent = this.state.q ? `${text("noLogLeft")} ` : text("noLogs");
    this.empty.lastChild.hidden = !this.state.q;
    this.jump.disabled = !logs.length;
    this.table.show({
      count: this.logs.length,
      order: readOrder(this.state.order, FALLBACK),
      mark: (index) => (matches ? (matches.has(this.logs[index][0]) ? "match" : "dim") : ""),
      cell: (index, key) => {
        const [row, at, name, fields] = this.logs[index];
        if (key === "time") return at < 0 ? duration(at) : `+${duration(at)}`;
        if (key === "service") return serviceCell(...model.service(row));
        if (key === "operation") return model.operation(row).slice(0, 300);
        return key === "event" ? name : el("span", { class: "mono", text: fields, title: fields });
      },
    });
  }

  sorted(logs) {
    const { model } = this.context;
    const [key, down] = readOrder(this.state.order, FALLBACK);
    const value = {
      time: ([, at]) => at,
      service: ([row]) => model.service(row)[0],
      operation: ([row]) => model.operation(row),
      event: ([, , name]) => name,
      fields: ([, , , fields]) => fields,
    }[key] ?? (([, at]) => at);
    const known = logs.filter(([row]) => row < model.count);
    const keyed = known.map((log, place) => [value(log), place, log]);
    keyed.sort(([a, i], [b, j]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1) || i - j);
    return keyed.map(([, , log]) => log);
  }
}
