// The keyboard: arrows walk along the edges, + - 0 zoom, / finds, Esc steps back.

/** The node that an arrow leads to, or null. */
export function next(picture, id, key) {
  const { data, layout } = picture;
  const here = layout.boxes.get(id);
  if (!here) return null;
  if (key === "ArrowRight" || key === "ArrowLeft") {
    const edges = (key === "ArrowRight" ? data.out : data.in).get(id);
    const other = key === "ArrowRight" ? "callee" : "caller";
    const best = edges.filter((edge) => edge[other] !== id).sort((a, b) => b.calls - a.calls)[0];
    return best?.[other] ?? null;
  }
  // Up and down: the nearest one in about the same column, else the nearest at all.
  const way = key === "ArrowDown" ? 1 : -1;
  let best = null;
  let least = Infinity;
  for (const [other, box] of layout.boxes) {
    const dy = (box.cy - here.cy) * way;
    if (other === id || dy <= 1) continue;
    const cost = dy + Math.abs(box.cx - here.cx) * 4;
    if (cost < least) { least = cost; best = other; }
  }
  return best;
}

const ARROWS = ["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"];

/** Listen; act: {find(), back()}. */
export function listenKeys(picture, act) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest?.("input, select, textarea, dialog[open]")) return;
    if (event.key === "/") { event.preventDefault(); act.find(); return; }
    if (event.key === "Escape") { act.back(); return; }
    if (picture.stage.hidden || !picture.layout) return;
    const card = event.target.closest?.(".service-node");
    if (ARROWS.includes(event.key) && (card || event.target === picture.stage)) {
      event.preventDefault();
      const id = card ? next(picture, card.dataset.service, event.key) : picture.current;
      if (id) picture.focus(id);
      return;
    }
    if (event.key === "+" || event.key === "=") picture.view.zoom(1.25);
    else if (event.key === "-") picture.view.zoom(0.8);
    else if (event.key === "0") picture.view.fit();
    else if (event.key === "Home" && card) { event.preventDefault(); picture.focus(picture.entry()); }
  }, true);
}
