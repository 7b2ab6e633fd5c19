// Completion in the line of query: a combobox whose list the server knows.

import { el } from "./dom.js";

const WAIT_MS = 120;

export class LineWords {
  /** source(): the name of the source searched, or "". */
  constructor(input, list, url, source) {
    Object.assign(this, { input, list, url, source, items: [], at: -1, asked: 0, timer: null });
    input.addEventListener("input", () => this.later());
    input.addEventListener("click", () => this.later());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => this.close());
    list.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the input keeps the focus
      const option = event.target.closest("[role=option]");
      if (option) this.take(Number(option.dataset.at));
    });
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), WAIT_MS);
  }

  async ask() {
    const turn = ++this.asked;
    const query = new URLSearchParams({ text: this.input.value, at: this.input.selectionStart ?? this.input.value.length, source: this.source() });
    let answer;
    try {
      const response = await fetch(`${this.url}?${query}`, { credentials: "same-origin" });
      answer = response.ok ? await response.json() : { items: [] };
    } catch {
      answer = { items: [] }; // no help; the search itself says what is wrong
    }
    if (turn !== this.asked || document.activeElement !== this.input) return;
    this.range = [answer.start, answer.end];
    const written = this.input.value.slice(answer.start, answer.end);
    this.items = answer.items.filter((item) => item.text.trim() !== written || answer.items.length > 1);
    this.open();
  }

  open() {
    this.at = -1;
    this.list.replaceChildren(...this.items.map((item, at) => el("li", { role: "option", id: `line-word-${at}`, "aria-selected": "false", data: { at: String(at) } },
      el("span", { text: item.label }), item.note ? el("span", { text: item.note }) : null)));
    this.list.hidden = this.items.length === 0;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
    this.input.removeAttribute("aria-activedescendant");
  }

  close() {
    clearTimeout(this.timer);
    this.asked += 1;
    this.items = [];
    this.open();
  }

  select(at) {
    const options = [...this.list.children];
    this.at = (at + options.length) % options.length;
    for (const [n, option] of options.entries()) option.setAttribute("aria-selected", String(n === this.at));
    options[this.at].scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", options[this.at].id);
  }

  take(at) {
    const { text } = this.items[at];
    const { value } = this.input;
    const [start, end] = this.range;
    const rest = value.slice(end);
    const put = text.endsWith(" ") && rest.startsWith(" ") ? text.slice(0, -1) : text;
    this.input.setRangeText(put, start, end, "end");
    this.input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  key(event) {
    if (event.key === "Escape" && !this.list.hidden) { event.preventDefault(); event.stopPropagation(); this.close(); return; }
    if (event.key === "ArrowDown" && this.list.hidden) { event.preventDefault(); this.ask(); return; }
    if (this.list.hidden) return;
    if (event.key === "ArrowDown") { event.preventDefault(); this.select(this.at + 1); }
    else if (event.key === "ArrowUp") { event.preventDefault(); this.select(this.at < 0 ? this.items.length - 1 : this.at - 1); }
    else if ((event.key === "Enter" || event.key === "Tab") && this.at >= 0) { event.preventDefault(); this.take(this.at); }
  }
}
