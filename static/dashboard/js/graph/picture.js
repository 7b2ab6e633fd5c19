// The picture: cards or circles with names over Plotly's edges, moved by one transform.

import { el, text } from "../dom.js";
import { drawPlot } from "../plot.js";
import { Cards, nodeSentence } from "./cards.js";
import { circleTrace, edgeTraces, Looks, signature } from "./edges.js";
import { EdgeLabels, MAX_NAMES, MAX_REMARKS, nameCircles, Taken } from "./labels.js";
import { arrange, curves, grid, nearest } from "./place.js";
import { edgeOf, strands } from "./strands.js";
import { Tip } from "./tip.js";
import { View } from "./view.js";

const PICK_PX = 9;

export class Picture {
  /** choose({node} | {edge} | null), open(group name), moved(). */
  constructor(page, { choose, open, moved }) {
    this.stage = page.querySelector("[data-stage]");
    this.plot = page.querySelector("[data-plot]");
    this.nodesPlot = page.querySelector("[data-nodes-plot]");
    this.labels = new EdgeLabels(page.querySelector("[data-edge-labels]"));
    this.boxes = page.querySelector("[data-group-boxes]");
    this.cards = new Cards(page.querySelector("[data-cards]"));
    this.looks = new Looks();
    this.tip = new Tip(this.stage);
    Object.assign(this, { choose, open, listeners: [moved] });
    this.view = new View(this.stage, [page.querySelector("[data-world]"), page.querySelector("[data-over]")], {
      draw: () => this.render(),
      moved: () => this.listeners.forEach((listener) => listener()),
      sizeOf: () => this.sizeOf(),
    });
    this.listen();
  }

  /** Show data with marks; fit: forget where the reader had moved to. */
  show(data, marks, { fit = false } = {}) {
    this.data = data;
    this.marks = marks;
    if (this.stage.hidden || !this.stage.clientWidth) { this.shape = ""; return; }
    const shape = data.nodes.map((node) => `${node.id}\0${node.x}\0${node.y}\0${node.versions.length}`).join("\n");
    if (!data.nodes.length) { this.empty(); return; }
    if (!this.current || !data.byId.has(this.current)) this.current = this.entry();
    const moved = shape !== this.shape;
    this.shape = shape;
    if (fit || (moved && this.view.auto)) this.view.fit();
    else {
      if (moved) this.grid = grid(data, this.room());
      this.render();
    }
  }

  empty() {
    this.shape = "";
    this.layout = null;
    this.drawn = "";
    this.cards.show({ nodes: [] }, { detail: "", boxes: new Map() }, {}, null);
    this.labels.show(null, [], new Map(), {}, null, 0);
    this.boxes.replaceChildren();
    this.nodesPlot.hidden = true;
    this.circled = "";
    drawPlot(this.plot, { data: [], layout: { xaxis: { visible: false }, yaxis: { visible: false } } }, {}, { staticPlot: true });
  }

  /** Where the keyboard starts: the busiest node that nobody calls. */
  entry() {
    const roots = this.data.nodes.filter((node) => !this.data.in.get(node.id).length);
    return (roots.length ? roots : this.data.nodes).reduce((a, b) => (b.calls > a.calls ? b : a)).id;
  }

  room() {
    return { width: this.stage.clientWidth, height: this.stage.clientHeight };
  }

  sizeOf() {
    if (!this.data?.nodes.length || !this.stage.clientWidth) return null;
    this.grid = grid(this.data, this.room());
    const { width, height } = arrange(this.data.nodes, this.grid, this.grid.fit);
    return { fit: this.grid.fit, width, height };
  }

  /** Draw everything at the view's scale. */
  render() {
    if (!this.data?.nodes.length || !this.grid) return;
    const { data, marks } = this;
    const place = `${this.shape}\0${this.view.scale}\0${this.grid.step.x}\0${this.grid.step.y}`;
    if (place !== this.place || this.edges !== data.edges.length) {
      this.place = place;
      this.layout = arrange(data.nodes, this.grid, this.view.scale);
      this.edges = data.edges.length;
      this.drawn = "";
    }
    this.cards.show(data, this.layout, marks, this.current);
    this.lines = strands(data, this.layout.detail);
    const looks = this.looks.of(this.lines, data.nodes.length, marks, this.layout.detail);
    const now = signature(looks, marks.chosen?.edge);
    if (now !== this.drawn) {
      this.drawn = now;
      this.curves = curves(this.lines, this.layout);
      this.draw(this.plot, edgeTraces(looks, this.curves, marks.chosen?.edge));
    }
    this.drawCircles();
    const taken = new Taken();
    for (const box of this.layout.boxes.values()) taken.add(box);
    const closer = Math.max(1, (this.view.scale / this.grid.fit) ** 2);
    if (this.layout.detail === "circle") {
      nameCircles(data.nodes, this.layout, this.cards.cards, (node) => node.id === marks.chosen?.node || Boolean(marks.loudNode?.(node)), MAX_NAMES * closer, taken);
    }
    this.labels.show(data, this.lines, this.curves, marks, taken, MAX_REMARKS[this.layout.detail] * closer);
    this.drawGroups();
    this.listeners.forEach((listener) => listener());
  }

  /** Circles are a plot of their own, so that a change of an edge leaves them alone. */
  drawCircles() {
    const { data, marks, layout } = this;
    const circles = layout.detail === "circle";
    const now = circles ? `${this.place}\0${data.nodes.map((node) => `${node.id} ${Math.round(layout.boxes.get(node.id).width)} ${Boolean(marks.loudNode && !marks.loudNode(node))} ${node.error_share >= 0.05}`).join()}` : "";
    if (now === this.circled) return;
    this.circled = now;
    this.nodesPlot.hidden = !circles;
    if (circles) this.draw(this.nodesPlot, [circleTrace(data.nodes, layout.boxes, marks)]);
  }

  draw(plot, traces) {
    const { width, height } = this.layout;
    const { dataset } = this.stage;
    const done = drawPlot(plot, {
      data: traces,
      layout: {
        width,
        height,
        margin: { l: 0, r: 0, t: 0, b: 0 },
        xaxis: { range: [0, width], visible: false },
        yaxis: { range: [height, 0], visible: false },
        dragmode: false,
        hovermode: false,
      },
    }, {}, { staticPlot: true, responsive: false });
    this.ready = Promise.all([this.ready, done]);
    if (plot !== this.plot) return;
    done.then(() => {
      if (!dataset.drawn) performance.mark("spanboard-graph");
      dataset.drawn = String(Number(dataset.drawn ?? 0) + 1);
    });
  }

  /** Boxes around the members of open groups. */
  drawGroups() {
    this.boxes.replaceChildren(...this.data.groups.filter((group) => group.open).map((group) => {
      const made = el("div", { class: "group-box" }, el("span", { text: group.label }));
      const [left, top] = this.layout.spot(group.x0, group.y0);
      const [right, bottom] = this.layout.spot(group.x1, group.y1);
      const values = { left, top, width: right - left, height: bottom - top };
      for (const [name, value] of Object.entries(values)) made.style.setProperty(name, `${value}px`);
      return made;
    }));
  }

  /** Bring a node or an edge into sight. */
  reveal(chosen) {
    if (!this.layout) return;
    if (chosen.node && this.layout.boxes.has(chosen.node)) this.view.reveal(this.layout.boxes.get(chosen.node));
    else if (chosen.edge) {
      const [a, b] = chosen.edge.split("\0").map((id) => this.layout.boxes.get(id));
      if (a && b) {
        const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
        this.view.reveal({ x, y, width: Math.max(a.x + a.width, b.x + b.width) - x, height: Math.max(a.y + a.height, b.y + b.height) - y });
      }
    }
  }

  /** Give a node the focus of the keyboard. */
  focus(id) {
    const card = this.cards.cards.get(id);
    if (!card) return;
    for (const other of this.cards.cards.values()) other.tabIndex = -1;
    this.current = id;
    card.tabIndex = 0;
    card.focus({ preventScroll: true });
    this.view.reveal(this.layout.boxes.get(id), 24);
  }

  pick(event) {
    if (!this.curves || event.target.closest("[data-no-gesture], .service-node")) return null;
    const [x, y] = this.view.toLayer(event.clientX, event.clientY);
    return edgeOf(nearest(this.curves, x, y, PICK_PX));
  }

  activate(id) {
    const node = this.data.byId.get(id);
    if (node?.members) this.open(node.group || node.label);
    else if (node) this.choose({ node: id });
  }

  listen() {
    const { stage } = this;
    stage.addEventListener("click", (event) => {
      const card = event.target.closest(".service-node");
      if (card) { this.activate(card.dataset.service); return; }
      if (event.target.closest("[data-no-gesture]")) return;
      const edge = this.pick(event);
      this.choose(edge ? { edge } : null);
    });
    let waiting = null;
    stage.addEventListener("pointermove", (event) => {
      const first = !waiting;
      waiting = event;
      if (first) requestAnimationFrame(() => { const last = waiting; waiting = null; if (!this.view.moving) this.hover(last); });
    });
    stage.addEventListener("pointerleave", () => this.tip.hide());
    stage.addEventListener("focusin", (event) => {
      const id = event.target.closest(".service-node")?.dataset.service;
      const node = this.data?.byId.get(id);
      if (!node || !event.target.matches(":focus-visible")) return;
      this.current = id;
      const box = event.target.getBoundingClientRect();
      this.tip.show([nodeSentence(node)], box.left + box.width / 2, box.bottom + 2);
    });
    stage.addEventListener("focusout", () => this.tip.hide());
  }

  hover(event) {
    const card = event.target.closest?.(".service-node");
    const node = card && this.data.byId.get(card.dataset.service);
    if (node) { this.tip.later(`n${node.id}`, [nodeSentence(node)], event); return; }
    const id = this.pick(event);
    this.stage.classList.toggle("on-edge", Boolean(id));
    const edge = id && this.data.byEdge.get(id);
    if (!edge) { this.tip.hide(); return; }
    const words = [edge.sentence];
    if (edge.attempts > edge.calls) words.push(text("attempts", { n: edge.attempts }));
    if (edge.change_text) words.push(edge.change_text);
    this.tip.later(`e${id}`, words, event);
  }
}
