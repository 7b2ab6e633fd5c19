// Rows that are no spans: folded repeats, what is left out, callers that are missing.

import { el, icon, text } from "../dom.js";
import { known } from "../format.js";
import { drawBarcode, drawSpan } from "./bars.js";
import { MISSING, REPEAT, REST } from "./plan.js";

/** Fill the elements of a made row. */
export function fillMade(grid, made, item, marks) {
  const kind = grid.plan.kind(item);
  made.root.className = `span-row made ${kind}${grid.matches ? " dim" : ""}`;
  made.bars.replaceChildren();
  if (kind === REPEAT) repeat(grid, made, item, marks);
  else if (kind === MISSING) missing(grid, made, item);
  else left(grid, made, item, kind === REST);
}

function repeat(grid, made, item, marks) {
  const { model, plan } = grid;
  const group = model.repeats[plan.repeatOf(item)];
  const first = group.rows[0];
  const server = plan.pairs ? model.pair[first] : -1;
  const named = server >= 0 ? server : first;
  const [service, slot] = model.service(named);
  const n = group.rows.length;
  const figures = { n: n.toLocaleString(), min: known(group.min, model.unit), median: known(group.median, model.unit), max: known(group.max, model.unit) };
  const failed = model.failed(first);
  const has = grid.matches && group.rows.some((row) => grid.matches.has(row));
  if (has) made.root.className = "span-row made repeat match";
  made.root.setAttribute("aria-label", `${text("repeatLabel", { service, operation: model.operation(named), ...figures })}${failed ? `, ${text("failed")}` : ""}`);
  made.name.className = `cell name svc-${slot}`;
  const parts = [made.caret, made.edge];
  if (failed) parts.push(icon("error", text("failed")));
  if (marks.level) parts.push(el("span", { class: "version", text: String(marks.level) }));
  const above = plan.above(made.place);
  if (above < 0 || above >= model.count || model.columns.service[above] !== model.columns.service[named]) parts.push(el("b", { class: "service", text: service }));
  parts.push(el("span", { class: "operation", text: model.operation(named).slice(0, 300), title: model.operation(named).slice(0, 300) }));
  parts.push(el("span", { class: "times", text: `× ${n.toLocaleString()}` }));
  made.name.replaceChildren(...parts);
  made.time.textContent = known(group.total, model.unit);
  made.time.title = text("repeatTotal");
  made.bars.className = `cell bars svc-${slot}`;
  made.bars.replaceChildren(...drawBarcode(model, group.rows, grid.window, text("repeatFigures", figures)));
}

function missing(grid, made, item) {
  const { model, plan } = grid;
  const one = model.missing[item - plan.missingBase];
  const open = one.state === "open";
  const word = open ? text("stillOpen") : text("callerMissing");
  const name = one.name || one.service || text("unknownCaller");
  made.root.setAttribute("aria-label", `${name}, ${word}`);
  made.name.className = "cell name svc-0 absent";
  made.name.replaceChildren(made.caret, made.edge, el("b", { class: "service", text: name.slice(0, 120), title: one.why || name.slice(0, 120) }),
    one.operation ? el("span", { class: "operation", text: one.operation.slice(0, 300) }) : "",
    el("span", { class: `hidden-count${open ? "" : " caution"}`, text: word, title: one.id }));
  made.time.textContent = open ? text("openDuration") : "";
  made.time.title = "";
  made.bars.className = "cell bars svc-0";
  made.bars.replaceChildren(...drawSpan(one.start, one.end, grid.window, `bar absent${open ? " open" : ""}`));
}

function left(grid, made, item, rest) {
  const { model, plan } = grid;
  let words;
  if (rest) {
    const number = plan.repeatOf(item);
    const shown = new Set(plan.slowest(number));
    const others = Array.from(model.repeats[number].rows).filter((row) => !shown.has(row));
    const longest = others.reduce((most, row) => Math.max(most, model.columns.duration[row]), 0);
    words = text("moreCalls", { n: others.length.toLocaleString(), max: known(longest, model.unit) });
  } else {
    words = text("shortSpans", { n: plan.shortOf(item).length.toLocaleString(), max: known(plan.least, model.unit) });
  }
  made.root.setAttribute("aria-label", words);
  made.name.className = "cell name svc-0";
  made.name.replaceChildren(made.caret, el("span", { class: "operation more", text: words }));
  made.time.textContent = "";
  made.time.title = "";
  made.bars.className = "cell bars svc-0";
}
