// The picture of the call graph: cards as real elements, edges as lines under them.

import { el, icon, svg, text } from "../../dom.js";
import { duration } from "../../format.js";
import { token } from "../../plot.js";
import { clean, sheet } from "./svg_pen.js";

const CARD = { width: 212, height: 68 };
const STEP = { x: 292, y: 86 };
const MARGIN = 24;
const SCALES = [0.25, 2];

export class CallPicture {
  /** open(node) is called for the chosen node. */
  constructor(stage, open) {
    this.stage = stage;
    this.open = open;
    this.scale = 1;
    this.lines = svg("svg", { class: "call-lines", "aria-hidden": "true" });
    this.cards = el("div", { class: "call-cards", role: "group", "aria-label": text("graphLabel") });
    this.marks = svg("svg", { class: "call-lines", "aria-hidden": "true" }); // counts, over the cards
    this.world = el("div", { class: "call-world" }, this.lines, this.cards, this.marks);
    this.sheet = el("div", { class: "call-sheet" }, this.world);
    stage.append(this.sheet);
    this.cards.addEventListener("click", (event) => {
      const card = event.target.closest(".call-card");
      if (card) this.open(this.byNumber.get(Number(card.dataset.number)));
    });
    this.cards.addEventListener("keydown", (event) => this.key(event));
    this.cards.addEventListener("focusin", (event) => { if (event.target.closest(".call-card")) this.stop(event.target); });
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 0.9 : 1.1);
    }, { passive: false });
    stage.addEventListener("pointerdown", (event) => this.drag(event));
  }

  /** options: mode, matched (Set or null), fresh, label(node) */
  show(data, { mode, matched, fresh, label }) {
    this.data = data;
    this.byNumber = new Map(data.nodes.map((node) => [node.number, node]));
    const columns = Math.max(0, ...data.nodes.map((node) => node.x)) + 1;
    const rows = Math.max(0, ...data.nodes.map((node) => node.y)) + 1;
    this.size = { width: MARGIN * 2 + (columns - 1) * STEP.x + CARD.width, height: MARGIN * 2 + (rows - 1) * STEP.y + CARD.height };
    const figure = mode === "self" ? "self_ns" : "total_ns";
    const most = Math.max(1, ...data.nodes.map((node) => node[figure]));
    const had = document.activeElement?.closest?.(".call-card")?.dataset.number;
    this.cards.replaceChildren(...data.nodes.map((node) => this.card(node, mode, node[figure] / most, matched, label(node))));
    this.edges(data);
    this.world.style.setProperty("width", `${this.size.width}px`);
    this.world.style.setProperty("height", `${this.size.height}px`);
    this.stop(this.element(had) ?? this.cards.firstElementChild);
    if (had !== undefined) this.element(had)?.focus({ preventScroll: true });
    if (fresh) this.fit(1);
    else this.apply();
  }

  element(number) { return number === undefined ? null : this.cards.querySelector(`[data-number="${Number(number)}"]`); }

  place(node) { return { x: MARGIN + node.x * STEP.x, y: MARGIN + node.y * STEP.y }; }

  card(node, mode, heat, matched, label) {
    const made = el("button", { type: "button", tabindex: "-1", class: `call-card svc-${node.slot}${matched ? (matched.has(node.number) ? " match" : " dim") : ""}${mode === "service" ? "" : " heat"}`, title: label.slice(0, 600), data: { number: node.number } },
      el("span", { class: "call-name" }, node.errors ? icon("error", text("failed")) : null, el("b", { text: node.service })),
      el("span", { class: "call-operation hit", text: node.operation.slice(0, 200) }),
      el("span", { class: "call-figures" },
        el("span", { text: `× ${node.count.toLocaleString()}` }),
        el("span", { class: mode === "time" ? "strong" : "", text: duration(node.total_ns) }),
        el("span", { class: mode === "self" ? "strong" : "", text: text("selfShort", { time: duration(node.self_ns) }) })));
    const { x, y } = this.place(node);
    made.style.setProperty("transform", `translate(${x}px, ${y}px)`);
    if (mode !== "service") made.style.setProperty("--heat", `${Math.round(heat * 45)}%`);
    return made;
  }

  edges(data) {
    const most = Math.max(20, ...data.edges.map((edge) => edge.count));
    const drawn = data.edges.flatMap((edge) => this.edge(edge, most));
    for (const [layer, isText] of [[this.lines, false], [this.marks, true]]) {
      layer.setAttribute("width", this.size.width);
      layer.setAttribute("height", this.size.height);
      layer.replaceChildren(...drawn.filter((part) => (part.tagName === "text") === isText));
    }
  }

  edge(edge, most) {
    const from = this.place(this.byNumber.get(edge.caller));
    const to = this.place(this.byNumber.get(edge.callee));
    const a = [from.x + CARD.width, from.y + CARD.height / 2];
    const b = [to.x - 6, to.y + CARD.height / 2];
    let path;
    let middle;
    if (edge.caller === edge.callee) {
      path = `M${from.x + 40},${from.y} C${from.x + 20},${from.y - 22} ${from.x + 90},${from.y - 22} ${from.x + 70},${from.y}`;
      middle = [from.x + 100, from.y - 8];
    } else if (b[0] > a[0]) {
      const bend = (b[0] - a[0]) / 2;
      path = `M${a} C${a[0] + bend},${a[1]} ${b[0] - bend},${b[1]} ${b}`;
      middle = [b[0] - 36, b[1] - 6];
    } else {
      const low = Math.max(from.y, to.y) + CARD.height + 12;
      path = `M${from.x + CARD.width / 2},${from.y + CARD.height} C${from.x + CARD.width / 2},${low + 14} ${to.x + CARD.width / 2},${low + 14} ${to.x + CARD.width / 2},${to.y + CARD.height + 6}`;
      middle = [(from.x + to.x + CARD.width) / 2, low + 8];
    }
    const failing = edge.errors > 0;
    const made = [svg("path", { d: path, class: `call-edge${failing ? " failing" : ""}`, "stroke-width": (1 + 3 * (Math.log1p(edge.count) / Math.log1p(most))).toFixed(2) })];
    if (b[0] > a[0]) made.push(svg("path", { d: `M${b[0]},${b[1] - 4} l6,4 l-6,4 z`, class: `call-arrow${failing ? " failing" : ""}` }));
    if (edge.count > 1 || failing) {
      const label = svg("text", { x: middle[0], y: middle[1], class: `call-count${failing ? " failing" : ""}` });
      label.textContent = failing ? text("failedOf", { n: edge.errors.toLocaleString(), total: edge.count.toLocaleString() }) : `× ${edge.count.toLocaleString()}`;
      made.push(label);
    }
    return made;
  }

  /** One card is reached by Tab; arrows lead along the edges. */
  stop(card) {
    this.cards.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
    card?.setAttribute("tabindex", "0");
  }

  key(event) {
    const card = event.target.closest(".call-card");
    if (!card || event.ctrlKey || event.metaKey || event.altKey) return;
    const node = this.byNumber.get(Number(card.dataset.number));
    const near = (mine, other) => this.data.edges.filter((edge) => edge[mine] === node.number && edge[other] !== node.number).map((edge) => this.byNumber.get(edge[other])).sort((a, b) => b.total_ns - a.total_ns)[0];
    const column = () => this.data.nodes.filter((other) => other.x === node.x).sort((a, b) => a.y - b.y);
    const beside = (step) => { const all = column(); return all[all.indexOf(node) + step]; };
    const to = {
      ArrowRight: () => near("caller", "callee"),
      ArrowLeft: () => near("callee", "caller"),
      ArrowDown: () => beside(1),
      ArrowUp: () => beside(-1),
      Home: () => this.data.nodes[0],
      End: () => this.data.nodes.at(-1),
    }[event.key];
    if (!to) return;
    event.preventDefault();
    const found = to();
    if (found) this.focus(found.number);
  }

  focus(number) {
    const card = this.element(number);
    card?.focus({ preventScroll: true });
    card?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  zoom(factor) {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.stage;
    const before = this.scale;
    this.scale = Math.min(Math.max(this.scale * factor, SCALES[0]), SCALES[1]);
    this.apply();
    const grown = this.scale / before;
    this.stage.scrollLeft = (scrollLeft + clientWidth / 2) * grown - clientWidth / 2;
    this.stage.scrollTop = (scrollTop + clientHeight / 2) * grown - clientHeight / 2;
  }

  /** All in sight, but not below a size that can be read. */
  fit(least = SCALES[0]) {
    const { clientWidth, clientHeight } = this.stage;
    this.scale = Math.min(1, Math.max(least, Math.min(clientWidth / this.size.width, clientHeight / this.size.height)));
    this.apply();
    const first = this.data.nodes[0];
    if (!first) return;
    this.stage.scrollLeft = 0;
    this.stage.scrollTop = (this.place(first).y + CARD.height / 2) * this.scale - clientHeight / 2;
  }

  apply() {
    this.world.style.setProperty("transform", `scale(${this.scale})`);
    this.sheet.style.setProperty("width", `${this.size.width * this.scale}px`);
    this.sheet.style.setProperty("height", `${this.size.height * this.scale}px`);
  }

  /** All cards and edges as one SVG, in the colours that show. */
  svg() {
    const font = "Inter, system-ui, sans-serif";
    const root = sheet(this.size.width, this.size.height, token("--canvas"), font);
    this.copy(root, this.lines);
    for (const node of this.data.nodes) this.drawn(root, node, this.element(node.number));
    this.copy(root, this.marks);
    return root;
  }

  copy(root, layer) {
    for (const part of layer.children) {
      const copied = part.cloneNode(true);
      const style = getComputedStyle(part);
      copied.removeAttribute("class");
      for (const name of ["fill", "stroke", "stroke-dasharray", "font-size", "text-anchor", "paint-order"]) copied.setAttribute(name, style.getPropertyValue(name));
      if (part.tagName === "text") copied.setAttribute("stroke-width", "4");
      root.append(copied);
    }
  }

  drawn(root, node, card) {
    const { x, y } = this.place(node);
    const add = (name, attributes, words) => {
      const made = svg(name, attributes);
      if (words !== undefined) made.textContent = clean(words);
      group.append(made);
      return made;
    };
    const group = svg("svg", { x, y, width: CARD.width, height: CARD.height, opacity: card.classList.contains("dim") ? 0.45 : 1 });
    root.append(group);
    const frame = { x: 0.5, y: 0.5, width: CARD.width - 1, height: CARD.height - 1, rx: 8 };
    add("rect", { ...frame, fill: token(card.classList.contains("match") ? "--match" : "--surface") });
    const heat = card.classList.contains("match") ? 0 : parseFloat(card.style.getPropertyValue("--heat"));
    if (heat) add("rect", { ...frame, fill: token("--accent"), "fill-opacity": heat / 100 });
    add("rect", { ...frame, fill: "none", stroke: token("--line-strong") });
    add("rect", { width: 4, height: CARD.height, fill: token(node.slot ? `--svc-${node.slot}` : "--svc-none") });
    if (node.errors) add("path", { transform: "translate(14 8) scale(0.875)", d: "M5.2 1.2h5.6l4 4v5.6l-4 4H5.2l-4-4V5.2z", fill: token("--error") });
    add("text", { x: node.errors ? 32 : 14, y: 20, "font-size": 13, "font-weight": 600, fill: token("--ink") }, node.service.slice(0, 60));
    add("text", { x: 14, y: 38, "font-size": 13, fill: token("--ink-2") }, node.operation.slice(0, 60));
    const figures = [...card.querySelector(".call-figures").children].map((part) => part.textContent);
    add("text", { x: 14, y: 55, "font-size": 11, fill: token("--ink-2") }, figures.join("   "));
  }

  /** The background moves the picture. */
  drag(event) {
    if (event.button || event.pointerType === "touch" || event.target.closest(".call-card")) return;
    const begin = { x: event.clientX + this.stage.scrollLeft, y: event.clientY + this.stage.scrollTop };
    const move = (now) => {
      this.stage.scrollLeft = begin.x - now.clientX;
      this.stage.scrollTop = begin.y - now.clientY;
    };
    const stop = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", stop);
      this.stage.classList.remove("moving");
    };
    this.stage.classList.add("moving");
    addEventListener("pointermove", move);
    addEventListener("pointerup", stop);
  }
}
