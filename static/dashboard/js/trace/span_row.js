// One span as a row: name, duration, bar; in pairs both halves of a call.

import { el, icon, text } from "../dom.js";
import { known } from "../format.js";
import { drawBar, drawPair } from "./bars.js";
import { REPEAT } from "./plan.js";

const MAX_NAME = 300; // characters of an operation in a row

/** Fill the elements of a row with a span. */
export function fillSpan(grid, made, row, place, marks) {
  const { model, plan } = grid;
  const server = plan.pairs ? model.pair[row] : -1;
  // A pair goes by its server's name: that is who was called.
  const named = server >= 0 ? server : row;
  const [service, slot] = model.service(named);
  const operation = model.operation(named);
  const above = plan.above(place);
  const failed = model.failed(row) || (server >= 0 && model.failed(server));
  const took = known(model.columns.duration[row], model.unit);
  let label = text("rowLabel", { service, operation, duration: took });
  if (server >= 0) label += `, ${text("bothHalves")}`;
  if (failed) label += `, ${text("failed")}`;
  const told = toldOf(grid, row, server);
  if (told) label += `, ${told.words}`;
  const seam = model.seam(row);
  if (seam) label += `, ${text(seam)}`;
  made.root.setAttribute("aria-label", label);
  made.root.className = classes(grid, row, server);
  made.name.className = `cell name svc-${slot}`;
  const parts = [made.caret, made.edge];
  if (failed) parts.push(icon("error", text("failed")));
  else if (marks.closed && model.failedBelow[row]) parts.push(icon("error-below", text("failedBelow")));
  if (told) parts.push(...told.signs);
  if (seam) parts.push(el("span", { class: "seam", text: text("seam"), title: text(seam) }));
  if (marks.level) parts.push(el("span", { class: "version", text: String(marks.level), title: text("level", { n: marks.level }) }));
  if (above < 0 || !sameService(model, plan, above, named)) {
    parts.push(el("b", { class: "service", text: service }));
    const version = model.version(named);
    if (version && version.length < 13) parts.push(el("span", { class: "version", text: version }));
  }
  if (server >= 0) parts.push(sign("pair", text("bothHalves")));
  parts.push(el("span", { class: "operation", text: operation.slice(0, MAX_NAME), title: operation.slice(0, MAX_NAME) }));
  const status = model.columns.status?.[named] || (server >= 0 ? model.columns.status?.[row] : 0);
  if (status) parts.push(el("span", { class: `status${status >= 500 ? " bad" : ""}`, text: String(status), title: text("httpStatus", { n: status }) }));
  const peer = model.peer(row);
  if (peer) parts.push(...peerSign(peer));
  if (marks.closed) parts.push(el("span", { class: "hidden-count", text: `+${plan.below(row).toLocaleString()}` }));
  made.name.replaceChildren(...parts);
  made.time.textContent = took;
  made.time.title = "";
  made.bars.className = `cell bars svc-${slot}`;
  fillBars(grid, made, row);
}

/** The bar alone: all that a change of the window of time changes. */
export function fillBars(grid, made, row) {
  const { model, plan } = grid;
  const server = plan.pairs ? model.pair[row] : -1;
  made.bars.replaceChildren(...(server >= 0 ? drawPair(model, row, server, grid.window) : drawBar(model, row, grid.window)), ...eventMarks(grid, row), ...(server >= 0 ? eventMarks(grid, server) : []));
}

/** Signs of a row's notes and pin, and the words for both; null where there are none. */
function toldOf(grid, row, server) {
  const found = [grid.notes?.of(row), server >= 0 ? grid.notes?.of(server) : null].filter(Boolean);
  if (!found.length) return null;
  const number = found.reduce((sum, one) => sum + one.notes.length, 0);
  const said = [];
  if (found.some((one) => one.pin)) said.push(["pin", text("pinned")]);
  if (number) said.push(["note", number === 1 ? text("oneNote") : text("manyNotes", { n: number })]);
  const signs = said.map(([name, words]) => {
    const made = icon(name, words);
    made.classList.add("told-sign");
    return made;
  });
  return { signs, words: said.map(([, words]) => words).join(", ") };
}

function classes(grid, row, server) {
  const found = ["span-row"];
  const has = (set) => set.has(row) || (server >= 0 && set.has(server));
  if (grid.matches) found.push(has(grid.matches) ? "match" : "dim");
  if (grid.lit && has(grid.lit)) found.push("lit");
  return found.join(" ");
}

function sameService(model, plan, above, row) {
  if (above >= model.count) {
    if (plan.kind(above) !== REPEAT) return false;
    above = model.repeats[plan.repeatOf(above)].rows[0];
  }
  const shown = plan.pairs && model.pair[above] >= 0 ? model.pair[above] : above;
  return model.columns.service[shown] === model.columns.service[row];
}

const PEER_ICONS = { database: "database", queue: "queue" };

/** Who was called where nobody on the other side sent spans. */
function peerSign([name, kind]) {
  return [sign(PEER_ICONS[kind] ?? "external", text(`peer-${kind}`)), el("span", { class: "peer", text: name.slice(0, 60), title: name.slice(0, 300) })];
}

/** An icon with a word for it. */
function sign(name, words) {
  const made = icon(name, words);
  made.classList.add("kind-sign");
  return made;
}

const MANY = 8;

/** Diamonds at the times of a span's logs; above eight, one with their number. */
function eventMarks(grid, row) {
  const times = grid.events?.of(row);
  if (!times?.length) return [];
  const { model } = grid;
  const [from, to] = grid.window;
  const shift = model.drawn[row] - model.start[row];
  const place = (at) => ((at + shift - from) / (to - from)) * 100;
  const seen = times.map(place).filter((at) => at >= 0 && at <= 100);
  if (!seen.length) return [];
  const mark = (at, count) => {
    const made = el("span", { class: "event-mark", title: text("logsHere", { n: count }) }, count > 1 ? el("b", { text: String(count) }) : null);
    made.style.setProperty("left", `${at}%`);
    return made;
  };
  return seen.length > MANY ? [mark(seen[0], seen.length)] : seen.map((at) => mark(at, 1));
}
