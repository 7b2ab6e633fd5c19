// Draws the graph: cards as real elements, edges by Plotly under them, one transform for both.

import { el, icon, svg, text } from "../dom.js";
import { drawPlot } from "../plot.js";

const CARD = { width: 176, height: 52, line: 19 };
const STEP = { x: 258, y: 106 };
const MARGIN = 36;
const MAX_CARDS = 60;
const STEPS = 18;
const FRESH_MS = 60_000;

/** Text that Plotly shows as text. */
function safe(value) {
  return value.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/%\{/g, "% {");
}

export class Picture {
  /** choose({service} or {caller, callee}) tells what was chosen. */
  constructor(page, choose) {
    this.stage = page.querySelector("[data-stage]");
    this.world = page.querySelector("[data-world]");
    this.plot = page.querySelector("[data-plot]");
    this.cards = page.querySelector("[data-cards]");
    this.choose = choose;
    this.view = { x: 0, y: 0, scale: 1 };
    this.shape = "";
    this.firstSeen = new Map();
    this.started = Date.now();
    this.listen();
    page.querySelectorAll("[data-zoom]").forEach((button) => button.addEventListener("click", () => {
      if (button.dataset.zoom === "fit") this.fit();
      else this.zoom(button.dataset.zoom === "in" ? 1.25 : 0.8);
    }));
  }

  show(data, chosen) {
    if (this.stage.hidden || !data.nodes.length) return;
    const asCards = data.nodes.length <= MAX_CARDS;
    const columns = Math.max(...data.nodes.map((node) => node.x)) + 1;
    const rows = Math.max(...data.nodes.map((node) => node.y)) + 1;
    const lines = Math.max(...data.nodes.map((node) => node.versions.length));
    const step = asCards ? { x: STEP.x, y: Math.max(STEP.y, CARD.height + lines * CARD.line + 30) } : { x: 190, y: 46 };
    this.size = { width: MARGIN * 2 + (columns - 1) * step.x + CARD.width, height: MARGIN * 2 + (rows - 1) * step.y + CARD.height + 60 };
    this.world.style.setProperty("width", `${this.size.width}px`);
    this.world.style.setProperty("height", `${this.size.height}px`);
    this.boxes = new Map(data.nodes.map((node) => {
      const lines = asCards ? node.versions.length : 0;
      return [node.service, { x: MARGIN + node.x * step.x, y: MARGIN + node.y * step.y, width: asCards ? CARD.width : 12, height: asCards ? CARD.height + lines * CARD.line : 12 }];
    }));
    if (asCards) this.drawCards(data, chosen);
    else this.cards.replaceChildren();
    this.drawEdges(data, chosen, asCards);
    const shape = data.nodes.map((node) => `${node.service}\0${node.x}\0${node.y}`).join("\n");
    if (shape !== this.shape) { this.shape = shape; this.fit(); }
  }

  drawCards(data, chosen) {
    this.cards.classList.add("placed");
    const old = new Map([...this.cards.querySelectorAll(".service-node")].map((card) => [card.dataset.service, card]));
    for (const node of data.nodes) {
      let card = old.get(node.service);
      old.delete(node.service);
      if (!card) {
        card = el("button", { type: "button" });
        this.cards.append(card);
      }
      card.className = `service-node svc-${node.slot}${node.virtual ? " virtual" : ""}`;
      Object.assign(card.dataset, { service: node.service, calls: node.calls, errors: node.errors });
      card.setAttribute("aria-pressed", String(chosen?.service === node.service));
      card.setAttribute("aria-label", `${text("nodeLabel", { service: node.service, kind: node.kind_text, rate: node.rate_text })}${node.errors ? `, ${text("fails", { share: node.error_text })}` : ""}`);
      card.title = node.service;
      const box = this.boxes.get(node.service);
      card.style.setProperty("transform", `translate(${box.x}px, ${box.y}px)`);
      const facts = el("span", { class: "facts" }, node.virtual ? `${node.kind_text} · ${node.rate_text}` : node.rate_text);
      if (node.errors && node.error_share >= 0.001) facts.append(" · ", el("span", { class: "failed", text: text("fails", { share: node.error_text }) }));
      const parts = [this.ring(node), el("span", {}, el("span", { class: "name", text: node.service }), facts)];
      if (node.versions.length) {
        parts.push(el("span", { class: "versions" }, ...node.versions.map((version) => el("span", { class: "version-line" },
          el("span", {}, version.version.slice(0, 14), version.errors ? el("span", { class: "failed", text: ` ${version.error_text}` }) : null),
          el("span", { class: "quiet", text: version.rate_text })))));
      }
      card.replaceChildren(...parts);
    }
    for (const gone of old.values()) gone.remove();
  }

  ring(node) {
    const made = svg("svg", { class: "ring-svg", viewBox: "0 0 32 32", "aria-hidden": "true" });
    made.append(svg("circle", { class: "back", cx: 16, cy: 16, r: 13 }));
    if (node.error_share >= 0.01) {
      const length = 2 * Math.PI * 13;
      made.append(svg("circle", { class: "arc", cx: 16, cy: 16, r: 13, "stroke-dasharray": `${Math.max(node.error_share * length, 5)} ${length}`, transform: "rotate(-90 16 16)" }));
    }
    const label = svg("text", { x: 16, y: 16.5 });
    label.textContent = node.monogram;
    made.append(label);
    return made;
  }

  /** Points of an edge: from the caller's right side to the callee's left one. */
  curve(edge, data) {
    const from = this.boxes.get(edge.caller);
    const to = this.boxes.get(edge.callee);
    if (edge.caller === edge.callee) {
      const x = from.x + from.width / 2;
      return this.bezier([x - 20, from.y], [x - 46, from.y - 44], [x + 46, from.y - 44], [x + 20, from.y]);
    }
    const a = [from.x + from.width, from.y + this.port(edge, "caller", data)];
    const b = [to.x - 2, to.y + Math.min(to.height, CARD.height) / 2];
    if (b[0] > a[0]) {
      const bend = Math.max(40, (b[0] - a[0]) * 0.5);
      return this.bezier(a, [a[0] + bend, a[1]], [b[0] - bend, b[1]], b);
    }
    // Against the direction: around below both.
    const low = Math.max(from.y + from.height, to.y + to.height) + 46;
    return this.bezier([from.x + from.width / 2, from.y + from.height], [from.x + from.width / 2, low + 30], [to.x + to.width / 2, low + 30], [to.x + to.width / 2, to.y + to.height + 8]);
  }

  port(edge, side, data) {
    const node = data.nodes.find((other) => other.service === edge[side]);
    const box = this.boxes.get(edge[side]);
    if (!node.versions.length || edge.pairs.length !== 1) return Math.min(box.height, CARD.height) / 2;
    const line = node.versions.findIndex((version) => version.version === edge.pairs[0].caller_version);
    return line < 0 ? CARD.height / 2 : CARD.height + (line + 0.5) * CARD.line;
  }

  bezier(a, b, c, d) {
    const points = [];
    for (let i = 0; i <= STEPS; i += 1) {
      const t = i / STEPS;
      const s = 1 - t;
      points.push([0, 1].map((k) => s * s * s * a[k] + 3 * s * s * t * b[k] + 3 * s * t * t * c[k] + t * t * t * d[k]));
    }
    return points;
  }

  drawEdges(data, chosen, asCards) {
    const busiest = Math.max(...data.edges.map((edge) => edge.rate), 1e-9);
    const lines = new Map();
    const heads = { x: [], y: [], angle: [], size: [], color: [] };
    const middles = { x: [], y: [], customdata: [], text: [] };
    const labels = [];
    const now = Date.now();
    for (const edge of data.edges) {
      const key = `${edge.caller}\0${edge.callee}`;
      if (!this.firstSeen.has(key)) this.firstSeen.set(key, now - this.started < 3000 ? 0 : now);
      const fresh = now - this.firstSeen.get(key) < FRESH_MS;
      const points = this.curve(edge, data);
      const width = 1.5 + 7.5 * Math.max(0, Math.min(1, 1 + Math.log10(Math.max(edge.rate / busiest, 1e-3)) / 3));
      const bucket = Math.round(width / 1.5) * 1.5;
      const style = `${bucket}|${edge.failing ? "dash" : fresh || edge.asynchronous ? "dot" : "solid"}|${edge.failing ? "var(--error)" : "var(--edge)"}`;
      if (!lines.has(style)) lines.set(style, { x: [], y: [] });
      const line = lines.get(style);
      // The line ends inside its arrow head, which is drawn over it.
      const last = points[STEPS];
      const short = 7 + bucket * 0.7;
      for (const [x, y] of points.slice(0, -1)) if (Math.hypot(x - last[0], y - last[1]) > short) { line.x.push(x); line.y.push(-y); }
      const before = points[STEPS - 1];
      const length = Math.hypot(last[0] - before[0], last[1] - before[1]) || 1;
      line.x.push(last[0] - ((last[0] - before[0]) / length) * short);
      line.y.push(-(last[1] - ((last[1] - before[1]) / length) * short));
      line.x.push(null); line.y.push(null);
      if (chosen?.caller === edge.caller && chosen?.callee === edge.callee) {
        lines.set("halo", { x: points.map((p) => p[0]), y: points.map((p) => -p[1]) });
      }
      const [x1, y1] = points[STEPS - 1];
      const [x2, y2] = points[STEPS];
      const size = 12 + bucket * 1.4;
      const way = Math.hypot(x2 - x1, y2 - y1) || 1;
      heads.x.push(x2 - ((x2 - x1) / way) * size * 0.4); heads.y.push(-(y2 - ((y2 - y1) / way) * size * 0.4));
      heads.angle.push((Math.atan2(x2 - x1, -(y2 - y1)) * 180) / Math.PI);
      heads.size.push(size);
      heads.color.push(edge.failing ? "var(--error)" : "var(--edge)");
      const middle = points[STEPS / 2];
      middles.x.push(middle[0]); middles.y.push(-middle[1]);
      middles.customdata.push([edge.caller, edge.callee]);
      middles.text.push(safe(edge.sentence).replace(/([.;]) /g, "$1<br>"));
      if (edge.failing) labels.push(this.label(middle, el("span", { class: "edge-label" }, icon("error"), text("fails", { share: edge.error_text }))));
      else if (fresh) labels.push(this.label(middle, el("span", { class: "edge-label new", text: text("new") })));
    }
    this.cards.querySelectorAll(".edge-label").forEach((label) => label.remove());
    this.cards.append(...labels);
    const halo = lines.get("halo");
    lines.delete("halo");
    const traces = [...lines].map(([style, line]) => {
      const [width, dash, color] = style.split("|");
      return { type: "scatter", mode: "lines", ...line, line: { width: Number(width), dash, color }, hoverinfo: "skip", connectgaps: false };
    });
    if (halo) traces.unshift({ type: "scatter", mode: "lines", ...halo, line: { width: 14, color: "var(--accent)" }, opacity: 0.3, hoverinfo: "skip" });
    traces.push({ type: "scatter", mode: "markers", x: heads.x, y: heads.y, marker: { symbol: "triangle-up", angle: heads.angle, size: heads.size, color: heads.color, opacity: 1, line: { width: 0 } }, hoverinfo: "skip" });
    if (!asCards) traces.push(this.circles(data));
    traces.push({ type: "scatter", mode: "markers", ...middles, marker: { size: 22, opacity: 0, color: "var(--accent)" }, hovertemplate: "%{text}<extra></extra>" });
    drawPlot(this.plot, {
      data: traces,
      layout: {
        width: this.size.width,
        height: this.size.height,
        margin: { l: 0, r: 0, t: 0, b: 0 },
        xaxis: { range: [0, this.size.width], visible: false },
        yaxis: { range: [-this.size.height, 0], visible: false },
        dragmode: false,
        hovermode: "closest",
      },
    }, {
      plotly_click: (event) => {
        const found = event.points[0].customdata;
        if (Array.isArray(found)) this.choose({ caller: found[0], callee: found[1] });
        else if (found) this.choose({ service: found });
      },
    });
  }

  circles(data) {
    return {
      type: "scatter",
      mode: data.nodes.length <= 250 ? "markers+text" : "markers",
      x: data.nodes.map((node) => this.boxes.get(node.service).x + 6),
      y: data.nodes.map((node) => -this.boxes.get(node.service).y - 6),
      text: data.nodes.map((node) => safe(node.service.slice(0, 22))),
      textposition: "bottom center",
      customdata: data.nodes.map((node) => node.service),
      marker: { size: data.nodes.map((node) => 9 + Math.min(16, Math.log1p(node.calls) * 1.6)), color: data.nodes.map((node) => (node.slot ? `var(--svc-${node.slot})` : "var(--svc-none)")), line: { width: data.nodes.map((node) => (node.error_share >= 0.05 ? 3 : 1)), color: data.nodes.map((node) => (node.error_share >= 0.05 ? "var(--error)" : "var(--surface)")) } },
      hovertemplate: "%{customdata}<extra></extra>",
    };
  }

  label(at, made) {
    made.style.setProperty("transform", `translate(calc(${at[0]}px - 50%), ${at[1] - 30}px)`);
    return made;
  }

  apply() {
    const { x, y, scale } = this.view;
    this.world.style.setProperty("transform", `translate(${x}px, ${y}px) scale(${scale})`);
  }

  fit() {
    if (!this.size) return;
    const { clientWidth: width, clientHeight: height } = this.stage;
    const scale = Math.min(1.15, width / this.size.width, height / this.size.height);
    this.view = { scale, x: (width - this.size.width * scale) / 2, y: (height - this.size.height * scale) / 2 };
    this.apply();
  }

  zoom(factor, at = { x: this.stage.clientWidth / 2, y: this.stage.clientHeight / 2 }) {
    const scale = Math.min(3, Math.max(0.08, this.view.scale * factor));
    const real = scale / this.view.scale;
    this.view = { scale, x: at.x - (at.x - this.view.x) * real, y: at.y - (at.y - this.view.y) * real };
    this.apply();
  }

  listen() {
    this.stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = this.stage.getBoundingClientRect();
      this.zoom(event.deltaY < 0 ? 1.12 : 1 / 1.12, { x: event.clientX - box.left, y: event.clientY - box.top });
    }, { passive: false });
    this.stage.addEventListener("pointerdown", (event) => {
      if (event.button || event.target.closest("button")) return;
      let last = [event.clientX, event.clientY];
      const move = (e) => {
        this.stage.classList.add("moving");
        this.view.x += e.clientX - last[0];
        this.view.y += e.clientY - last[1];
        last = [e.clientX, e.clientY];
        this.apply();
      };
      const stop = () => {
        this.stage.classList.remove("moving");
        removeEventListener("pointermove", move);
        removeEventListener("pointerup", stop);
      };
      addEventListener("pointermove", move);
      addEventListener("pointerup", stop);
    });
    this.cards.addEventListener("click", (event) => {
      const card = event.target.closest(".service-node");
      if (card) this.choose({ service: card.dataset.service });
    });
    new ResizeObserver(() => this.fit()).observe(this.stage);
    document.addEventListener("keydown", (event) => {
      if (event.target.closest("input, select, textarea, dialog[open]") || event.ctrlKey || event.metaKey) return;
      if (event.key === "+" || event.key === "=") this.zoom(1.25);
      else if (event.key === "-") this.zoom(0.8);
      else if (event.key === "0") this.fit();
    });
  }
}
