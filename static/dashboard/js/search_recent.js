// Traces that were opened from the list, kept in this browser only.

import { el } from "./dom.js";

const KEY = "spanboard-recent-traces";
const KEPT = 8;
const place = document.querySelector("[data-recent]");

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one?.path === "string" && one.path.startsWith("/") && !one.path.startsWith("//")) : [];
  } catch {
    return []; // kept by another version, or nothing is kept
  }
}

function note({ target }) {
  const row = target.closest?.(".trace-row");
  if (!row) return;
  const path = row.pathname;
  const all = [{ path, name: String(row.dataset.name).slice(0, 80), took: row.dataset.took }, ...read().filter((one) => one.path !== path)];
  try { localStorage.setItem(KEY, JSON.stringify(all.slice(0, KEPT))); } catch { /* a browser that keeps nothing */ }
}

function show() {
  const all = read();
  place.hidden = all.length === 0;
  place.querySelector("span").replaceChildren(...all.map((one) => el("a", { class: "kept", href: one.path, text: `${one.name} ${one.took ?? ""}` })));
}

document.querySelector("[data-drop]").addEventListener("click", note);
addEventListener("pageshow", show);
