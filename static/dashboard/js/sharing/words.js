// What a trace's page opens with, in words, from the state in its address.

import { text } from "../dom.js";
import { duration } from "../format.js";
import { readState } from "../trace/state.js";

/** The view, window, selection and filters that a link or snapshot keeps. */
export function stateWords(page) {
  const state = readState();
  const parts = [];
  const tab = page.querySelector(`[data-view-name="${CSS.escape(state.view || "waterfall")}"]`);
  if (tab) parts.push(tab.textContent.trim());
  if (state.from || state.to) {
    const at = (value) => duration(Number(value || 0) * 1000);
    parts.push(state.to ? text("stateWindow", { from: at(state.from), to: at(state.to) }) : text("stateFrom", { from: at(state.from) }));
  }
  if (state.span) {
    const name = page.querySelector('[role="row"][aria-selected="true"] .operation')?.textContent ?? "";
    parts.push(name ? text("stateSpan", { name }) : text("stateSpans"));
  }
  if (state.root) parts.push(text("stateRoot"));
  if (state.uiFind) parts.push(text("stateFind", { text: state.uiFind }));
  if (state.svcFilter) parts.push(text("stateFilter"));
  if (state.collapsed) parts.push(text("stateFolds"));
  return parts.join(", ");
}
