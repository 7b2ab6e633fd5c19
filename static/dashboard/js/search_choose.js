// Traces chosen in the list, to be compared.

import { el, text } from "./dom.js";

const MOST = 8;
const list = document.querySelector("[data-list]");
const button = document.querySelector("[data-compare]");
const chosen = new Set(); // trace ids, in the order of choosing

const idOf = (row) => row.pathname.split("/").at(-1);

/** The box beside a row. */
export function chooser(row) {
  return el("input", { type: "checkbox", "aria-label": text("choose", { name: row.dataset.name, took: row.dataset.took }) });
}

function show() {
  const ids = [...chosen];
  const fits = ids.length > 1 && ids.length <= MOST;
  button.hidden = ids.length === 0;
  button.querySelector("span").textContent = ids.length > MOST ? text("compareMost", { n: MOST }) : text("compareSome", { n: ids.length });
  button.setAttribute("aria-disabled", String(!fits));
  if (fits) button.href = `${button.dataset.base}${ids.join("...")}`;
  else button.removeAttribute("href");
}

list.addEventListener("change", ({ target }) => {
  if (!target.matches(".trace-item > input")) return;
  const id = idOf(target.nextElementSibling);
  if (target.checked) chosen.add(id);
  else chosen.delete(id);
  show();
});
// A page that the browser kept comes back with its boxes ticked.
addEventListener("pageshow", () => {
  for (const box of list.querySelectorAll(".trace-item > input:checked")) chosen.add(idOf(box.nextElementSibling));
  show();
});
