// Statistics of the spans by one key, and within each group by another.

import { askJson, el, icon, text } from "../../dom.js";
import { duration } from "../../format.js";
import { choice, serviceCell, shareText } from "./parts.js";
import { nextOrder, readOrder, RowTable } from "./rows.js";

const FALLBACK = "-self";
const FIGURES = ["total", "avg", "min", "max", "p50", "p95", "p99", "self", "self_avg"];

const columnsOf = () => [
  { key: "name", label: text("group"), width: "minmax(240px, 2fr)", narrow: "150px" },
  { key: "count", label: text("calls"), width: "76px", narrow: "60px", number: true },
  { key: "errors", label: text("failures"), width: "76px", narrow: "60px", number: true },
  { key: "total", label: text("total"), width: "84px", number: true },
  { key: "avg", label: text("mean"), width: "80px", number: true },
  { key: "min", label: text("least"), width: "80px", number: true },
  { key: "max", label: text("most"), width: "80px", number: true },
  { key: "p50", label: "p50", width: "80px", number: true },
  { key: "p95", label: "p95", width: "80px", number: true },
  { key: "p99", label: "p99", width: "80px", number: true, title: text("p99Help") },
  { key: "self", label: text("selfTime"), width: "84px", number: true },
  { key: "self_avg", label: text("selfMean"), width: "92px", number: true },
  { key: "share", label: text("selfShare"), width: "132px", number: true, title: text("selfShareHelp") },
];

/** Show the statistics, or show them again after a change. */
export async function show(container, context) {
  container.view ??= new Statistics(container);
  await container.view.update(context);
}

class Statistics {
  constructor(container) {
    this.columns = columnsOf();
    this.ticket = 0;
    this.closed = new Set(); // names of groups whose inner groups are hidden
    this.by = choice(text("groupBy"), (by) => this.change({ by: by === "service" ? "" : by }));
    this.then = choice(text("thenBy"), (then) => this.change({ then }));
    this.count = el("span", { class: "small quiet", role: "status", data: { count: "" } });
    this.note = el("p", { class: "view-note small quiet", role: "status", hidden: true });
    container.replaceChildren(
      el("div", { class: "view-tools" },
        el("label", { class: "field" }, text("groupBy"), this.by), el("label", { class: "field" }, text("thenBy"), this.then),
        this.count, el("span", { class: "spacer" }), el("span", { class: "small quiet hide-small", text: text("statisticsHelp") })),
      this.note);
    this.table = new RowTable(container, { label: text("statisticsTable"), columns: this.columns, tree: true }, {
      open: (index) => this.open(index),
      sort: (key) => this.change({ order: nextOrder(readOrder(this.state.order, FALLBACK), key, this.columns) }),
      key: (event, index) => this.key(event, index),
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
    const { by, then } = this.state;
    const wanted = JSON.stringify([context.header.version, context.model.count, by, then]);
    if (wanted !== this.asked) {
      const query = new URLSearchParams({ by: by || "service", ...(then ? { then } : {}), ...(context.header.version ? { v: context.header.version } : {}) });
      const answer = await this.ask(`${context.urls.statistics}?${query}`);
      if (ticket !== this.ticket) return;
      if (answer) {
        this.asked = wanted;
        this.answer = answer;
        this.closed.clear();
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
      this.problem = text("statisticsFailed", { text: problem.message });
      return null;
    }
  }

  fill() {
    const { by, then } = this.state;
    const names = ["service", "operation", "kind", ...(this.answer?.keys ?? [])];
    this.by.fill(null, names, by || "service");
    this.then.fill(text("noSecond"), names.filter((name) => name !== (by || "service")), then);
    this.note.hidden = !this.problem && !this.answer?.left_off;
    this.note.textContent = this.problem || text("leftOff", { n: (this.answer?.left_off ?? 0).toLocaleString() });
    if (!this.answer) return;
    this.rows = this.flat();
    this.count.textContent = text("groupCount", { n: this.answer.groups.length.toLocaleString(), spans: this.answer.spans.toLocaleString() });
    this.table.show({
      count: this.rows.length,
      order: readOrder(this.state.order, FALLBACK),
      level: (index) => this.rows[index].level,
      expanded: (index) => { const { group } = this.rows[index]; return group.groups ? !this.closed.has(group.name) : null; },
      mark: (index) => (this.rows[index].level > 1 ? "inner" : ""),
      cell: (index, key) => this.cell(this.rows[index], key),
    });
  }

  sorted(groups) {
    const [key, down] = readOrder(this.state.order, FALLBACK);
    const value = key === "name" ? (group) => (group.name ?? "").toLowerCase() : (group) => group[key] ?? 0;
    return [...groups].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1) || b.self - a.self;
    });
  }

  /** Groups and, where they are open, the groups within. */
  flat() {
    const rows = [];
    for (const group of this.sorted(this.answer.groups)) {
      rows.push({ group, level: 1 });
      if (group.groups && !this.closed.has(group.name)) for (const inner of this.sorted(group.groups)) rows.push({ group: inner, outer: group, level: 2 });
    }
    return rows;
  }

  cell({ group, level }, key) {
    if (key === "name") return this.name(group, level);
    if (key === "count") return group.count.toLocaleString();
    if (key === "errors") return group.errors ? el("span", { class: "failed" }, icon("error", text("failed")), ` ${group.errors.toLocaleString()}`) : "–";
    if (key !== "share") return FIGURES.includes(key) ? duration(group[key]) : "";
    const bar = el("span", { class: "share-bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", `${Math.min(100, group.share * 100)}%`);
    return el("span", { class: "share-cell" }, bar, el("span", { text: shareText(group.share) }));
  }

  name(group, level) {
    const key = level > 1 ? this.answer.then : this.answer.by;
    const open = group.groups ? el("button", { type: "button", class: "caret", tabindex: "-1", "aria-hidden": "true", on: { click: () => this.toggle(group) } }, icon("down")) : null;
    if (open && this.closed.has(group.name)) open.classList.add("closed");
    let words;
    if (group.name === null) words = el("span", { class: "quiet", text: text("without", { key }) });
    else if (key === "service") words = serviceCell(group.name, this.answer.services[group.name] ?? 0);
    else words = el("span", { text: group.name.slice(0, 300) || text("emptyValue"), title: group.name.slice(0, 1_000) });
    return el("span", { class: "group-name" }, open, words);
  }

  toggle(group, closed = !this.closed.has(group.name)) {
    if (closed) this.closed.add(group.name);
    else this.closed.delete(group.name);
    this.fill();
  }

  key(event, index) {
    const { group, outer } = this.rows[index];
    if (event.key === "ArrowLeft") {
      event.preventDefault();
      if (outer) this.table.to(this.rows.findIndex((row) => row.group === outer));
      else if (group.groups) this.toggle(group, true);
    } else if (event.key === "ArrowRight" && group.groups) {
      event.preventDefault();
      if (this.closed.has(group.name)) this.toggle(group, false);
      else this.table.to(index + 1);
    }
  }

  /** The spans of a group, in the table. */
  open(index) {
    const { group, outer } = this.rows[index];
    const state = {};
    const tags = {};
    const add = (key, name) => {
      if (key === "service" && name !== null) state.svc = name;
      else if (key === "operation" && name !== null) state.op = name;
      else tags[key] = name;
    };
    if (outer) add(this.answer.by, outer.name);
    add(outer ? this.answer.then : this.answer.by, group.name);
    if (Object.keys(tags).length) state.tags = JSON.stringify(tags);
    this.context.go("table", state);
  }
}
