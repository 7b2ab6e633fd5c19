// Notes and pins of a trace: signs on rows, a section in the details, a list at the head.

import { askJson, el, icon, text, toast } from "../dom.js";
import { closesBeside, post, writingForm, writtenParts } from "./written.js";

const LONGEST = 4000;

export class Notes {
  /** app is main.js's. */
  constructor(page, app) {
    this.page = page;
    this.app = app;
    this.urls = page.querySelector("[data-notes]").dataset;
    this.menu = page.querySelector("[data-notes]");
    this.all = [];
    this.byRow = new Map();
    this.mark = null;
    this.mayWrite = false;
    this.sections = new Map(); // elements of open details, by what they show
    closesBeside(this.menu);
    this.load();
  }

  /** The notes of a row: {notes, pin}. */
  of(row) { return this.byRow.get(row) ?? null; }

  /** A message of the trace's connection; whether its notes alone have changed. */
  heard(message) {
    if (message.notes === undefined) return false;
    const changed = this.mark !== null && message.notes !== this.mark;
    this.mark = message.notes;
    if (changed) this.load();
    return changed;
  }

  /** Read them again; those of another version wait for the rows. */
  async load() {
    const ticket = (this.ticket = (this.ticket ?? 0) + 1);
    try {
      const found = await askJson(this.urls.list);
      if (ticket !== this.ticket) return;
      this.all = found.notes;
      this.mayWrite = found.may_write;
      this.version = found.version;
    } catch (problem) {
      console.warn("The notes could not be read:", problem);
      return;
    }
    this.take();
  }

  take() {
    const rows = this.app.model?.header.version === this.version;
    this.byRow = new Map();
    for (const note of rows ? this.all : []) {
      if (note.row < 0) continue;
      const one = this.byRow.get(note.row) ?? { notes: [], pin: null };
      if (note.is_pin) one.pin = note;
      else one.notes.push(note);
      this.byRow.set(note.row, one);
    }
    this.app.grid.refresh();
    for (const [element, row] of this.sections) {
      if (element.isConnected) this.fill(element, row);
      else this.sections.delete(element);
    }
    this.head();
  }

  async send(url, fields) {
    await post(url, fields);
    await this.load();
  }

  quietly(work) { work.catch((problem) => toast(problem.message)); }

  // Details of a span.

  /** The section of a span's details. */
  section(span) {
    const list = el("div", { class: "notes-list" });
    const made = el("section", { class: "notes", data: { together: "" }, "aria-label": text("notes") }, list);
    this.sections.set(list, span.row);
    this.fill(list, span.row);
    if (this.mayWrite) {
      const place = { span: span.span_id, service: span.service };
      const pin = el("button", { class: "button", type: "button", data: { pin: "" } });
      const write = el("button", { class: "button", type: "button", "aria-expanded": "false", data: { write: "" } }, icon("note"), text("writeNote"));
      const shown = (open) => {
        form.hidden = !open;
        write.setAttribute("aria-expanded", String(open));
        (open ? form.querySelector("textarea") : write).focus();
      };
      const form = writingForm({ label: text("writeNote"), button: text("addNote"), longest: LONGEST, send: async (words) => { await this.send(this.urls.add, { ...place, text: words }); shown(false); } });
      form.hidden = true;
      form.addEventListener("keydown", (event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation(); // the details stay open, and the text stays too
        shown(false);
      });
      write.addEventListener("click", () => shown(form.hidden));
      made.append(el("span", { class: "write-acts" }, write, pin), form);
      pin.addEventListener("click", () => {
        const held = this.of(span.row)?.pin;
        if (!held) this.quietly(this.send(this.urls.add, { ...place, text: "" }));
        else if (held.may_change) this.quietly(this.send(this.change(held, "delete")));
        else toast(text("pinOfOther", { name: held.author }));
      });
    }
    this.fillPin(made, span.row);
    return made;
  }

  fill(list, row) {
    const found = this.of(row);
    // What somebody is writing stays; the list follows once it is done.
    if (!list.querySelector("form")) list.replaceChildren(...(found?.notes ?? []).map((note) => this.item(note)));
    if (list.parentElement) this.fillPin(list.parentElement, row);
  }

  fillPin(section, row) {
    const pin = section.querySelector("[data-pin]");
    const held = this.of(row)?.pin;
    if (pin) {
      pin.setAttribute("aria-pressed", String(Boolean(held)));
      pin.replaceChildren(icon("pin"), text(held ? "pinnedBy" : "pinSpan", { name: held?.author ?? "" }));
    }
    section.hidden = !pin && !this.of(row);
  }

  change(note, verb) { return `${this.urls.change}${note.id}/${verb}`; }

  item(note) {
    const made = el("article", { class: "written" });
    const acts = note.may_change ? [
      el("button", { class: "button only quiet-button", type: "button", "aria-label": text("editNote"), title: text("editNote"), on: { click: () => this.edit(made, note) } }, icon("edit")),
      el("button", { class: "button only quiet-button", type: "button", "aria-label": text("deleteNote"), title: text("deleteNote"), on: { click: () => this.quietly(this.send(this.change(note, "delete"))) } }, icon("delete"))] : [];
    made.append(el("div", { class: "written-head small quiet" }, icon("note"), el("b", { text: note.author }), ` ${note.at}`, note.edited ? ` · ${text("edited")}` : "", el("span", { class: "spacer" }), ...acts), el("div", { class: "written-text" }, ...writtenParts(note.blocks)));
    return made;
  }

  edit(made, note) {
    const form = writingForm({ label: text("editNote"), button: text("saveNote"), value: note.text, longest: LONGEST, send: async (words) => { await post(this.change(note, "edit"), { text: words }); form.remove(); await this.load(); }, cancel: { label: text("cancel"), action: () => { form.remove(); this.take(); } } });
    made.replaceChildren(form);
    form.querySelector("textarea").focus();
  }

  // The head of the trace.

  head() {
    const notes = this.all.filter((note) => !note.is_pin);
    const pins = this.all.filter((note) => note.is_pin);
    this.menu.hidden = !this.mayWrite && !this.all.length;
    const count = this.menu.querySelector("[data-notes-count]");
    count.textContent = this.all.length ? String(this.all.length) : "";
    const box = this.menu.querySelector("[data-notes-box]");
    const old = box.querySelector("form");
    const form = old ?? (this.mayWrite ? writingForm({ label: text("writeTraceNote"), button: text("addNote"), longest: LONGEST, send: (words) => this.send(this.urls.add, { text: words }) }) : null);
    const group = (name, found) => (found.length ? [el("h3", { text: text(name) }), el("ul", { class: "notes-all" }, ...found.map((note) => el("li", {}, ...this.place(note), note.is_pin ? "" : this.item(note))))] : []);
    const parts = [...group("pins", pins), ...group("notes", notes)];
    if (!parts.length) parts.push(el("p", { class: "small quiet", text: text("noNotes") }));
    const list = box.querySelector("[data-notes-all]");
    if (!list.querySelector("form")) list.replaceChildren(...parts);
    if (form && !old) box.append(form);
  }

  /** The button that leads to a note's span. */
  place(note) {
    const { model } = this.app;
    if (note.lost) return [el("span", { class: "small quiet", text: text("spanGone") })];
    if (note.row < 0 || !model || note.row >= model.count) return [];
    const name = `${model.service(note.row)[0]} ${model.operation(note.row)}`.slice(0, 120);
    return [el("button", { class: "link-button note-place", type: "button", data: { noteRow: note.row }, on: { click: () => this.go(note.row) } }, icon(note.is_pin ? "pin" : "note"), name)];
  }

  go(row) {
    this.menu.open = false;
    this.app.go(row);
  }
}
