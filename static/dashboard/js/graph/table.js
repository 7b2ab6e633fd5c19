// The table twin: the same data as rows, sortable by click and key, kept in place while live.

import { el, icon, text } from "../dom.js";

/** A table whose columns are [name, numeric, cell(item)]; rows by key stay the same elements. */
export class Twin {
  constructor(body, columns, { keyOf, dress, start }) {
    Object.assign(this, { body, columns, keyOf, dress });
    this.sort = start;
    this.rows = new Map();
    this.table = body.closest("table");
    for (const row of body.rows) this.rows.set(row.dataset.key ?? "", row);
    if (this.rows.has("")) { this.rows.clear(); body.replaceChildren(); }
    this.table.querySelectorAll("[data-sort]").forEach((button) => button.addEventListener("click", () => {
      const same = this.sort.key === button.dataset.sort;
      this.sort = { key: button.dataset.sort, down: same ? !this.sort.down : this.columns[button.dataset.sort].down };
      this.show(this.items, true);
    }));
  }

  show(items, order = false) {
    this.items = items;
    for (const head of this.table.querySelectorAll("[data-sort]")) {
      const th = head.closest("th");
      if (head.dataset.sort === this.sort.key) th.setAttribute("aria-sort", this.sort.down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    }
    const seen = new Set();
    let grown = false;
    for (const item of items) {
      const id = this.keyOf(item);
      seen.add(id);
      let row = this.rows.get(id);
      if (!row) { row = el("tr", { tabindex: "0", data: { key: id } }); this.rows.set(id, row); grown = true; }
      const cells = Object.values(this.columns).map((column) => column.words(item));
      const now = cells.map((cell) => (Array.isArray(cell) ? cell.join() : cell)).join("\0");
      if (row.shown !== now) {
        row.shown = now;
        row.replaceChildren(...Object.values(this.columns).map((column, i) => {
          const td = el("td", { class: column.name ?? "number" });
          if (column.make) td.append(column.make(item) ?? "–");
          else td.textContent = cells[i];
          return td;
        }));
      }
      this.dress(row, item);
    }
    for (const [id, row] of this.rows) if (!seen.has(id)) { row.remove(); this.rows.delete(id); }
    // Rows do not slide under the pointer or the focus; the next sort puts them right.
    const busy = this.body.matches(":hover") || this.body.contains(document.activeElement);
    if (order || grown || !busy) this.order(items);
  }

  order(items) {
    const { value } = this.columns[this.sort.key];
    const way = this.sort.down ? -1 : 1;
    const sorted = [...items].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      return way * (typeof x === "number" ? x - y : String(x).localeCompare(String(y)));
    });
    const rows = sorted.map((item) => this.rows.get(this.keyOf(item)));
    if (rows.every((row, i) => this.body.rows[i] === row)) return;
    const had = this.body.contains(document.activeElement) ? document.activeElement : null;
    this.body.append(...rows);
    had?.focus({ preventScroll: true });
  }
}

function share(item) {
  return item.errors ? el("span", { class: "failed" }, icon("error"), ` ${item.error_text}`) : null;
}

const figures = {
  errors: { value: (item) => item.error_share, words: (item) => `${item.errors} ${item.error_text}`, make: share, down: true },
  p50_us: { value: (item) => item.p50_us, words: (item) => item.p50_text, down: true },
  p95_us: { value: (item) => item.p95_us, words: (item) => item.p95_text, down: true },
};

/** Both tables of the page; label(id) is a node's name. */
export function twins(page, label) {
  const edges = new Twin(page.querySelector("[data-edges]"), {
    caller: { value: (e) => label(e.caller), words: (e) => label(e.caller), name: "", down: false },
    callee: { value: (e) => label(e.callee), words: (e) => label(e.callee), name: "", down: false },
    calls: { value: (e) => e.calls, words: (e) => e.calls_text, down: true },
    rate: { value: (e) => e.rate, words: (e) => e.rate_text, down: true },
    ...figures,
  }, {
    keyOf: (edge) => edge.id,
    start: { key: "calls", down: true },
    dress(row, edge) {
      row.className = `dependency-edge${edge.failing ? " failing" : ""}${edge.found ? " found" : ""}`;
      Object.assign(row.dataset, { caller: edge.caller, callee: edge.callee, calls: edge.calls, errors: edge.errors });
    },
  });
  const nodes = new Twin(page.querySelector("[data-nodes]"), {
    label: { value: (n) => n.label, words: (n) => [n.label, n.slot], name: "", down: false, make: (n) => el("span", { class: `chip svc-${n.slot}`, text: n.label }) },
    kind: { value: (n) => n.kind_text, words: (n) => (n.members ? text("members", { n: n.members }) : n.kind_text), name: "quiet", down: false },
    group: { value: (n) => n.group, words: (n) => n.group || "–", name: "quiet", down: false },
    rate: { value: (n) => n.rate, words: (n) => n.rate_text, down: true },
    ...figures,
  }, {
    keyOf: (node) => node.id,
    start: { key: "rate", down: true },
    dress(row, node) {
      row.className = `node-row${node.found ? " found" : ""}`;
      Object.assign(row.dataset, { node: node.id });
    },
  });
  return { edges, nodes };
}
