// A treegrid over table rows that the server made: one tab stop, arrows, folding.

const level = (row) => Number(row.getAttribute("aria-level"));

/** Give a table with rows of aria-level its keys; returns {shown} to be called when rows were hidden. */
export function treegrid(table) {
  const rows = [...table.querySelectorAll("tbody tr[aria-level]")];
  const seen = () => rows.filter((row) => !row.hidden);

  function focus(row) {
    if (!row) return;
    for (const other of rows) other.tabIndex = -1;
    row.tabIndex = 0;
    row.focus();
  }

  /** Rows below a row. */
  function below(row) {
    const found = [];
    for (const other of rows.slice(rows.indexOf(row) + 1)) {
      if (level(other) <= level(row)) break;
      found.push(other);
    }
    return found;
  }

  /** Hide what lies below closed rows, and what "keep" refuses. */
  function shown(keep = () => true) {
    let closed = Infinity;
    for (const row of rows) {
      if (level(row) <= closed) closed = Infinity;
      row.hidden = level(row) > closed || !keep(row);
      if (closed === Infinity && row.getAttribute("aria-expanded") === "false") closed = level(row);
    }
    const stop = rows.find((row) => row.tabIndex === 0);
    if (stop?.hidden) {
      stop.tabIndex = -1;
      const first = seen()[0];
      if (first) first.tabIndex = 0;
    }
  }

  let last = () => true;
  function fold(row, open) {
    row.setAttribute("aria-expanded", String(open));
    shown(last);
  }

  table.addEventListener("keydown", (event) => {
    const row = event.target.closest("tr[aria-level]");
    if (!row || event.altKey || event.ctrlKey || event.metaKey || event.target !== row) return;
    const list = seen();
    const at = list.indexOf(row);
    const open = row.getAttribute("aria-expanded");
    if (event.key === "ArrowDown") focus(list[at + 1]);
    else if (event.key === "ArrowUp") focus(list[at - 1]);
    else if (event.key === "Home") focus(list[0]);
    else if (event.key === "End") focus(list[list.length - 1]);
    else if (event.key === "ArrowRight" && open === "false") fold(row, true);
    else if (event.key === "ArrowRight" && open === "true") focus(below(row).find((other) => !other.hidden));
    else if (event.key === "ArrowLeft" && open === "true") fold(row, false);
    else if (event.key === "ArrowLeft") focus(list.slice(0, at).reverse().find((other) => level(other) < level(row)));
    else if (event.key === "Enter" && open !== null) fold(row, open === "false");
    else return;
    event.preventDefault();
  });
  table.addEventListener("click", (event) => {
    const row = event.target.closest("tr[aria-level]");
    if (!row || event.target.closest("a")) return;
    if (event.target.closest("[data-caret]")) fold(row, row.getAttribute("aria-expanded") === "false");
    focus(row);
  });
  return {
    below,
    shown(keep) {
      last = keep;
      shown(keep);
    },
  };
}
