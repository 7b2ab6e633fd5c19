// The find box: names at once in the page, expressions by the server.

import { el, text } from "../dom.js";

const EXPRESSION = /[<>=~!()]|\b(and|or|not)\b|^\s*(async|virtual|failing)\s*$/i;
const LISTED = 12;

/** Whether words are an expression rather than a part of a name. */
export function isExpression(words) {
  return EXPRESSION.test(words);
}

/** Names that hold all words; those that begin with them first. */
export function matches(names, words) {
  const parts = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (!parts.length) return [];
  const rank = (id) => (id.toLowerCase() === parts[0] ? 0 : id.toLowerCase().startsWith(parts[0]) ? 1 : 2);
  return names.filter(([id, group]) => parts.every((part) => id.toLowerCase().includes(part) || (group ?? "").toLowerCase() === part))
    .sort((a, b) => rank(a[0]) - rank(b[0]) || a[0].length - b[0].length || a[0].localeCompare(b[0]));
}

export class Find {
  /** names(): [[id, group]]; go(id); ask(words, mode); mark(ids or null). */
  constructor(page, { names, go, ask, mark }) {
    Object.assign(this, { names, go, ask, mark, mode: "find" });
    this.input = page.querySelector("[data-find]");
    this.count = page.querySelector("[data-find-count]");
    this.list = page.querySelector("[data-find-list]");
    this.problem = page.querySelector("[data-find-problem]");
    this.modes = [...page.querySelectorAll("[data-find-mode]")];
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => { this.close(); });
    this.list.addEventListener("pointerdown", (event) => {
      const option = event.target.closest("[role=option]");
      event.preventDefault();
      if (option) this.take(option.dataset.id);
    });
    for (const button of this.modes) {
      button.addEventListener("click", () => {
        this.setMode(button.dataset.findMode);
        if (this.input.value.trim()) this.send();
      });
    }
  }

  /** Show what the address holds. */
  fill(words, mode, counts) {
    if (document.activeElement !== this.input && !this.hits) this.input.value = words;
    if (words) this.setMode(mode);
    this.found = words && counts ? text("foundCounts", { nodes: counts.found_nodes ?? counts.shown_nodes, edges: counts.found_edges ?? counts.shown_edges }) : "";
    if (!this.hits) this.count.textContent = this.found;
  }

  setMode(mode) {
    this.mode = mode;
    for (const button of this.modes) button.setAttribute("aria-pressed", String(button.dataset.findMode === mode));
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  /** Words that came with the address mark what they match, without a list. */
  preset(words) {
    this.input.value = words;
    this.typed();
    this.close();
  }

  typed() {
    this.tell("");
    const words = this.input.value.trim();
    this.hits = words && !isExpression(words) ? matches(this.names(), words) : null;
    this.at = 0;
    this.count.textContent = this.hits ? text("matches", { n: this.hits.length, total: this.names().length }) : "";
    this.mark(this.hits && words.length > 1 ? this.hits.map(([id]) => id) : null);
    this.open();
  }

  open() {
    const shown = (this.hits ?? []).slice(0, LISTED);
    this.list.hidden = !shown.length;
    this.input.setAttribute("aria-expanded", String(Boolean(shown.length)));
    this.list.replaceChildren(...shown.map(([id, group], i) => el("li", { role: "option", id: `find-${i}`, "aria-selected": String(i === this.at), data: { id } }, el("span", { text: id }), group && group !== id ? el("span", { class: "quiet small", text: group }) : null)));
    if (shown.length) this.input.setAttribute("aria-activedescendant", `find-${this.at}`);
    else this.input.removeAttribute("aria-activedescendant");
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const shown = Math.min(this.hits?.length ?? 0, LISTED);
    if (["ArrowDown", "ArrowUp"].includes(event.key) && shown) {
      event.preventDefault();
      this.at = (this.at + (event.key === "ArrowDown" ? 1 : shown - 1)) % shown;
      this.open();
    } else if (event.key === "Enter") {
      event.preventDefault();
      const [hit] = this.hits?.[this.at] ?? [];
      if (hit !== undefined) this.take(hit);
      else this.send();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      const had = this.input.value;
      this.clear();
      if (had) this.send();
      else this.input.blur();
    }
  }

  clear() {
    this.input.value = "";
    this.hits = null;
    this.count.textContent = "";
    this.tell("");
    this.close();
    this.mark(null);
  }

  take(id) {
    this.clear();
    this.input.blur();
    this.go(id);
  }

  send() {
    // Marking shows the page again, which sets box and mode to what the address holds.
    const [words, mode] = [this.input.value.trim(), this.mode];
    this.hits = null;
    this.close();
    this.mark(null);
    this.ask(words, mode);
  }

  /** Say what is wrong with an expression, beside the box. */
  tell(words) {
    this.problem.textContent = words;
    this.problem.hidden = !words;
    this.input.setAttribute("aria-invalid", String(Boolean(words)));
  }
}
