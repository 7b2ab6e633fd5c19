// Frames of the flame graph: widths add up, because each is the self time at and below.

import { callPaths } from "../paths.js";

/**
 * Frames of a model, merged by call path or one a span. Typed arrays by frame; a
 * frame's number is greater than its parent's, so no pass is recursive. Times
 * are in the model's unit.
 */
export function framesOf(model, merged) {
  model.frames ??= {};
  const key = merged ? "merged" : "spans";
  model.frames[key] ??= make(model, merged);
  return model.frames[key];
}

function make(model, merged) {
  const { columns } = model;
  const paths = merged ? callPaths(model) : null;
  const count = merged ? paths.first.length : model.count;
  const first = merged ? Uint32Array.from(paths.first) : Uint32Array.from({ length: count }, (_, row) => row);
  const parent = merged ? Int32Array.from(paths.above) : model.parent;
  const frames = {
    count, first, parent,
    total: new Float64Array(count),
    self: new Float64Array(count),
    calls: new Uint32Array(count),
    errors: new Uint32Array(count),
    longest: new Float64Array(count),
    critical: new Float64Array(count),
  };
  for (let row = 0; row < model.count; row += 1) {
    const frame = merged ? paths.path[row] : row;
    frames.total[frame] += columns.duration[row];
    frames.self[frame] += columns.self[row];
    frames.calls[frame] += 1;
    frames.longest[frame] = Math.max(frames.longest[frame], columns.duration[row]);
    if (model.failed(row)) frames.errors[frame] += 1;
  }
  for (let i = 0; i < columns.criticalRow.length; i += 1) {
    const row = columns.criticalRow[i];
    frames.critical[merged ? paths.path[row] : row] += columns.criticalEnd[i] - columns.criticalStart[i];
  }
  addUp(frames);
  place(frames);
  sortLevels(frames);
  return frames;
}

/** Sums at and below each frame: width, critical time, errors. */
function addUp(frames) {
  const { count, parent, self, calls } = frames;
  // Where no span took any time, calls are as good a width as any.
  const timeless = self.every((value) => value === 0);
  frames.weight = timeless ? Float64Array.from(calls) : Float64Array.from(self);
  frames.criticalBelow = Float64Array.from(frames.critical);
  frames.errorsBelow = new Uint32Array(count);
  for (let frame = count - 1; frame >= 0; frame -= 1) {
    const above = parent[frame];
    if (above < 0) continue;
    frames.weight[above] += frames.weight[frame];
    frames.criticalBelow[above] += frames.criticalBelow[frame];
    frames.errorsBelow[above] += frames.errorsBelow[frame] + frames.errors[frame];
  }
}

/** Where each frame begins, children from the left edge of their parent. */
function place(frames) {
  const { count, parent, weight } = frames;
  const cursor = new Float64Array(count);
  frames.x = new Float64Array(count);
  frames.depth = new Uint32Array(count);
  let reached = 0;
  for (let frame = 0; frame < count; frame += 1) {
    const above = parent[frame];
    if (above < 0) {
      frames.x[frame] = reached;
      reached += weight[frame];
    } else {
      frames.depth[frame] = frames.depth[above] + 1;
      frames.x[frame] = frames.x[above] + cursor[above];
      cursor[above] += weight[frame];
    }
  }
  frames.width = reached || 1;
}

/** Frames by level from left to right; siblings stand side by side. */
function sortLevels(frames) {
  const { count, parent, depth } = frames;
  let levels = 0;
  for (let frame = 0; frame < count; frame += 1) levels = Math.max(levels, depth[frame] + 1);
  const start = new Uint32Array(levels + 1);
  for (let frame = 0; frame < count; frame += 1) start[depth[frame] + 1] += 1;
  for (let level = 0; level < levels; level += 1) start[level + 1] += start[level];
  const order = new Uint32Array(count);
  const next = start.slice();
  for (let frame = 0; frame < count; frame += 1) { order[next[depth[frame]]] = frame; next[depth[frame]] += 1; }
  const rank = new Uint32Array(count);
  const firstChild = new Int32Array(count).fill(-1);
  const children = new Uint32Array(count);
  for (let level = 0; level < levels; level += 1) {
    const part = order.subarray(start[level], start[level + 1]);
    if (level && part.length > 1) part.sort((a, b) => rank[parent[a]] - rank[parent[b]] || a - b);
    for (let i = 0; i < part.length; i += 1) {
      rank[part[i]] = start[level] + i;
      const above = parent[part[i]];
      if (above < 0) continue;
      if (firstChild[above] < 0) firstChild[above] = start[level] + i;
      children[above] += 1;
    }
  }
  Object.assign(frames, { levels, start, order, rank, firstChild, children });
}

/** First place in a level whose frame ends after x. */
export function firstAfter(frames, level, x, from = frames.start[level]) {
  let low = from;
  let high = frames.start[level + 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    const frame = frames.order[middle];
    if (frames.x[frame] + frames.weight[frame] > x) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The widest child of a frame, or -1. */
export function widestChild(frames, frame) {
  let best = -1;
  for (let i = 0; i < frames.children[frame]; i += 1) {
    const child = frames.order[frames.firstChild[frame] + i];
    if (best < 0 || frames.weight[child] > frames.weight[best]) best = child;
  }
  return best;
}
