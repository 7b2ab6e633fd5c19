// The page's state in its address, in units that do not change when the trace grows.

// The views beside the waterfall; each uses some of these.
export const VIEW_NAMES = ["view", "by", "then", "order", "svc", "op", "q", "failed", "mode", "at", "tags", "path"];
const NAMES = ["span", "from", "to", "uiFind", "svcFilter", "collapsed", "opened", "critical", "pairs", "folds", "only", "root", "sort", "least", "detail", ...VIEW_NAMES];
const MAX_ROWS = 60; // longer lists stay out of the address

/** Tells "state" whenever something of the page's state may have changed. */
export const changes = new EventTarget();

/** The state that the address holds. */
export function readState() {
  const parameters = new URLSearchParams(location.search);
  return Object.fromEntries(NAMES.map((name) => [name, parameters.get(name) ?? ""]));
}

/**
 * Write the given parts of the state; parts that are not named stay. `push` makes
 * an entry in the history, for steps that people want to go back from.
 */
export function writeState(state, push = false) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(state)) {
    if (!NAMES.includes(name)) throw new Error(`unknown part of the state: ${name}`);
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  if (url.href === location.href) return;
  if (push) history.pushState(null, "", url);
  else history.replaceState(null, "", url);
  changes.dispatchEvent(new Event("state"));
}

/** The state of the view that the address names. */
export function readView() {
  const state = readState();
  return Object.fromEntries(VIEW_NAMES.map((name) => [name, state[name]]));
}

/** Write a view's whole state: what it does not name goes. */
export function writeView(state, push) {
  writeState(Object.fromEntries(VIEW_NAMES.map((name) => [name, state[name] ?? ""])), push);
}

/** A time of the payload as microseconds from the trace's start, and back. */
export const toUs = (value, model) => String(Math.round(value * model.unit) / 1000);
export const fromUs = (text, model) => (Number(text) * 1000) / model.unit;

function checksum(names) {
  let hash = 0x811c;
  const joined = names.join("\0");
  for (let i = 0; i < joined.length; i += 1) hash = ((hash ^ joined.charCodeAt(i)) * 0x0101) & 0xffff;
  return hash.toString(16).padStart(4, "0");
}

/** Jaeger's svcFilter: a checksum of the sorted names and a mask of those shown. */
export function encodeServices(all, shown) {
  if (!shown.length) return "";
  const names = [...all].sort();
  let mask = 0n;
  names.forEach((name, i) => { if (shown.includes(name)) mask |= 1n << BigInt(i); });
  return `${checksum(names)}.${mask.toString(16)}`;
}

/** Names that a svcFilter shows; null when it was made for other services. */
export function decodeServices(all, value) {
  const names = [...all].sort();
  const [sum, mask] = value.split(".");
  if (sum !== checksum(names) || !/^[0-9a-f]+$/i.test(mask ?? "") || mask.length > names.length) return null;
  const bits = BigInt(`0x${mask}`);
  return names.filter((name, i) => (bits >> BigInt(i)) & 1n);
}

/**
 * A name of a row that outlives growth: its id where the payload has ids, else
 * its start, service and operation.
 */
export function rowName(model, row) {
  if (row < 0) return "";
  if (model.header.ids) return model.header.ids[row];
  const start = BigInt(model.header.origin_us) + BigInt(Math.floor((model.start[row] * model.unit) / 1000));
  return `${start} ${model.service(row)[0]} ${model.operation(row)}`;
}

/** Rows of a model for names of rowName; the first of equal ones. */
export function rowsOf(model, names) {
  const found = new Map();
  if (!names.size) return found;
  for (let row = 0; row < model.count; row += 1) {
    const name = rowName(model, row);
    if (names.has(name) && !found.has(name)) found.set(name, row);
  }
  return found;
}

/**
 * Rows for the address: ids, or where the payload has none the trace's size and
 * row numbers, which hold until it grows. "" where they are too many.
 */
export function encodeRows(model, rows) {
  if (!rows.length || rows.length > MAX_ROWS) return "";
  if (model.header.ids) return rows.map((row) => model.header.ids[row]).join(".");
  return `${model.count}@${rows.map((row) => row.toString(36)).join(".")}`;
}

/** Rows that encodeRows wrote; those of a trace that has grown since are left out. */
export function decodeRows(model, words) {
  if (!words) return [];
  const [size, numbers] = words.split("@");
  if (numbers !== undefined) {
    if (Number(size) !== model.count) return [];
    return numbers.split(".").map((word) => parseInt(word, 36)).filter((row) => row >= 0 && row < model.count);
  }
  const wanted = new Set(words.split("."));
  const rows = [];
  if (model.header.ids) model.header.ids.forEach((id, row) => { if (wanted.has(id)) rows.push(row); });
  return rows;
}

/** Collapsed rows for the address, or "all". */
export function encodeCollapsed(model, plan) {
  const rows = [];
  for (let row = 0; row < model.count; row += 1) if (plan.collapsed[row]) rows.push(row);
  return rows.length && rows.length === plan.foldable ? "all" : encodeRows(model, rows);
}

/** Opened repeats by their first rows: those with all members after a "~". */
export function encodeOpened(model, plan) {
  const of = (how) => encodeRows(model, [...plan.opened].filter(([, found]) => found === how).map(([i]) => model.repeats[i].rows[0]));
  const [some, all] = [of("some"), of("all")];
  return all ? `${some}~${all}` : some;
}

/** Open the repeats that encodeOpened wrote. */
export function decodeOpened(model, plan, words) {
  plan.opened.clear();
  const [some, all] = words.split("~");
  for (const [how, rows] of [["some", decodeRows(model, some)], ["all", decodeRows(model, all)]]) {
    for (const row of rows) if (model.repeatOfRow[row] >= 0) plan.opened.set(model.repeatOfRow[row], how);
  }
}
