// Deep dependencies: all stored paths that lead through a service or an operation.

import { el, icon, text } from "../dom.js";

const LISTED = 100;

/** Paths in the shape of the graph's data. */
export function pathData(answer, before) {
  const failed = new Map();
  for (const path of answer.paths) {
    for (let i = 1; i < path.nodes.length; i += 1) {
      const id = `${nodeOf(path.nodes[i - 1], answer)}\0${nodeOf(path.nodes[i], answer)}`;
      failed.set(id, (failed.get(id) ?? 0) + path.errors);
    }
  }
  for (const node of answer.nodes) {
    // Colour and kind are those that the whole graph gives to the service.
    const known = before.byId.get(node.service);
    if (known) for (const name of ["slot", "monogram", "kind", "kind_text", "virtual"]) node[name] ??= known[name];
  }
  const most = Math.max(...answer.edges.map((edge) => edge.calls), 1);
  for (const edge of answer.edges) {
    Object.assign(edge, { rate: edge.calls, rate_text: text("callsOf", { n: edge.calls }), calls_text: String(edge.calls) });
    edge.sentence = text("pathEdge", { caller: edge.caller, callee: edge.callee, n: edge.calls, share: Math.round((edge.calls / most) * 100) });
  }
  return { ...answer, sentence: { traffic: answer.sentence, worst: "" }, live: false, start_us: answer.start_us ?? before.start_us, end_us: answer.end_us ?? before.end_us, through: answer };
}

/** The id in the picture of one step of a path. */
export function nodeOf(step, answer) {
  if (step.id) return step.id;
  const ids = new Set(answer.nodes.map((node) => node.id ?? node.service));
  return ids.has(step.service) ? step.service : `${step.service}::${step.operation}`;
}

export class Paths {
  /** lit(ids or null): light one path in the picture. */
  constructor(root, { address, lit }) {
    Object.assign(this, { root, address, lit, shown: null });
  }

  show(data, hidden) {
    this.root.hidden = !data.through || hidden;
    if (!data.through || data.through === this.shown) return;
    this.shown = data.through;
    const { service, operation, paths, shown, total, cut } = data.through;
    const leave = () => this.address.go({ paths: null, operation: null });
    this.root.replaceChildren(...[
      el("header", {}, el("h2", {}, text("pathsOf", { service: operation ? `${service} ${operation}` : service }), el("span", { class: "spacer" }), el("button", { class: "button only quiet-button", type: "button", "aria-label": text("pathsEnd"), on: { click: leave } }, icon("close"))),
        el("p", { class: "small quiet", text: text("pathsShown", { shown: shown ?? paths.length, total: total ?? paths.length }) }),
        cut ? el("p", { class: "small quiet", text: text("pathsCut", { n: cut }) }) : null),
      el("ol", { class: "paths" }, ...paths.slice(0, LISTED).map((path) => this.row(path, data.through))),
    ]);
  }

  row(path, answer) {
    const ids = path.nodes.map((step) => nodeOf(step, answer));
    const light = (event) => {
      const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
      for (const other of this.root.querySelectorAll("[aria-pressed]")) other.setAttribute("aria-pressed", "false");
      event.currentTarget.setAttribute("aria-pressed", String(on));
      this.lit(on ? ids : null);
    };
    const steps = path.nodes.flatMap((step, i) => [i ? el("span", { class: "quiet", text: " → " }) : null, el("span", { class: step.service === answer.service && (!answer.operation || step.operation === answer.operation) ? "focal" : "", text: step.service, title: step.operation || false })]);
    return el("li", {}, el("button", { class: "link", type: "button", "aria-pressed": "false", on: { click: light } }, ...steps.filter(Boolean)),
      el("p", { class: "small quiet" }, text("pathFigures", { n: path.calls, traces: path.traces }), path.errors ? el("span", { class: "failed", text: ` ${text("pathErrors", { n: path.errors })}` }) : null, path.url ? el("a", { href: path.url, text: text("findTraces") }) : null));
  }
}

/** Marks of one path that is lit. */
export function pathMarks(ids) {
  const steps = new Set(ids.slice(1).map((id, i) => `${ids[i]}\0${id}`));
  return { loud: (edge) => steps.has(edge.id), loudNode: (node) => ids.includes(node.id) };
}

/** Marks of a set of nodes that is lit, with the calls among them. */
export function setMarks(ids) {
  const found = new Set(ids);
  return { loud: (edge) => found.has(edge.caller) && found.has(edge.callee), loudNode: (node) => found.has(node.id) };
}
