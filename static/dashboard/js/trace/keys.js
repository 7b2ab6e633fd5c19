// The keyboard of the trace page: arrows in the grid, Jaeger's letters everywhere.

/** Listen on the page; app is main.js's. */
export function listen(app, page) {
  page.querySelector("[data-rows]").addEventListener("keydown", (event) => inGrid(app, event));
  document.addEventListener("keydown", (event) => anywhere(app, page, event));
}

function inGrid(app, event) {
  const root = event.target.closest(".span-row");
  if (!root?.spanItem || event.ctrlKey || event.metaKey || event.altKey) return;
  const { row } = root.spanItem;
  const { visible, model, grid } = app;
  const place = visible.place[row];
  const screen = Math.max(1, Math.floor(grid.scroller.clientHeight / grid.rowHeight) - 2);
  const to = { ArrowDown: place + 1, ArrowUp: place - 1, PageDown: place + screen, PageUp: place - screen, Home: 0, End: visible.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    const next = visible.rows[Math.min(Math.max(to, 0), visible.length - 1)];
    grid.focus(next);
    if (app.panel.open) app.open(next);
  } else if (event.key === "ArrowRight") {
    event.preventDefault();
    if (visible.collapsed[row]) app.toggle(row, false);
    else if (model.subtree[row] > 1) grid.focus(visible.rows[Math.min(place + 1, visible.length - 1)]);
    grid.body.querySelector(`#row-${grid.focused}`)?.focus({ preventScroll: true });
  } else if (event.key === "ArrowLeft") {
    event.preventDefault();
    if (model.subtree[row] > 1 && !visible.collapsed[row]) {
      app.toggle(row, true);
      grid.focus(row);
    } else if (model.parent[row] >= 0) app.reveal(model.parent[row]);
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    app.open(row);
  }
}

function anywhere(app, page, event) {
  if ((event.ctrlKey || event.metaKey) && event.key === "b") {
    event.preventDefault();
    page.querySelector("[data-find-input]").focus();
    return;
  }
  if (event.target.closest("input, textarea, select, dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const far = event.shiftKey ? 1 : 0.1;
  const actions = {
    "[": () => app.all(false),
    "]": () => app.all(true),
    a: () => app.time.pan(-far),
    A: () => app.time.pan(-far),
    d: () => app.time.pan(far),
    D: () => app.time.pan(far),
    w: () => app.time.zoom(0.7),
    s: () => app.time.zoom(1.4),
    n: () => app.finder.step(1),
    N: () => app.finder.step(-1),
    Escape: () => { if (app.panel.open) app.close(); else app.finder.set(""); },
  };
  const action = actions[event.key];
  if (action) { event.preventDefault(); action(); }
}
