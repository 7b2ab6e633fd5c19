// The frame of every page: theme, look-up key, help sheet, relative times.

import { keepTimes } from "./format.js";
import { keepValue, keptValue } from "./kept.js";

const root = document.documentElement;
const stored = keptValue("spanboard-theme");
if (stored && !("themeFixed" in root.dataset)) root.dataset.theme = stored;

document.querySelector("[data-theme-switch]")?.addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  keepValue("spanboard-theme", root.dataset.theme);
  dispatchEvent(new Event("themechange"));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("themechange")));

const help = document.querySelector("[data-help-dialog]");
document.querySelector("[data-help]")?.addEventListener("click", () => help.showModal());
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select, dialog[open]")) return;
  if (event.key === "/") { event.preventDefault(); document.querySelector("[data-lookup]")?.focus(); }
  if (event.key === "?") { event.preventDefault(); help?.showModal(); }
});

keepTimes();
