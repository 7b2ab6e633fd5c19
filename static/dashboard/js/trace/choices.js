// What the reader chose to see: switches, the view menu, and their words in the address.

import { text } from "../dom.js";
import { duration } from "../format.js";
import { toUs } from "./state.js";
import { keepValue, keptValue } from "../kept.js";

const UNITS = { ns: 1, us: 1e3, "µs": 1e3, ms: 1e6, s: 1e9, min: 6e10 };
export const ORDERS = ["", "duration", "self"];

/** Nanoseconds of "5 ms", "1.5s" or "300us"; 0 for nothing, NaN for nonsense. */
export function readDuration(words) {
  const found = /^\s*(?:(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|min)?)?\s*$/i.exec(words);
  if (!found) return NaN;
  return found[1] ? Number(found[1]) * UNITS[(found[2] ?? "ms").toLowerCase()] : 0;
}

export class Choices {
  /** changed(push) is called after any choice of the reader. */
  constructor(page, changed) {
    this.page = page;
    this.changed = changed;
    this.inline = keptValue("spanboard-detail") === "inline";
    for (const name of ["critical", "pairs", "folds", "only", "skew"]) {
      this.button(name)?.addEventListener("click", () => {
        this.press(name, !this.pressed(name));
        changed(name);
      });
    }
    this.order = page.querySelector("[data-order]");
    this.order.addEventListener("change", () => changed("order"));
    this.least = page.querySelector("[data-least]");
    this.least.addEventListener("change", () => {
      const ns = readDuration(this.least.value);
      this.least.setAttribute("aria-invalid", String(Number.isNaN(ns)));
      page.querySelector("[data-least-problem]").hidden = !Number.isNaN(ns);
      if (!Number.isNaN(ns)) changed("least");
    });
    for (const radio of page.querySelectorAll("[data-place]")) {
      radio.addEventListener("change", () => {
        this.inline = radio.value === "inline";
        keepValue("spanboard-detail", radio.value);
        changed("place");
      });
    }
    this.keep("density", "[data-density]", (value) => { page.dataset.rows = value; });
    const patterns = page.querySelector("[data-patterns]");
    const paint = () => page.classList.toggle("patterns", patterns.checked);
    patterns.checked = keptValue("spanboard-patterns") === "1" || matchMedia("(prefers-contrast: more)").matches;
    patterns.addEventListener("change", () => { keepValue("spanboard-patterns", patterns.checked ? "1" : "0"); paint(); });
    paint();
    this.showPlace();
    this.tuck();
  }

  /** Where the toolbar has no room, its switches move into the menu; a click beside closes it. */
  tuck() {
    const toggles = this.page.querySelector("[data-toggles]");
    const menu = this.page.querySelector("[data-menu]");
    const narrow = matchMedia("(max-width: 1199px)");
    const move = () => { if (narrow.matches) menu.querySelector("[data-menu-box]").prepend(toggles); else menu.before(toggles); };
    narrow.addEventListener("change", move);
    move();
    document.addEventListener("pointerdown", (event) => { if (menu.open && !menu.contains(event.target)) menu.open = false; });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  }

  /** A select whose value is kept in the browser. */
  keep(name, selector, use) {
    const select = this.page.querySelector(selector);
    const stored = keptValue(`spanboard-${name}`);
    if (stored && [...select.options].some((option) => option.value === stored)) select.value = stored;
    use(select.value);
    select.addEventListener("change", () => {
      keepValue(`spanboard-${name}`, select.value);
      use(select.value);
      this.changed(name);
    });
  }

  button(name) { return this.page.querySelector(`[data-${name}]`); }

  pressed(name) { return this.button(name)?.getAttribute("aria-pressed") === "true"; }

  press(name, on) {
    this.button(name)?.setAttribute("aria-pressed", String(on));
    if (name === "critical") this.page.classList.toggle("no-critical", !on);
  }

  showPlace() {
    for (const radio of this.page.querySelectorAll("[data-place]")) radio.checked = (radio.value === "inline") === this.inline;
  }

  get leastNs() { return readDuration(this.least.value) || 0; }

  get services() { return [...this.page.querySelectorAll('[data-legend][aria-pressed="true"]')].map((button) => button.dataset.legend); }

  chooseServices(names) {
    for (const button of this.page.querySelectorAll("[data-legend]")) button.setAttribute("aria-pressed", String(names.includes(button.dataset.legend)));
  }

  /** Hand the choices to a plan; the caller updates it. */
  give(plan, model, matches) {
    plan.pairs = this.pressed("pairs");
    plan.folds = this.pressed("folds");
    plan.order = this.order.value;
    plan.least = this.leastNs / model.unit;
    plan.only = this.pressed("only") ? matches : null;
    plan.chooseServices(this.services);
  }

  /** Filters that a span's row made go away. */
  drop(gone) {
    if (gone.includes("services")) this.chooseServices([]);
    if (gone.includes("only")) this.press("only", false);
    if (gone.includes("least")) this.least.value = "";
  }

  /** The words for the address; defaults are left out. */
  words(model) {
    return {
      critical: this.pressed("critical") ? "" : "0",
      pairs: this.pressed("pairs") ? "1" : "",
      folds: this.pressed("folds") ? "" : "0",
      only: this.pressed("only") ? "1" : "",
      sort: this.order.value,
      least: this.leastNs ? toUs(this.leastNs / model.unit, model) : "",
      detail: this.inline ? "inline" : "",
    };
  }

  /** Take the words of an address. */
  read(state) {
    this.press("critical", state.critical !== "0");
    this.press("pairs", state.pairs === "1");
    this.press("folds", state.folds !== "0");
    this.press("only", state.only === "1");
    this.order.value = ORDERS.includes(state.sort) ? state.sort : "";
    const least = Number(state.least);
    this.least.value = least > 0 ? duration(least * 1000).replace(/\u202f/g, " ") : "";
    if (state.detail) this.inline = state.detail === "inline";
    this.showPlace();
  }

  /** How many choices beside the defaults are in the menu, for its button. */
  count() {
    const number = (this.order.value ? 1 : 0) + (this.leastNs ? 1 : 0);
    const made = this.page.querySelector("[data-menu-count]");
    made.hidden = !number;
    made.textContent = number ? text("chosen", { n: number }) : "";
  }
}
