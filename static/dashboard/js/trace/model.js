// The trace in the browser: columns, and which rows are visible.

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
  const critical = new Map();
  for (let i = 0; i < columns.criticalRow.length; i += 1) {
    const row = columns.criticalRow[i];
    if (!critical.has(row)) critical.set(row, []);
    critical.get(row).push(i);
  }
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
  };
}

/** Which rows show, given collapsed rows and chosen services. */
export class Visible {
  constructor(model) {
    this.model = model;
    this.collapsed = new Uint8Array(model.count);
    this.rows = new Uint32Array(model.count);
    this.place = new Int32Array(model.count);
    this.services = null;
    this.foldable = 0;
    for (let row = 0; row < model.count; row += 1) if (model.subtree[row] > 1 && model.parent[row] >= 0) this.foldable += 1;
    this.update();
  }

  update() {
    const { count, subtree, columns } = this.model;
    this.place.fill(-1);
    let n = 0;
    for (let row = 0; row < count;) {
      if (!this.services || this.services.has(columns.service[row])) {
        this.place[row] = n;
        this.rows[n] = row;
        n += 1;
      }
      row += this.collapsed[row] ? subtree[row] : 1;
    }
    this.length = n;
  }

  toggle(row, closed = !this.collapsed[row]) {
    this.collapsed[row] = closed ? 1 : 0;
    this.update();
  }

  all(closed) {
    const { count, subtree, parent } = this.model;
    for (let row = 0; row < count; row += 1) this.collapsed[row] = closed && subtree[row] > 1 && parent[row] >= 0 ? 1 : 0;
    this.update();
  }

  /** Show only spans of these services; an empty list shows all. */
  only(names) {
    const { services } = this.model.header;
    this.services = names.length ? new Set(services.flatMap(([name], i) => (names.includes(name) ? [i] : []))) : null;
    this.update();
  }

  /** Open everything above a row; true when something changed. */
  reveal(row) {
    let changed = false;
    for (let above = this.model.parent[row]; above >= 0; above = this.model.parent[above]) {
      if (this.collapsed[above]) { this.collapsed[above] = 0; changed = true; }
    }
    if (this.services && !this.services.has(this.model.columns.service[row])) { this.services = null; changed = true; }
    if (changed) this.update();
    return changed;
  }
}
