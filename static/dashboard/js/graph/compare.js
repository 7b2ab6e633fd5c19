// Two windows, versions or sources compared: what is marked in the picture, and the list.

import { el, icon, text } from "../dom.js";
import { exampleRow } from "./panel.js";

/** What a change is called where an edge has several: the gravest first. */
const ORDER = ["added", "gone", "more_errors", "slower", "fewer_errors", "faster", "more_calls", "fewer_calls"];
const SIGNS = { added: "+", gone: "−", slower: "▲", faster: "▼", fewer_errors: "✓", more_calls: "↑", fewer_calls: "↓" };
const LISTED = 60;

function gravest(item) {
  const found = [item.state, ...[item.change ?? []].flat()].filter((name) => ORDER.includes(name));
  return found.sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))[0];
}

/** A comparison in the shape of the graph's data. */
export function compared(answer) {
  const { sentence, base, now, changes = [], counts = {}, note = "", ...rest } = answer;
  const told = new Map();
  for (const change of changes) if (change.id) told.set(change.id, [...(told.get(change.id) ?? []), change.sentence]);
  const data = { ...rest, sentence: { traffic: sentence, worst: "" }, live: false, start_us: now.start_us, end_us: now.end_us, diff: { base, now, changes, counts, note } };
  for (const edge of data.edges) edge.change_text = (told.get(`${edge.caller}\0${edge.callee}`) ?? []).join(" ");
  return data;
}

/** States of nodes and edges for the picture. */
export function states(data) {
  const edges = new Map();
  const nodes = new Map();
  for (const edge of data.edges) { const state = gravest(edge); if (state) edges.set(edge.id, state); }
  for (const node of data.nodes) if (node.state && node.state !== "same") nodes.set(node.id, node.state);
  return { edges, nodes };
}

/** The sign of a change, which needs no colour. */
export function sign(change) {
  return change === "more_errors" ? icon("error") : el("b", { class: `state-sign ${change}`, "aria-hidden": "true", text: SIGNS[change] ?? "≠" });
}

export class Changes {
  constructor(root, { choose, leave }) {
    Object.assign(this, { root, choose, leave, shown: null });
  }

  show(data, hidden) {
    this.root.hidden = !data.diff || hidden;
    if (!data.diff || data.diff === this.shown) return;
    this.shown = data.diff;
    const { base, now, changes, note } = data.diff;
    const sure = changes.filter((change) => change.significant);
    const rest = changes.filter((change) => !change.significant);
    this.root.replaceChildren(...[
      el("header", {}, el("h2", {}, text("changes"), el("span", { class: "spacer" }), el("button", { class: "button", type: "button", text: text("compareEnd"), on: { click: this.leave } })),
        el("p", { class: "small quiet", text: text("comparedWith", { now: now.text ?? "", base: base.text ?? "" }) })),
      sure.length ? this.list(sure) : el("p", { class: "part", text: text("noChange") }),
      rest.length ? el("details", { class: "part" }, el("summary", { text: text("notSure", { n: rest.length }) }), this.list(rest)) : null,
      note ? el("p", { class: "part small quiet", text: note }) : null,
    ].filter(Boolean));
  }

  list(changes) {
    return el("ol", { class: "changes" }, ...changes.slice(0, LISTED).map((change) => this.row(change)), changes.length > LISTED ? el("li", { class: "quiet small", text: text("moreChanges", { n: changes.length - LISTED }) }) : null);
  }

  row(change) {
    const choose = () => this.choose(change.what === "node" ? { node: change.node || change.id } : { edge: `${change.caller}\0${change.callee}` });
    const examples = [["examplesBefore", change.examples_before], ["examplesNow", change.examples]].filter(([, rows]) => rows?.length);
    return el("li", { data: { change: change.change, id: change.id } }, sign(change.change), el("div", {},
      el("button", { class: "link", type: "button", text: change.sentence, on: { click: choose } }),
      examples.length ? el("details", {}, el("summary", { class: "small quiet", text: text("examples") }), ...examples.map(([title, rows]) => el("div", {}, el("h4", { class: "small quiet", text: text(title) }), el("ul", { class: "examples" }, ...rows.map(exampleRow))))) : null));
  }
}

/** The menu that begins a comparison. */
export class CompareMenu {
  constructor(menu, address) {
    Object.assign(this, { menu, address });
    menu.addEventListener("click", (event) => {
      const chosen = event.target.closest("button[data-base], button[data-base-source], button[data-versions]");
      if (!chosen) return;
      menu.open = false;
      const usual = { base: null, base_start: null, base_end: null, base_source: null, base_version: null, version: null, service: null, at: null };
      if (chosen.dataset.versions) {
        const [service, before, after] = JSON.parse(chosen.dataset.versions);
        address.go({ ...usual, service, base_version: before, version: after });
      } else address.go({ ...usual, base: chosen.dataset.base ?? null, base_source: chosen.dataset.baseSource ?? null });
    });
    // The list opens towards where there is room.
    menu.addEventListener("toggle", () => menu.classList.toggle("to-left", menu.getBoundingClientRect().left + 300 > innerWidth));
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      event.stopPropagation();
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  }

  /** Offer the neighbouring versions of the services that have several. */
  show(data) {
    const pairs = data.nodes.flatMap((node) => node.versions.slice(1).map((version, i) => [node.service, node.versions[i].version, version.version])).slice(0, 12);
    const state = JSON.stringify(pairs);
    if (state === this.offered || data.diff) return;
    this.offered = state;
    this.menu.querySelector("[data-version-pairs]").replaceChildren(...pairs.map((pair) => el("button", { type: "button", data: { versions: JSON.stringify(pair) }, text: `${pair[0]}: ${pair[1]} → ${pair[2]}` })));
  }
}
