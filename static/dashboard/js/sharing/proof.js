// What a snapshot takes out: rules with counts, examples before and after, and
// fields taken out by hand. All of it is text.

import { askJson, el, icon, text } from "../dom.js";

/** A text with its marked parts; marks count characters as the server does. */
function marked(part, name) {
  const letters = Array.from(part.text);
  const made = el("span", { class: "proof-text" });
  let at = 0;
  for (const [from, to] of part.marks) {
    made.append(letters.slice(at, from).join(""), el("span", { class: name, text: letters.slice(from, to).join("") }));
    at = to;
  }
  made.append(letters.slice(at).join(""), part.cut ? " …" : "");
  return made;
}

export class Proof {
  /** subject(): what is looked at, as a query; the trace of the form unless given. */
  constructor(dialog, subject) {
    this.dialog = dialog;
    this.ofNames = Boolean(subject);
    this.find = (name) => dialog.querySelector(`[data-share-${name}]`);
    this.subject = subject ?? (() => [["trace", dialog.querySelector("[name=trace]").value]]);
    this.forget();
    this.find("more").addEventListener("click", () => this.ask(this.page + 1));
    const remove = () => {
      const field = this.find("field");
      if (field.value.trim()) this.takeOut(field.value.trim());
      field.value = "";
    };
    this.find("remove").addEventListener("click", remove);
    this.find("field").addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      remove();
    });
  }

  /** Nothing is known and nothing goes by hand. */
  forget() {
    this.byHand = [];
    this.page = 0;
    this.asked = 0;
  }

  /** Ask once for each opening of the dialog. */
  begin() {
    if (!this.page) this.ask(1);
  }

  takeOut(name) {
    if (!this.byHand.includes(name)) this.byHand.push(name);
    this.ask(1);
  }

  putBack(name) {
    this.byHand = this.byHand.filter((one) => one !== name);
    this.ask(1);
  }

  async ask(page) {
    const turn = (this.asked += 1);
    const query = new URLSearchParams([...this.subject(), ["page", page], ...this.byHand.map((name) => ["field", name])]);
    let answer;
    try {
      answer = await askJson(`${this.dialog.dataset.preview}?${query}`);
    } catch (problem) {
      if (turn === this.asked) this.find("total").textContent = text("shareFailed", { text: problem.message });
      return;
    }
    if (turn !== this.asked) return; // a later question is on its way
    this.page = answer.page;
    this.draw(answer);
  }

  draw(answer) {
    this.find("total").textContent = text("shareTotal", { n: answer.total_text });
    this.find("notes").textContent = answer.notes_text;
    this.find("notes").hidden = !answer.notes_text;
    const chip = (rule) => el("li", { class: rule.count ? "rule" : "rule none" }, icon("ok"), ` ${rule.words} `, el("b", { text: String(rule.count) }));
    this.find("rules").replaceChildren(...answer.rules.filter((rule) => rule.count).map(chip));
    const silent = answer.rules.filter((rule) => !rule.count);
    this.find("silent").replaceChildren(...silent.map(chip));
    this.find("silent-words").textContent = text("shareSilent", { n: silent.length });
    const rows = answer.examples.map((example) => this.row(example));
    if (answer.page === 1) this.find("examples").replaceChildren(...rows);
    else this.find("examples").append(...rows);
    this.find("table").hidden = !answer.fields;
    const shown = this.find("examples").childElementCount;
    this.find("shown").textContent = answer.fields ? text("shareShown", { n: shown, all: answer.fields }) : "";
    this.find("more").hidden = answer.page >= answer.pages;
    this.find("by-hand").replaceChildren(...this.byHand.map((name) => el("li", { class: "rule" }, el("code", { text: name }), el("button", { type: "button", class: "button only quiet-button", "aria-label": text("sharePutBack", { name }), on: { click: () => this.putBack(name) } }, icon("close")))));
  }

  row(example) {
    return el("tr", {},
      el("td", {}, el("code", { text: example.field }), el("span", { class: "quiet small", text: example.where })),
      el("td", {}, marked(example.before, "gone")),
      el("td", {}, marked(example.after, "label")),
      el("td", {}, this.ofNames ? "" : el("button", { type: "button", class: "button only quiet-button", "aria-label": text("shareTakeOut", { name: example.field }), title: text("shareTakeOut", { name: example.field }), on: { click: () => this.takeOut(example.field) } }, icon("close"))));
  }
}
