// The trace in the browser: columns and what follows from them.

import { readMissing, readPairs, readRepeats } from "./answers.js";

const ERROR = 1;

/** Makes the model of a payload; every pass is linear, nothing recursive. */
export function makeModel({ header, columns }) {
  const count = header.spans;
  const start = new Float64Array(count);
  const depth = new Uint32Array(count);
  const subtree = new Uint32Array(count).fill(1);
  const parent = new Int32Array(count).fill(-1);
  for (let row = 0; row < count; row += 1) {
    const up = columns.up[row];
    if (up) {
      const above = row - up;
      parent[row] = above;
      depth[row] = depth[above] + 1;
      start[row] = start[above] + columns.start[row];
    } else start[row] = columns.start[row];
  }
  const failedBelow = new Uint8Array(count);
  for (let row = count - 1; row >= 0; row -= 1) {
    const above = parent[row];
    if (above >= 0) {
      subtree[above] += subtree[row];
      if (failedBelow[row] || columns.flags[row] & ERROR) failedBelow[above] = 1;
    }
  }
  // Place among the siblings, for readers of the screen.
  const place = new Uint32Array(count);
  const siblings = new Uint32Array(count + 1);
  for (let row = 0; row < count; row += 1) place[row] = siblings[parent[row] + 1] += 1;
  // Drawn starts: raw ones moved by clock-skew correction.
  const drawn = columns.skew ? start.map((value, row) => value + columns.skew[row]) : start;
  let longest = null;
  const critical = new Map();
  for (let i = 0; i < columns.criticalRow.length; i += 1) {
    const row = columns.criticalRow[i];
    if (!critical.has(row)) critical.set(row, []);
    critical.get(row).push(i);
  }
  const seams = new Map(header.seams);
  return {
    header, columns, count, start, drawn, corrected: drawn, depth, subtree, parent, failedBelow, critical,
    place: (row) => place[row],
    siblings: (row) => siblings[parent[row] + 1],
    duration: header.duration || 1,
    unit: header.unit_ns,
    failed: (row) => (columns.flags[row] & ERROR) !== 0,
    service: (row) => header.services[columns.service[row]],
    operation: (row) => header.operations[columns.operation[row]],
    version: (row) => header.versions[columns.version[row]],
    end: (row) => start[row] + columns.duration[row],
    peer: (row) => (columns.peer?.[row] ? header.peers[columns.peer[row] - 1] : null),
    seam: (row) => (seams.has(row) ? (seams.get(row) ? "seamId" : "seamTime") : ""),
    pair: readPairs(columns, count, parent),
    ...readRepeats(columns, count),
    missing: readMissing(header, columns),
    longest: () => (longest ??= longestBelow(columns.duration, parent)),
    rootOf(row) {
      let at = row;
      while (parent[at] >= 0) at = parent[at];
      return at;
    },
  };
}

/** The longest duration in each row's subtree. */
function longestBelow(duration, parent) {
  const longest = Float64Array.from(duration);
  for (let row = longest.length - 1; row > 0; row -= 1) {
    const above = parent[row];
    if (above >= 0 && longest[row] > longest[above]) longest[above] = longest[row];
  }
  return longest;
}
