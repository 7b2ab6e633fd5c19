// Nodes as focusable elements: cards with facts, or names beside Plotly's circles.

import { el, icon, svg, text } from "../dom.js";

const RING = 2 * Math.PI * 13;

function ring(node) {
  const made = svg("svg", { class: "ring-svg", viewBox: "0 0 32 32", "aria-hidden": "true" });
  made.append(svg("circle", { class: "back", cx: 16, cy: 16, r: 13 }));
  if (node.error_share >= 0.01) {
    made.append(svg("circle", { class: "arc", cx: 16, cy: 16, r: 13, "stroke-dasharray": `${Math.max(node.error_share * RING, 5)} ${RING}`, transform: "rotate(-90 16 16)" }));
  }
  const label = svg("text", { x: 16, y: 16.5 });
  label.textContent = node.monogram;
  made.append(label);
  return made;
}

/** What a node is, in one sentence for hover and screen readers. */
export function nodeSentence(node) {
  const values = { service: node.label, kind: node.kind_text, rate: node.rate_text, share: node.error_text, p95: node.p95_text, n: node.members };
  const words = [text(node.members ? "groupSentence" : node.calls ? "nodeSentence" : "nodeSilent", values)];
  if (node.errors) words.push(text("nodeFails", values));
  for (const finding of node.findings ?? []) words.push(`${finding.title}.`);
  return words.join(" ");
}

const SIGNS = { added: "+", gone: "−", changed: "≠" };

function facts(node) {
  const made = el("span", { class: "facts" });
  const words = [];
  if (node.virtual) words.push(node.kind_text);
  if (node.calls) words.push(node.rate_text);
  made.append(words.join(" · "));
  if (node.errors && node.error_share >= 0.001) made.append(" · ", el("span", { class: "failed", text: text("fails", { share: node.error_text }) }));
  return made;
}

function fill(card, node, detail, state) {
  const name = el("span", { class: "name" }, state && SIGNS[state] ? el("b", { class: `state-sign ${state}`, text: `${SIGNS[state]} ` }) : null, node.findings ? icon("warning") : null, node.label, node.members ? el("span", { class: "count", text: node.members }) : null);
  // What is seen is short; what is read out is the whole sentence.
  const said = el("span", { class: "visually-hidden", text: nodeSentence(node) + (SIGNS[state] ? ` ${text(`state-${state}`)}` : "") });
  if (detail === "circle") { card.replaceChildren(said, name); seen(card); return; }
  const parts = [said];
  if (detail === "full") parts.push(ring(node));
  else if (node.errors && node.error_share >= 0.01) parts.push(icon("error"));
  parts.push(el("span", { class: "body" }, name, detail === "small" ? null : facts(node)));
  if (detail === "full" && node.versions.length) {
    parts.push(el("span", { class: "versions" }, ...node.versions.map((version) => el("span", { class: "version-line" },
      el("span", {}, version.version.slice(0, 14), version.errors && version.error_share >= 0.001 ? el("span", { class: "failed" }, " ", icon("error"), ` ${version.error_text}`) : null),
      el("span", { class: "quiet", text: version.rate_text })))));
  }
  card.replaceChildren(...parts);
  card.title = (node.findings ?? []).map((finding) => finding.title).join("\n");
  seen(card);
}

function seen(card) {
  for (const part of card.children) if (!part.classList.contains("visually-hidden")) part.setAttribute("aria-hidden", "true");
}

const SHOWN = ["label", "rate_text", "error_text", "error_share", "errors", "virtual", "members", "kind_text", "slot", "monogram"];

export class Cards {
  constructor(root) {
    this.root = root;
    this.cards = new Map();
    this.drawn = new Map();
  }

  /** Put every node where the layout says; only what changed is built anew. */
  show(data, layout, marks, current) {
    const { detail, boxes } = layout;
    this.root.classList.add("placed");
    this.root.dataset.detail = detail;
    const gone = new Map(this.cards);
    if (!gone.size) this.root.querySelectorAll(".service-node").forEach((card) => card.remove());
    for (const node of data.nodes) {
      let card = this.cards.get(node.id);
      gone.delete(node.id);
      if (!card) {
        card = el("button", { type: "button", data: { service: node.id } });
        this.cards.set(node.id, card);
        this.root.append(card);
      }
      const state = marks.nodeStates?.get(node.id);
      const content = `${detail}${state ?? ""}\0${SHOWN.map((name) => node[name]).join("\0")}\0${node.versions.map((v) => `${v.version} ${v.rate_text} ${v.error_text}`).join("\0")}${(node.findings ?? []).map((f) => f.words).join()}`;
      if (this.drawn.get(node.id) !== content) {
        this.drawn.set(node.id, content);
        fill(card, node, detail, state);
      }
      this.dress(card, node, boxes.get(node.id), marks, state);
      const stop = node.id === current ? 0 : -1;
      if (card.getAttribute("tabindex") !== String(stop)) card.tabIndex = stop;
    }
    for (const [id, card] of gone) { card.remove(); this.cards.delete(id); this.drawn.delete(id); }
  }

  dress(card, node, box, marks, state) {
    const names = ["service-node", `svc-${node.slot}`];
    if (node.virtual) names.push("virtual");
    if (node.members) names.push("group");
    if (marks.found?.has(node.id)) names.push("found");
    if (state && state !== "same") names.push(`state-${state}`);
    if (marks.loudNode && !marks.loudNode(node)) names.push("dim");
    const dressed = names.join(" ");
    if (card.className !== dressed) card.className = dressed;
    const pressed = String(marks.chosen?.node === node.id);
    if (card.getAttribute("aria-pressed") !== pressed) card.setAttribute("aria-pressed", pressed);
    if (card.dataset.calls !== String(node.calls)) Object.assign(card.dataset, { calls: node.calls, errors: node.errors });
    const at = `${box.x},${box.y},${box.width},${box.height}`;
    if (card.dataset.at === at) return;
    card.dataset.at = at;
    card.style.setProperty("transform", `translate(${box.x}px, ${box.y}px)`);
    card.style.setProperty("width", `${box.width}px`);
    card.style.setProperty("height", `${box.height}px`);
  }
}
