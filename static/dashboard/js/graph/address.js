// The page's state is its address: parameters, history, and what goes to the server.

/** Parameters that only the page reads; the server's data do not depend on them. */
const OF_THE_PAGE = ["node", "caller", "callee", "view", "uiEmbed", "uiTheme", "uiFind", "speed", "paths", "operation", "questions", "without", "follow"];
const OF_PATHS = ["lookback", "start", "end", "at", "source"];
const OF_DIFF = ["base", "base_start", "base_end", "base_source", "base_version", "version", "service"];

export class Address {
  /** changed(before, after, back): the address changed; back when the reader went back or forward. */
  constructor(changed) {
    this.changed = changed;
    this.now = new URLSearchParams(location.search);
    addEventListener("popstate", () => this.take(new URLSearchParams(location.search), true));
  }

  take(next, back) {
    const before = this.now;
    this.now = next;
    this.changed(before, next, back);
    this.told?.(); // a presenter's page
  }

  get(name) {
    return this.now.get(name) ?? "";
  }

  all(name) {
    return this.now.getAll(name);
  }

  /** The address with changes: {name: value | [values] | null}. */
  with(changes) {
    const next = new URLSearchParams(this.now);
    for (const [name, value] of Object.entries(changes)) {
      next.delete(name);
      if (Array.isArray(value)) for (const one of value) next.append(name, one);
      else if (value !== null && value !== undefined && value !== "") next.set(name, value);
    }
    return next;
  }

  /** Go to the address with changes; in place leaves no step in the history. */
  go(changes, { inPlace = false } = {}) {
    const next = this.with(changes);
    if (String(next) === String(this.now)) return;
    const query = String(next);
    history[inPlace ? "replaceState" : "pushState"](null, "", `${location.pathname}${query ? `?${query}` : ""}`);
    this.take(next, false);
  }

  /** The parameters that decide what the server answers for the graph. */
  query(diff = this.comparing) {
    const found = new URLSearchParams();
    for (const [name, value] of this.now) if (!OF_THE_PAGE.includes(name) && (diff || !OF_DIFF.includes(name))) found.append(name, value);
    return String(found);
  }

  /** What to ask the server for: the graph, a comparison, or the paths through a service. */
  request() {
    const through = this.get("paths");
    if (!through) return `${this.comparing ? "graph/diff.json" : "graph.json"}?${this.query()}`;
    const asked = new URLSearchParams({ service: through });
    if (this.get("operation")) asked.set("operation", this.get("operation"));
    for (const name of OF_PATHS) if (this.get(name)) asked.set(name, this.get(name));
    return `graph/paths.json?${asked}`;
  }

  /** Whether two windows, versions or sources are compared. */
  get comparing() {
    return ["base", "base_start", "base_source", "base_version"].some((name) => this.now.has(name));
  }
}
