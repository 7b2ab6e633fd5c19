// The compare page: keys of its tree, "only what differs", the link.

import { copy } from "./dom.js";
import { treegrid } from "./treegrid.js";

const table = document.querySelector("[data-tree]");
const only = document.querySelector("[data-only]");
const grid = table?.getAttribute("role") === "treegrid" ? treegrid(table) : null;

/** Callers of a row that differs stay, so that its path can be read. */
function keeps(row) {
  if (!("same" in row.dataset)) return true;
  return grid !== null && grid.below(row).some((other) => !("same" in other.dataset));
}

function apply(on) {
  only.setAttribute("aria-pressed", String(on));
  const keep = on ? keeps : () => true;
  if (grid) grid.shown(keep);
  else for (const row of table.querySelectorAll("tbody tr")) row.hidden = !keep(row);
  const address = new URL(location.href);
  if (on) address.hash = "differs";
  else address.hash = "";
  history.replaceState(null, "", on ? address : address.href.replace(/#$/, ""));
}

if (only && table) {
  only.addEventListener("click", () => apply(only.getAttribute("aria-pressed") !== "true"));
  if (location.hash === "#differs") apply(true);
}
document.querySelector("[data-copy-link]")?.addEventListener("click", () => copy(location.href));
