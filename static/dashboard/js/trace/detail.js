// The panel of one span: figures, error, attributes, events, process, references.

import { copy, el, icon, text } from "../dom.js";

export class Panel {
  /** go(row) shows another row; urls are the page's data attributes. */
  constructor(page, urls, go) {
    this.root = page.querySelector("[data-panel]");
    this.urls = urls;
    this.go = go;
    this.wanted = 0;
    this.row = -1;
    this.spanId = "";
  }

  get open() { return !this.root.hidden; }

  /** Calls told() once the span's id is known. */
  async show(row, version, told = () => {}) {
    if (row !== this.row) this.spanId = "";
    this.row = row;
    this.root.hidden = false;
    const ticket = (this.wanted += 1);
    try {
      const query = version ? `?v=${version}` : "";
      const response = await fetch(`${this.urls.span}${row}${query}`, { credentials: "same-origin" });
      const found = await response.json();
      if (!response.ok) throw new Error(found.error ?? `status ${response.status}`);
      if (ticket !== this.wanted) return;
      this.spanId = found.span_id;
      this.fill(found);
      told();
    } catch (problem) {
      if (ticket !== this.wanted) return;
      this.root.replaceChildren(el("section", { class: "fault", role: "alert" }, icon("error"), text("detailsFailed", { text: problem.message })));
    }
  }

  close() {
    this.wanted += 1;
    this.root.hidden = true;
    this.row = -1;
    this.spanId = "";
  }

  fill(span) {
    const button = (name, label, action) => el("button", { class: "button only quiet-button", type: "button", "aria-label": label, title: label, on: { click: action } }, icon(name));
    const head = el("header", {},
      el("div", { class: "title" },
        el("span", { class: "monogram", text: span.monogram, "aria-hidden": "true" }),
        el("b", { text: span.service }),
        span.version ? el("span", { class: "version", text: span.version.slice(0, 24) }) : null,
        el("span", { class: "quiet", text: span.kind }),
        el("span", { class: "spacer" }),
        button("copy", text("copyId"), () => copy(span.span_id)),
        button("share", text("copyLink"), () => { const url = new URL(location.href); url.searchParams.set("span", span.span_id); copy(url.href); }),
        button("close", text("close"), () => this.go(-1))),
      el("h2", { text: span.operation }),
      el("p", { class: "small quiet" }, `${text("started", { offset: span.offset })} · `, el("code", { text: span.span_id })));
    const figure = (label, value, title) => el("div", { title }, el("span", { class: "small quiet", text: label }), el("b", { text: value }));
    const parts = [head, el("section", { class: "figures" },
      figure(text("duration"), span.duration, `${span.duration_ns} ns`),
      figure(text("selfTime"), span.self_time, `${span.self_ns} ns`),
      figure(text("ofTrace"), span.share, ""))];
    if (span.error) parts.push(el("section", { class: "fault" }, icon("error"), el("b", { text: span.error })));
    for (const words of span.warnings) parts.push(el("section", { class: "caution" }, icon("warning"), el("span", { text: words })));
    parts.push(this.section("attributes", span.tag_count, this.tags(span.tags, span.tag_count), true));
    if (span.logs.length) parts.push(this.section("events", span.log_count, el("div", {}, ...span.logs.map((log) => this.event(log))), true));
    if (span.process.length) parts.push(this.section("resource", span.process.length, this.tags(span.process), false));
    const references = span.references.filter((ref) => ref.row === null || ref.row !== span.parent_row);
    if (references.length) parts.push(this.section("references", references.length, el("div", {}, ...references.map((ref) => this.reference(ref))), true));
    this.root.replaceChildren(...parts);
    this.root.scrollTop = 0;
  }

  section(name, count, content, open) {
    return el("section", {}, el("details", { open }, el("summary", {}, text(name), " ", el("span", { class: "quiet", text: String(count) })), content));
  }

  tags(tags, count = tags.length) {
    const list = el("dl", { class: "tags" });
    for (const tag of tags) {
      // Long keys break after a dot or an underscore, not inside a word.
      list.append(el("dt", {}, ...tag.key.split(/(?<=[._/-])/).flatMap((part) => [part, el("wbr")])));
      const value = el("dd", { title: text("copy"), on: { click: () => { if (!getSelection().toString()) copy(tag.value); } } });
      if (/^https?:\/\/\S+$/i.test(tag.value) && !tag.cut) value.append(el("a", { href: tag.value, rel: "noopener noreferrer nofollow", target: "_blank", text: tag.value }));
      else value.textContent = tag.value;
      if (tag.cut) value.append(el("span", { class: "quiet", text: ` … ${text("cut", { n: tag.cut.toLocaleString() })}` }));
      list.append(value);
    }
    if (count > tags.length) list.append(el("dt", { text: "…" }), el("dd", { text: text("moreTags", { n: count - tags.length }) }));
    return list;
  }

  event(log) {
    return el("div", { class: "event" }, el("span", { class: "at", text: `+${log.at}` }), el("b", { text: log.name }), log.fields.length ? this.tags(log.fields) : null);
  }

  reference(ref) {
    const label = `${ref.kind} ${ref.span_id}`;
    if (ref.row !== null) return el("p", {}, el("button", { class: "button", type: "button", text: label, on: { click: () => this.go(ref.row) } }));
    if (this.urls.traceBase) return el("p", {}, el("a", { class: "mono", href: `${this.urls.traceBase}${encodeURIComponent(ref.trace_id)}?span=${encodeURIComponent(ref.span_id)}`, text: `${ref.kind} ${ref.trace_id} ${ref.span_id}` }));
    return el("p", { class: "mono", text: `${ref.kind} ${ref.trace_id} ${ref.span_id}` });
  }
}
