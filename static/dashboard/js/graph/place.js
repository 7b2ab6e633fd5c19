// Where things stand: grid positions of the server to pixels, and the curves between them.

export const MAX_CARDS = 60;
export const CARD = { width: 176, height: 52, line: 19, medium: 36, small: 24 };
const COLUMN = 258;
const MARGIN = { left: 20, right: 20, top: 30, bottom: 52 };

/** The grid of a set of nodes: its bounds and the steps that suit a stage. */
export function grid(data, stage) {
  // In a replay the frame is the whole window's, whoever is there at the moment.
  const nodes = data.frame ?? data.nodes;
  const cards = nodes.length <= MAX_CARDS;
  const left = Math.min(...nodes.map((node) => node.x));
  const top = Math.min(...nodes.map((node) => node.y));
  const columns = Math.max(...nodes.map((node) => node.x)) - left + 1;
  const rows = Math.max(...nodes.map((node) => node.y)) - top + 1;
  const lines = Math.max(...nodes.map((node) => node.versions?.length ?? 0));
  const full = CARD.height + lines * CARD.line;
  const room = { width: Math.max(stage.width - MARGIN.left - MARGIN.right, 200), height: Math.max(stage.height - MARGIN.top - MARGIN.bottom, 150) };
  if (nodes.length > 6 && nodes.length <= 24 && data.edges.length > nodes.length * 3 && nodes.every((node) => node.members)) return ellipse(data, room, full);
  const step = cards ? { x: COLUMN, y: Math.max(84, full + 26) } : { x: 170, y: 34 };
  let fit = Math.min(cards ? 1.1 : 1.6, room.width / (columns * step.x), room.height / (rows * step.y));
  // On a phone names stay readable; the rest is a drag away.
  if (cards && room.width < 500) fit = Math.max(fit, 150 / step.x);
  // What one direction leaves free is used, so that cards and labels get room.
  step.x = Math.min(step.x * (cards ? 2 : 8), Math.max(step.x, room.width / (columns * fit)));
  step.y = Math.min(step.y * 2, Math.max(step.y, room.height / (rows * fit)));
  return { cards, left, top, columns, rows, lines, full, step, fit };
}

/** A lump in which all call all has no direction: it stands on an ellipse. */
function ellipse(data, room, full) {
  const nodes = data.frame ?? data.nodes;
  const order = [...nodes].sort((a, b) => a.x - b.x || a.y - b.y);
  const turn = new Map(order.map((node, i) => {
    const angle = -Math.PI / 2 + (i / order.length) * 2 * Math.PI;
    return [node.id, [0.5 + 0.5 * Math.cos(angle), 0.5 + 0.5 * Math.sin(angle)]];
  }));
  const wide = nodes.length > 16 ? 120 : 160;
  return { cards: true, left: 0, top: 0, columns: 1, rows: 1, lines: 0, full, step: { x: room.width, y: room.height }, fit: 1, turn, wide };
}

/** How much a card shows where rows are so many pixels apart. */
function detailOf(found, scale) {
  if (!found.cards) return "circle";
  if (found.turn) return found.wide * scale >= 150 ? "full" : "medium";
  const pitch = found.step.y * scale;
  if (pitch >= found.full + 10 && found.step.x * scale >= 176) return "full";
  if (pitch >= CARD.medium + 6 && found.step.x * scale >= 110) return "medium";
  return "small";
}

/** The middle of a node in px of the layer. */
function middle(node, found, step, width) {
  const turned = found.turn?.get(node.id);
  if (turned) return [MARGIN.left + width / 2 + turned[0] * (step.x - width), MARGIN.top + 30 + turned[1] * (step.y - 60)];
  return [MARGIN.left + (node.x - found.left + 0.5) * step.x, MARGIN.top + (node.y - found.top + 0.5) * step.y];
}

/** The diameter of a circle: by the logarithm of its calls. */
function diameter(node, busiest, pitch) {
  const share = Math.max(0, 1 + Math.log10(Math.max(node.calls, 1) / busiest) / 3);
  return Math.max(6, Math.min(34, Math.max(7, pitch * 0.95)) * (0.35 + 0.65 * share));
}

/** Boxes in pixels of the drawn layer at a scale. */
export function arrange(nodes, found, scale) {
  const detail = detailOf(found, scale);
  const step = { x: found.step.x * scale, y: found.step.y * scale };
  const width = found.turn ? found.wide * Math.min(scale, 1.2) : Math.max(56, Math.min(196, step.x - Math.max(26, step.x * 0.2)));
  const busiest = Math.max(...nodes.map((node) => node.calls), 1);
  const boxes = new Map();
  for (const node of nodes) {
    const [cx, cy] = middle(node, found, step, width);
    const d = detail === "circle" ? diameter(node, busiest, step.y) : 0;
    const size = d ? { width: d, height: d } : { width, height: CARD[detail] ?? CARD.height + node.versions.length * CARD.line };
    boxes.set(node.id, { x: cx - size.width / 2, y: cy - size.height / 2, cx, cy, ...size });
  }
  return {
    detail,
    boxes,
    step,
    free: Boolean(found.turn),
    width: MARGIN.left + MARGIN.right + found.columns * step.x,
    height: MARGIN.top + MARGIN.bottom + found.rows * step.y,
    /** A place of the grid in px of the layer. */
    spot: (x, y) => [MARGIN.left + (x - found.left + 0.5) * step.x, MARGIN.top + (y - found.top + 0.5) * step.y],
  };
}

function bezier(a, b, c, d, steps) {
  const points = new Float64Array((steps + 1) * 2);
  for (let i = 0; i <= steps; i += 1) {
    const t = i / steps;
    const s = 1 - t;
    for (let k = 0; k < 2; k += 1) points[i * 2 + k] = s * s * s * a[k] + 3 * s * s * t * b[k] + 3 * s * t * t * c[k] + t * t * t * d[k];
  }
  return points;
}

/** Where edges leave and reach each node: spread over its side in the order of the other ends. */
function ports(lines, layout) {
  const found = new Map();
  const sides = { caller: new Map(), callee: new Map() };
  for (const line of lines) {
    for (const side of ["caller", "callee"]) {
      if (!sides[side].has(line[side])) sides[side].set(line[side], []);
      sides[side].get(line[side]).push(line);
    }
  }
  const spread = (edges, side, other) => {
    const seen = edges.filter((edge) => layout.boxes.has(edge[other]) && edge.caller !== edge.callee);
    seen.sort((a, b) => layout.boxes.get(a[other]).cy - layout.boxes.get(b[other]).cy);
    seen.forEach((edge, i) => {
      const box = layout.boxes.get(edge[side]);
      const span = Math.min(box.height, CARD.height) * (layout.detail === "circle" ? 0 : 0.7);
      const middle = Math.min(box.height, CARD.height) / 2;
      const gap = Math.min(12, span / Math.max(seen.length, 1));
      const own = side === "caller" && edge.line >= 0 ? box.y + CARD.height + (edge.line + 0.5) * CARD.line : null;
      found.set(`${side}\0${edge.key}`, own ?? box.y + middle + (i - (seen.length - 1) / 2) * gap);
    });
  };
  for (const edges of sides.caller.values()) spread(edges, "caller", "callee");
  for (const edges of sides.callee.values()) spread(edges, "callee", "caller");
  return found;
}

function inside(box, x, y) {
  return x > box.x - 2 && x < box.x + box.width + 2 && y > box.y - 2 && y < box.y + box.height + 2;
}

/** A bent line between two boxes anywhere, from border to border. */
function chord(from, to) {
  const [dx, dy] = [to.cx - from.cx, to.cy - from.cy];
  const way = Math.hypot(dx, dy) || 1;
  const bend = Math.min(40, way * 0.08);
  const [mx, my] = [(from.cx + to.cx) / 2 - (dy / way) * bend, (from.cy + to.cy) / 2 + (dx / way) * bend];
  const all = bezier([from.cx, from.cy], [mx, my], [mx, my], [to.cx, to.cy], 60);
  const kept = [];
  for (let i = 0; i < all.length; i += 2) if (!inside(from, all[i], all[i + 1]) && !inside(to, all[i], all[i + 1])) kept.push(all[i], all[i + 1]);
  if (kept.length < 4) return all;
  // Fewer points in the middle, the exact ones at the ends.
  const thin = [];
  const last = kept.length / 2 - 1;
  for (let i = 0; i <= 10; i += 1) { const at = Math.round((i / 10) * last) * 2; thin.push(kept[at], kept[at + 1]); }
  return Float64Array.from(thin);
}

/** Points (x0, y0, x1, y1, …) of every line in pixels of the layer. */
export function curves(lines, layout) {
  const steps = lines.length > 150 ? 10 : 18;
  const at = ports(lines.filter((line) => layout.boxes.has(line.caller) && layout.boxes.has(line.callee)), layout);
  const found = new Map();
  for (const edge of lines) {
    const from = layout.boxes.get(edge.caller);
    const to = layout.boxes.get(edge.callee);
    if (!from || !to) continue;
    if (edge.caller === edge.callee) {
      const { cx, y } = from;
      found.set(edge.key, bezier([cx - 14, y], [cx - 40, y - 34], [cx + 40, y - 34], [cx + 14, y - 1], steps));
      continue;
    }
    if (layout.free) { found.set(edge.key, chord(from, to)); continue; }
    const a = [from.x + from.width, at.get(`caller\0${edge.key}`)];
    const b = [to.x - 2, at.get(`callee\0${edge.key}`)];
    if (b[0] > a[0]) {
      const bend = Math.max(Math.min(40, (b[0] - a[0]) / 2), (b[0] - a[0]) * 0.5);
      found.set(edge.key, bezier(a, [a[0] + bend, a[1]], [b[0] - bend, b[1]], b, steps));
    } else {
      // Against the direction: around below both.
      const low = Math.max(from.y + from.height, to.y + to.height) + layout.step.y * 0.5;
      found.set(edge.key, bezier([from.cx, from.y + from.height], [from.cx + 20, low], [to.cx - 20, low], [to.cx, to.y + to.height + 3], steps));
    }
  }
  return found;
}

/** The point at a share (0 to 1) of a curve. */
export function along(points, share) {
  const last = points.length / 2 - 1;
  const at = share * last;
  const i = Math.min(Math.floor(at), last - 1);
  const t = at - i;
  return [points[i * 2] * (1 - t) + points[i * 2 + 2] * t, points[i * 2 + 1] * (1 - t) + points[i * 2 + 3] * t];
}

/** The edge nearest to a point, within a distance; its id or null. */
export function nearest(all, x, y, within) {
  let best = within * within;
  let found = null;
  for (const [id, p] of all) {
    for (let i = 0; i + 3 < p.length; i += 2) {
      const dx = p[i + 2] - p[i];
      const dy = p[i + 3] - p[i + 1];
      const length = dx * dx + dy * dy || 1;
      const t = Math.max(0, Math.min(1, ((x - p[i]) * dx + (y - p[i + 1]) * dy) / length));
      const d = (p[i] + t * dx - x) ** 2 + (p[i + 1] + t * dy - y) ** 2;
      if (d < best) { best = d; found = id; }
    }
  }
  return found;
}
