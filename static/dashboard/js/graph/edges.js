// Edges as Plotly traces: one line trace per look, one marker trace for all arrow heads.

const QUIET = 0.14;
const FAINT = 0.25;
/** A width changes only when the rate has left this share around the drawn one. */
const HOLD = 0.25;
/** Widths follow the rates so often, ms; colours, dashes and new edges at once. */
const WIDTHS_MS = 5000;

/** The widest line, by how much a node shows. */
const WIDEST = { full: 9, medium: 6, small: 4.5, circle: 4 };
/** Broken lines; Plotly's own dashes grow too long with the line's width. */
const DASH = "broken";

/** The width of an edge in px: by the logarithm of its rate against the busiest. */
export function widthOf(rate, busiest, widest) {
  const share = Math.max(0, Math.min(1, 1 + Math.log10(Math.max(rate / busiest, 1e-3)) / 3));
  const least = widest > 5 ? 1.5 : 1;
  return Math.round((least + (widest - least) * share) * 2) / 2;
}

const STATES = { added: ["solid", "var(--accent)"], gone: [DASH, "var(--ink-3)"], slower: ["solid", "var(--warn)"], faster: ["solid", "var(--ok)"], more_errors: [DASH, "var(--error)"], fewer_errors: ["solid", "var(--ok)"] };

/** The look of every edge, kept steady while live numbers wobble. */
export class Looks {
  constructor() {
    this.rates = new Map();
    this.at = 0;
  }

  /** The look of each line: {line, width, dash, color, quiet, faint, key}. */
  of(lines, nodes, marks, detail) {
    const busiest = Math.max(...lines.map((line) => line.rate), 1e-9);
    if (!this.busiest || Math.abs(Math.log(busiest / this.busiest)) > HOLD) this.busiest = busiest;
    const due = performance.now() - this.at > WIDTHS_MS;
    if (due) this.at = performance.now();
    const dense = lines.length > nodes * 4;
    return lines.map((edge) => {
      let rate = this.rates.get(edge.key);
      if (rate === undefined || (due && Math.abs(Math.log((edge.rate || 1e-6) / (rate || 1e-6))) > HOLD)) {
        rate = edge.rate;
        this.rates.set(edge.key, rate);
      }
      const width = widthOf(rate, this.busiest, WIDEST[detail]);
      const state = STATES[marks.states?.get(edge.id)];
      let [dash, color] = state ?? (edge.failing ? [DASH, "var(--error)"] : [marks.fresh.has(edge.id) || edge.asynchronous ? "dot" : "solid", "var(--edge)"]);
      if (marks.states && !state) color = "var(--edge)";
      if (marks.drawn?.has(edge.id)) color = marks.drawn.get(edge.id) ? "var(--error)" : "var(--accent)";
      const quiet = Boolean(marks.loud && !marks.loud(edge));
      // Among very many edges the rare ones step back, unless something is wrong with them.
      const faint = !marks.loud && dense && color === "var(--edge)" && rate < this.busiest * 0.1;
      return { edge, width, dash, color, quiet, faint, key: `${width.toFixed(1)}|${dash}|${color}|${quiet}|${faint}` };
    });
  }
}

/** What would be drawn: equal texts mean that nothing has to be drawn again. */
export function signature(looks, halo) {
  return `${halo ?? ""}\n${looks.map((look) => `${look.edge.key} ${look.key}`).join("\n")}`;
}

/** The end of a curve and the direction (a unit vector) in which an arrow head of a size comes there. */
function tip(points, size) {
  const last = points.length - 2;
  const [x, y] = [points[last], points[last + 1]];
  let i = last - 2;
  while (i > 0 && Math.hypot(points[i] - x, points[i + 1] - y) < size) i -= 2;
  const [dx, dy] = [x - points[i], y - points[i + 1]];
  const way = Math.hypot(dx, dy) || 1;
  return { x, y, ux: dx / way, uy: dy / way };
}

/** A curve without its end, which the arrow head covers. */
function shaft(points, end, size, into) {
  const short = size * 0.7;
  for (let i = 0; i < points.length - 2; i += 2) {
    if (Math.hypot(points[i] - end.x, points[i + 1] - end.y) > size) into.push(points[i], points[i + 1]);
  }
  into.push(end.x - end.ux * short, end.y - end.uy * short, NaN, NaN);
}

/** Corners of an arrow head that ends where the curve does. */
function head({ x, y, ux, uy }, size, into) {
  const [bx, by] = [x - ux * size, y - uy * size];
  const half = size * 0.5;
  into.push(x, y, bx - uy * half, by + ux * half, bx + uy * half, by - ux * half, x, y, NaN, NaN);
}

function split(flat) {
  const n = flat.length / 2;
  const [x, y] = [new Float64Array(n), new Float64Array(n)];
  for (let i = 0; i < n; i += 1) { x[i] = flat[i * 2]; y[i] = flat[i * 2 + 1]; }
  return { x, y };
}

/** Plotly traces of all edges: one of lines and one of heads for each look; halo is the chosen edge's id. */
export function edgeTraces(looks, curves, halo) {
  const many = looks.length > 150;
  const lines = new Map();
  const heads = new Map();
  // Quiet ones first, so that what matters lies above them.
  for (const { edge, width, dash, color, quiet, faint, key } of [...looks].sort((a, b) => b.quiet - a.quiet || b.faint - a.faint)) {
    const points = curves.get(edge.key);
    if (!points) continue;
    const size = (many ? 5 : 8) + width * 1.5;
    if (!lines.has(key)) lines.set(key, { width, dash, color, quiet, faint, flat: [] });
    const end = tip(points, size);
    shaft(points, end, size, lines.get(key).flat);
    const opacity = quiet ? QUIET : faint ? FAINT * 1.6 : 1;
    const tone = `${color}|${opacity}`;
    if (!heads.has(tone)) heads.set(tone, { color, opacity, flat: [] });
    head(end, size, heads.get(tone).flat);
  }
  const plain = { type: "scatter", hoverinfo: "skip", mode: "lines", connectgaps: false };
  const traces = [...lines.values()].map(({ width, dash, color, quiet, faint, flat }) => ({
    ...plain, ...split(flat), line: { width, dash: dash === DASH ? `${Math.max(8, width * 1.8)}px,${Math.max(4, width)}px` : dash, color, simplify: false },
    opacity: quiet ? QUIET : faint ? FAINT : many && color === "var(--edge)" ? 0.4 : 1,
  }));
  for (const { edge } of halo ? looks.filter((look) => look.edge.id === halo && curves.has(look.edge.key)) : []) {
    traces.unshift({ ...plain, ...split(curves.get(edge.key)), line: { width: 14, color: "var(--accent)" }, opacity: 0.3 });
  }
  for (const { color, opacity, flat } of heads.values()) {
    traces.push({ ...plain, ...split(flat), fill: "toself", fillcolor: color, line: { width: 0, color, simplify: false }, opacity });
  }
  return traces;
}

/** Plotly trace of the circles of a large graph: size by traffic, ring by health. */
export function circleTrace(nodes, boxes, marks) {
  const quiet = (node) => Boolean(marks.loudNode && !marks.loudNode(node));
  const bad = (node) => node.errors > 0 && node.error_share >= 0.05;
  return {
    type: "scatter",
    mode: "markers",
    hoverinfo: "skip",
    x: nodes.map((node) => boxes.get(node.id).cx),
    y: nodes.map((node) => boxes.get(node.id).cy),
    marker: {
      size: nodes.map((node) => boxes.get(node.id).width),
      symbol: nodes.map((node) => (node.members ? "square" : node.virtual ? "circle-open" : "circle")),
      color: nodes.map((node) => (node.slot ? `var(--svc-${node.slot})` : "var(--svc-none)")),
      opacity: nodes.map((node) => (quiet(node) ? QUIET : 1)),
      line: {
        width: nodes.map((node) => (bad(node) ? 3 : node.virtual ? 2 : 1)),
        color: nodes.map((node) => (bad(node) ? "var(--error)" : node.virtual ? "var(--control)" : "var(--surface)")),
      },
    },
  };
}
