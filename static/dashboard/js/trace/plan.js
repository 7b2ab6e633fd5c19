// Which rows the page shows and in which order: folds, filters, pairs, repeats, a new root.
//
// An item is a number: a span's row, or one of the made rows behind them (a folded
// repeat, the rest of one, short spans, a missing caller). Nothing is recursive.

export const SPAN = "span";
export const REPEAT = "repeat"; // equal siblings as one row
export const REST = "rest"; // the members of an opened repeat that are not shown yet
export const SHORT = "short"; // siblings below the chosen duration
export const MISSING = "missing"; // a caller that did not arrive

const SLOWEST = 3; // members that an opened repeat shows first

export class Plan {
  constructor(model) {
    this.model = model;
    this.collapsed = new Uint8Array(model.count);
    this.services = null; // a Set of service numbers, or null for all
    this.root = -1; // only this span and what is below it
    this.order = ""; // "", "duration" or "self"
    this.least = 0; // shorter spans are folded, in the payload's unit
    this.only = null; // a Set of rows: show them and their callers alone
    this.pairs = false;
    this.folds = false;
    this.opened = new Map(); // repeat → "some" or "all"
    this.shortOpen = new Set(); // parent rows whose short children are shown
    this.missingClosed = new Set();
    this.foldable = 0;
    for (let row = 0; row < model.count; row += 1) if (model.subtree[row] > 1 && model.parent[row] >= 0) this.foldable += 1;
    const repeats = model.repeats.length;
    this.restBase = model.count + repeats;
    this.shortBase = this.restBase + repeats + 1;
    this.missingBase = this.shortBase + model.count;
    this.size = this.missingBase + model.missing.length;
    this.places = new Int32Array(this.size);
    this.update();
  }

  /** What an item is, and its number among its kind. */
  kind(item) {
    if (item < this.model.count) return SPAN;
    if (item < this.restBase) return REPEAT;
    if (item < this.shortBase - 1) return REST;
    return item < this.missingBase ? SHORT : MISSING;
  }

  repeatOf(item) { return item < this.restBase ? item - this.model.count : item - this.restBase; }

  placeOf(item) { return item < 0 ? -1 : this.places[item]; }

  /** The item that shows a row: in pairs the server half stands in its client's row. */
  shownAs(row) { return this.pairs && row >= 0 && this.merged(row) ? this.model.parent[row] : row; }

  /** Whether a row is the server half that its client's row shows. */
  merged(row) {
    const above = this.model.parent[row];
    return above >= 0 && this.model.pair[above] === row;
  }

  children(row, into) {
    const { subtree } = this.model;
    const stop = row + subtree[row];
    for (let child = row + 1; child < stop; child += subtree[child]) {
      if (this.pairs && this.model.pair[row] === child) this.children(child, into);
      else into.push(child);
    }
    return into;
  }

  /** How many spans are hidden below a closed row. */
  below(row) { return this.model.subtree[row] - 1 - (this.pairs && this.model.pair[row] >= 0 ? 1 : 0); }

  expandable(item) {
    const kind = this.kind(item);
    return kind === SPAN ? this.below(item) > 0 : true;
  }

  closed(item) {
    const kind = this.kind(item);
    if (kind === SPAN) return this.collapsed[item] === 1;
    if (kind === REPEAT) return !this.opened.has(this.repeatOf(item));
    if (kind === MISSING) return this.missingClosed.has(item);
    return true;
  }

  toggle(item, closed = !this.closed(item)) {
    const kind = this.kind(item);
    if (kind === SPAN) this.collapsed[item] = closed ? 1 : 0;
    else if (kind === REPEAT) { if (closed) this.opened.delete(this.repeatOf(item)); else this.opened.set(this.repeatOf(item), "some"); }
    else if (kind === REST) this.opened.set(this.repeatOf(item), "all");
    else if (kind === SHORT) this.shortOpen.add(this.shortParent(item));
    else if (closed) this.missingClosed.add(item);
    else this.missingClosed.delete(item);
    this.update();
  }

  shortParent(item) { return item - this.shortBase; }

  /** Short children of a row, in the order of time. */
  shortOf(item) { return this.shortRows.get(item) ?? []; }

  all(closed) {
    const { count, subtree, parent } = this.model;
    for (let row = 0; row < count; row += 1) this.collapsed[row] = closed && subtree[row] > 1 && parent[row] >= 0 ? 1 : 0;
    this.update();
  }

  /** Open or close the deepest open, or shallowest closed, level of the tree. */
  level(open) {
    const { count, subtree, depth } = this.model;
    let wanted = -1;
    for (let row = 0; row < count; row += 1) {
      if (subtree[row] < 2 || this.placeOf(row) < 0) continue;
      if (open ? this.collapsed[row] && (wanted < 0 || depth[row] < wanted) : !this.collapsed[row] && depth[row] > wanted) wanted = depth[row];
    }
    if (wanted < 0) return;
    for (let row = 0; row < count; row += 1) if (subtree[row] > 1 && depth[row] === wanted) this.collapsed[row] = open ? 0 : 1;
    this.update();
  }

  /** Open or close a span with everything below it. */
  whole(row, closed) {
    const { subtree } = this.model;
    for (let at = row; at < row + subtree[row]; at += 1) this.collapsed[at] = closed && subtree[at] > 1 ? 1 : 0;
    this.update();
  }

  /** Show only spans of these services; an empty list shows all. */
  chooseServices(names) {
    const { services } = this.model.header;
    this.services = names.length ? new Set(services.flatMap(([name], i) => (names.includes(name) ? [i] : []))) : null;
  }

  update() {
    const { model } = this;
    const items = new Int32Array(this.size);
    const levels = new Int32Array(this.size);
    const ups = new Int32Array(this.size);
    const nth = new Uint32Array(this.size);
    const among = new Uint32Array(this.size);
    this.places.fill(-1);
    this.shortRows = new Map();
    const kept = this.kept();
    const longest = this.least > 0 ? model.longest() : null;
    const inRepeat = this.folds ? model.repeatOfRow : null;
    const stack = [];
    const roots = this.root >= 0 ? [this.shownAs(this.root)] : this.withMissing();
    this.pushAll(stack, roots, 0, -1);
    let n = 0;
    while (stack.length) {
      const siblings = stack.pop();
      const position = stack.pop();
      const up = stack.pop();
      const level = stack.pop();
      const item = stack.pop();
      const kind = this.kind(item);
      if (kind === MISSING && kept && !model.missing[item - this.missingBase].rows.some((row) => kept[row])) continue;
      if (kind === SPAN) {
        if (kept && !kept[item]) continue;
        if (this.services && !this.services.has(model.columns.service[item]) && !(this.pairs && model.pair[item] >= 0 && this.services.has(model.columns.service[model.pair[item]]))) {
          this.pushAll(stack, this.sorted(this.children(item, [])), level, up);
          continue;
        }
      }
      items[n] = item;
      levels[n] = level;
      ups[n] = up;
      nth[n] = position;
      among[n] = siblings;
      this.places[item] = n;
      n += 1;
      if (this.closed(item)) continue;
      let below;
      if (kind === SPAN) below = this.arrange(item, this.children(item, []), inRepeat, longest);
      else if (kind === REPEAT) below = this.members(this.repeatOf(item));
      else below = model.missing[item - this.missingBase].rows;
      this.pushAll(stack, below, level + 1, n - 1);
    }
    this.rows = items.subarray(0, n);
    this.levels = levels.subarray(0, n);
    this.ups = ups.subarray(0, n);
    this.nth = nth.subarray(0, n);
    this.among = among.subarray(0, n);
    this.length = n;
  }

  pushAll(stack, items, level, up) {
    for (let i = items.length - 1; i >= 0; i -= 1) stack.push(items[i], level, up, i + 1, items.length);
  }

  /** Roots, with the callers that are missing above their children. */
  withMissing() {
    const { model } = this;
    const by = new Map();
    model.missing.forEach((one, i) => { for (const row of one.rows) by.set(row, i); });
    const roots = [];
    const seen = new Set();
    for (let row = 0; row < model.count; row += model.subtree[row]) {
      const missing = by.get(row);
      if (missing === undefined) roots.push(row);
      else if (!seen.has(missing)) { seen.add(missing); roots.push(this.missingBase + missing); }
    }
    return roots;
  }

  /** Children as items: repeats folded, short ones gathered, in the chosen order. */
  arrange(row, children, inRepeat, longest) {
    let found = children;
    if (inRepeat) {
      const seen = new Set();
      const items = [];
      for (const child of found) {
        const repeat = inRepeat[child];
        if (repeat < 0) items.push(child);
        else if (!seen.has(repeat)) { seen.add(repeat); items.push(this.model.count + repeat); }
      }
      found = items;
    }
    let short = null;
    if (longest && !this.shortOpen.has(row)) {
      short = found.filter((item) => item < this.model.count && longest[item] < this.least);
      if (short.length) found = found.filter((item) => item >= this.model.count || longest[item] >= this.least);
    }
    found = this.sorted(found);
    if (short?.length) {
      const item = this.shortBase + row;
      this.shortRows.set(item, short);
      found = [...found, item];
    }
    return found;
  }

  sorted(items) {
    if (!this.order || items.length < 2) return items;
    const { columns, count, repeats } = this.model;
    const column = this.order === "self" ? columns.self : columns.duration;
    const cost = (item) => (item < count ? column[item] : repeats[item - count].total);
    return items.slice().sort((a, b) => cost(b) - cost(a));
  }

  /** Members of an opened repeat: the slowest, then the rest as one row or all by time. */
  members(repeat) {
    const { rows } = this.model.repeats[repeat];
    if (this.opened.get(repeat) === "all") return this.sorted(Array.from(rows, (row) => this.shownAs(row)));
    return [...this.slowest(repeat).map((row) => this.shownAs(row)), this.restBase + repeat];
  }

  slowest(repeat) {
    const { duration } = this.model.columns;
    return Array.from(this.model.repeats[repeat].rows).sort((a, b) => duration[b] - duration[a]).slice(0, SLOWEST);
  }

  /** Rows that match or lead to a match; null when all are wanted. */
  kept() {
    if (!this.only) return null;
    const kept = new Uint8Array(this.model.count);
    for (const row of this.only) kept[row] = 1;
    for (let row = this.model.count - 1; row > 0; row -= 1) {
      const above = this.model.parent[row];
      if (kept[row] && above >= 0) kept[above] = 1;
    }
    return kept;
  }

  /** Make a row visible, whatever hides it; names of the filters that had to go. */
  reveal(row) {
    const { parent } = this.model;
    const gone = [];
    const item = this.shownAs(row);
    if (this.placeOf(item) >= 0) return gone;
    for (let above = parent[row]; above >= 0; above = parent[above]) this.collapsed[above] = 0;
    this.model.missing.forEach((one, i) => { if (one.rows.includes(this.model.rootOf(row))) this.missingClosed.delete(this.missingBase + i); });
    if (this.folds) {
      for (let at = row; at >= 0; at = parent[at]) if (this.model.repeatOfRow[at] >= 0) this.opened.set(this.model.repeatOfRow[at], "all");
    }
    this.update();
    const lift = (name, test, action) => {
      if (this.placeOf(item) >= 0 || !test()) return;
      action();
      gone.push(name);
      this.update();
    };
    lift("services", () => this.services, () => { this.services = null; });
    lift("only", () => this.only, () => { this.only = null; });
    lift("least", () => this.least, () => { this.least = 0; });
    lift("root", () => this.root >= 0, () => { this.root = -1; });
    return gone;
  }

  /** Whether places among siblings are exact: filters leave gaps in them. */
  get counted() { return !this.services && !this.only; }

  /** Item above a place, or -1. */
  above(place) { return this.ups[place] < 0 ? -1 : this.rows[this.ups[place]]; }
}
