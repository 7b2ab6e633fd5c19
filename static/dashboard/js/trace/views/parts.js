// Small parts that the views share: choices, chips, signs.

import { el, icon, text } from "../../dom.js";

const KINDS = ["", "internal", "server", "client", "producer", "consumer"];

/** A select with a name of its own; fill(any, names, chosen) sets what it offers. */
export function choice(label, change) {
  const made = el("select", { class: "select", "aria-label": label, on: { change: () => change(made.value) } });
  made.fill = (any, names, chosen = "") => {
    const key = JSON.stringify([any, names, chosen]);
    if (made.filled === key) return;
    made.filled = key;
    const all = chosen && !names.includes(chosen) ? [chosen, ...names] : names;
    made.replaceChildren(...(any === null ? [] : [el("option", { value: "", text: any })]), ...all.map((name) => el("option", { value: name, text: name.slice(0, 80) })));
    made.value = chosen;
  };
  return made;
}

/** A choice of few by buttons; options are [value, label]. */
export function switcher(label, options, change) {
  const buttons = options.map(([value, words]) => el("button", { type: "button", "aria-pressed": "false", data: { value }, text: words, on: { click: () => change(value) } }));
  const made = el("div", { class: "segmented", role: "group", "aria-label": label }, ...buttons);
  made.choose = (value) => { for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.value === value)); };
  return made;
}

/** A service's name with its colour. */
export function serviceCell(name, slot) {
  return el("span", { class: `chip svc-${slot}`, title: name }, el("span", { class: "hit", text: name }));
}

/** A kind's name as OTLP calls it. */
export const kindText = (kind) => KINDS[kind] ?? "";

/** A filter that is on, and the button that ends it. */
export function filterChip(words, end) {
  return el("span", { class: "filter-chip" }, el("span", { text: words, title: words }), el("button", { type: "button", "aria-label": text("clearFilter"), title: text("clearFilter"), on: { click: end } }, icon("close")));
}

/** What a table says when nothing is left, with the way back. */
export function nothing(clear) {
  return el("p", { class: "view-state", role: "status", hidden: true }, `${text("nothingLeft")} `, el("button", { type: "button", class: "button", text: text("clearFilter"), on: { click: clear } }));
}

/** Share of a whole as the server writes it: whole per cent, below 1 % one digit. */
export function shareText(value) {
  const percent = value * 100;
  if (percent > 0 && percent < 0.1) return "< 0.1\u202f%";
  return `${percent > 0 && percent < 1 ? percent.toFixed(1) : percent.toFixed(0)}\u202f%`;
}
