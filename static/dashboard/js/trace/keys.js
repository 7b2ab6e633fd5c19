// The keyboard of the trace page: arrows in the grid, Jaeger's letters everywhere.

import { SPAN } from "./plan.js";

/** Listen on the page; app is main.js's. */
export function listen(app, page) {
  page.querySelector("[data-rows]").addEventListener("keydown", (event) => inGrid(app, event));
  document.addEventListener("keydown", (event) => anywhere(app, page, event));
}

function inGrid(app, event) {
  const root = event.target.closest(".span-row");
  if (!root?.spanItem || event.target !== root || event.ctrlKey || event.metaKey || event.altKey) return;
  const item = root.spanItem.row;
  const { plan, grid } = app;
  const place = plan.placeOf(item);
  const screen = Math.max(1, Math.floor(grid.scroller.clientHeight / grid.rowHeight) - 2);
  const to = { ArrowDown: place + 1, ArrowUp: place - 1, PageDown: place + screen, PageUp: place - screen, Home: 0, End: plan.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    const next = plan.rows[Math.min(Math.max(to, 0), plan.length - 1)];
    grid.focus(next);
    if (app.panel.open && plan.kind(next) === SPAN) app.open(next);
  } else if (event.key === "ArrowRight") {
    event.preventDefault();
    if (plan.expandable(item) && plan.closed(item)) app.toggle(item, false, event.shiftKey);
    else if (plan.expandable(item)) grid.focus(plan.rows[Math.min(place + 1, plan.length - 1)]);
    grid.elementOf(grid.focused)?.focus({ preventScroll: true });
  } else if (event.key === "ArrowLeft") {
    event.preventDefault();
    const above = plan.above(place);
    if (plan.expandable(item) && !plan.closed(item)) {
      app.toggle(item, true, event.shiftKey);
      grid.focus(item);
    } else if (above >= 0) grid.focus(above);
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    if (plan.kind(item) === SPAN) app.open(item, true);
    else {
      app.toggle(item);
      grid.focus(plan.placeOf(item) >= 0 ? item : plan.rows[Math.min(place, plan.length - 1)]);
    }
  } else if (event.key === "r" && plan.kind(item) === SPAN) {
    event.preventDefault();
    event.stopPropagation();
    app.reroot(plan.root === item ? -1 : item).then(() => app.remember(true));
  }
}

/** The next or previous span whose bar is in the window of time. */
function nextInWindow(app, by) {
  const { plan, grid, model, time } = app;
  for (let place = plan.placeOf(grid.focused) + by; place >= 0 && place < plan.length; place += by) {
    const item = plan.rows[place];
    if (plan.kind(item) !== SPAN) continue;
    const begin = model.drawn[item];
    if (begin <= time.to && begin + model.columns.duration[item] >= time.from) { grid.focus(item); return; }
  }
}

function scroll(app, by) {
  const { scroller } = app.grid;
  scroller.scrollBy({ top: scroller.clientHeight * 0.9 * by });
}

function anywhere(app, page, event) {
  if ((event.ctrlKey || event.metaKey) && event.key === "b") {
    event.preventDefault();
    page.querySelector("[data-find-input]").focus();
    return;
  }
  if (event.defaultPrevented || event.target.closest("input, textarea, select, dialog[open], [role=tablist], [role=separator]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const far = event.shiftKey ? 1 : 0.1;
  const inRows = event.target.closest(".span-row");
  const actions = {
    "[": () => app.all(false),
    "]": () => app.all(true),
    o: () => app.level(true),
    p: () => app.level(false),
    a: () => app.time.pan(-far),
    A: () => app.time.pan(-far),
    d: () => app.time.pan(far),
    D: () => app.time.pan(far),
    w: () => scroll(app, -1),
    s: () => scroll(app, 1),
    f: () => nextInWindow(app, 1),
    b: () => nextInWindow(app, -1),
    "+": () => app.time.zoom(0.7),
    "=": () => app.time.zoom(0.7),
    "-": () => app.time.zoom(1.4),
    0: () => app.time.fit(),
    n: () => app.finder.step(1),
    N: () => app.finder.step(-1),
    Escape: () => {
      if (app.panel.open || app.inline.open.size) app.close();
      else if (app.grid.lit) { app.grid.lit = null; app.grid.refresh(); } else if (app.finder.wanted) app.finder.set("");
      else if (app.plan.root >= 0) app.reroot(-1);
    },
    // As in Jaeger, where no row has the focus.
    ...(inRows ? {} : {
      ArrowLeft: () => app.time.pan(-far),
      ArrowRight: () => app.time.pan(far),
      ArrowUp: () => app.time.zoom(0.7),
      ArrowDown: () => app.time.zoom(1.4),
    }),
  };
  // The other views have keys of their own; what moves the waterfall waits for it.
  if (page.dataset.view && page.dataset.view !== "waterfall" && !["n", "N", "Escape"].includes(event.key)) return;
  const action = actions[event.key];
  if (!action || (event.key.startsWith("Arrow") && event.target !== document.body)) return;
  event.preventDefault();
  action();
}
