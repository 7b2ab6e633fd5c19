// Find in the trace: the server looks through names, tags and logs of all spans.

import { text } from "../dom.js";

const PAUSE_MS = 150;

export class Finder {
  /** handlers: rows(Set or null), go(row) */
  constructor(page, urls, handlers) {
    this.input = page.querySelector("[data-find-input]");
    this.count = page.querySelector("[data-find-count]");
    this.urls = urls;
    this.handlers = handlers;
    this.found = [];
    this.at = -1;
    this.ticket = 0;
    this.input.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.run(), PAUSE_MS);
    });
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") { event.preventDefault(); this.step(event.shiftKey ? -1 : 1); }
      if (event.key === "Escape") { this.set(""); this.input.blur(); }
    });
    page.querySelector("[data-find-next]").addEventListener("click", () => this.step(1));
    page.querySelector("[data-find-previous]").addEventListener("click", () => this.step(-1));
  }

  /** Search again in a trace that has grown. */
  again() { if (this.wanted) this.run(this.at); }

  get wanted() { return this.input.value.trim(); }

  set(value) {
    this.input.value = value;
    this.run();
  }

  /** Search; `kept` is the match, counted from 0, that stays the current one. */
  async run(kept = -1) {
    const ticket = (this.ticket += 1);
    this.at = kept;
    if (!this.wanted) {
      this.found = [];
      this.count.textContent = "";
      this.handlers.rows(null);
      return;
    }
    let found;
    try {
      const response = await fetch(`${this.urls.find}?q=${encodeURIComponent(this.wanted)}`, { credentials: "same-origin" });
      if (!response.ok) throw new Error(`status ${response.status}`);
      found = (await response.json()).rows;
    } catch (problem) {
      if (ticket !== this.ticket) return;
      this.found = [];
      this.handlers.rows(null);
      this.count.textContent = text("findFailed", { text: problem.message });
      return;
    }
    if (ticket !== this.ticket) return;
    this.found = found;
    this.at = Math.min(this.at, found.length - 1);
    this.handlers.rows(new Set(this.found));
    this.tell();
  }

  tell() {
    const total = this.found.length;
    if (!total) this.count.textContent = text("noMatch");
    else if (total === 1) this.count.textContent = text("oneMatch");
    else this.count.textContent = text("matches", { n: this.at + 1, total: total.toLocaleString() });
  }

  step(by) {
    if (!this.found.length) return;
    this.at = (this.at + by + this.found.length) % this.found.length;
    this.tell();
    this.handlers.go(this.found[this.at]);
  }
}
