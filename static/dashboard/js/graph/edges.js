// Edges as Plotly traces: one line trace per look, one marker trace for all arrow heads.

const QUIET = 0.14;
const FAINT = 0.25;
/** A width changes only when the rate has left this share around the drawn one. */
const HOLD = 0.25;

/** The widest line, by how much a node shows. */
const WIDEST = { full: 9, medium: 6, small: 4.5, circle: 4 };
/** Dashes in px: those named by Plotly grow with the line's width. */
const DASH = "9px,5px";

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
  }

  /** [{edge, width, dash, color, quiet, key}] */
  of(data, marks, detail) {
    const busiest = Math.max(...data.edges.map((edge) => edge.rate), 1e-9);
    this.busiest = !this.busiest || Math.abs(Math.log(busiest / this.busiest)) > HOLD ? busiest : this.busiest;
    const dense = data.edges.length > data.nodes.length * 4;
    return data.edges.map((edge) => {
      let rate = this.rates.get(edge.id);
      if (rate === undefined || Math.abs(Math.log((edge.rate || 1e-6) / (rate || 1e-6))) > HOLD) {
        rate = edge.rate;
        this.rates.set(edge.id, rate);
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
  return `${halo ?? ""}\n${looks.map((look) => `${look.edge.id} ${look.key}`).join("\n")}`;
}

/** A curve without its end, which the arrow head covers. */
function shaft(points, short, into) {
  const last = points.length - 2;
  const [ex, ey] = [points[last], points[last + 1]];
  for (let i = 0; i < last; i += 2) {
    if (Math.hypot(points[i] - ex, points[i + 1] - ey) > short) into.push(points[i], points[i + 1]);
  }
  const [dx, dy] = [ex - points[last - 2], ey - points[last - 1]];
  const length = Math.hypot(dx, dy) || 1;
  into.push(ex - (dx / length) * short, ey - (dy / length) * short, NaN, NaN);
}

function split(flat) {
  const n = flat.length / 2;
  const [x, y] = [new Float64Array(n), new Float64Array(n)];
  for (let i = 0; i < n; i += 1) { x[i] = flat[i * 2]; y[i] = flat[i * 2 + 1]; }
  return { x, y };
}

/** Plotly traces of all edges; halo is the id of the chosen edge. */
export function edgeTraces(looks, curves, halo) {
  const many = looks.length > 150;
  const lines = new Map();
  const heads = { x: [], y: [], angle: [], size: [], color: [], opacity: [] };
  // Quiet ones first, so that what matters lies above them.
  for (const { edge, width, dash, color, quiet, faint, key } of [...looks].sort((a, b) => b.quiet - a.quiet)) {
    const points = curves.get(edge.id);
    if (!points) continue;
    const size = (many ? 5 : 8) + width * 1.5;
    if (!lines.has(key)) lines.set(key, { width, dash, color, quiet, faint, flat: [] });
    shaft(points, size * 0.6, lines.get(key).flat);
    const last = points.length - 2;
    const [dx, dy] = [points[last] - points[last - 2], points[last + 1] - points[last - 1]];
    const way = Math.hypot(dx, dy) || 1;
    heads.x.push(points[last] - (dx / way) * size * 0.42);
    heads.y.push(points[last + 1] - (dy / way) * size * 0.42);
    heads.angle.push((Math.atan2(dx, -dy) * 180) / Math.PI);
    heads.size.push(size);
    heads.color.push(color);
    heads.opacity.push(quiet ? QUIET : faint ? FAINT * 1.6 : 1);
  }
  const plain = { type: "scatter", hoverinfo: "skip" };
  const traces = [...lines.values()].map(({ width, dash, color, quiet, faint, flat }) => ({
    ...plain, mode: "lines", ...split(flat), line: { width, dash, color, simplify: false }, connectgaps: false,
    opacity: quiet ? QUIET : faint ? FAINT : many && color === "var(--edge)" ? 0.4 : 1,
  }));
  if (halo && curves.has(halo)) {
    traces.unshift({ ...plain, mode: "lines", ...split(curves.get(halo)), line: { width: 14, color: "var(--accent)" }, opacity: 0.3 });
  }
  const { x, y, ...marker } = heads;
  traces.push({ ...plain, mode: "markers", x, y, marker: { symbol: "triangle-up", ...marker, line: { width: 0 } } });
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
