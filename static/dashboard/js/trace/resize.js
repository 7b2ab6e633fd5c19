// The name column and the side panel can be made wider, by pointer and by keys.

import { keepValue, keptValue } from "../kept.js";

const STEP = 16;

/**
 * Make an element of role separator resize what a CSS property holds. Widths are
 * kept in the browser; `grows` is 1 where dragging to the right makes it wider.
 */
export function resizable(handle, target, property, { least, most, start, grows = 1, changed }) {
  const key = `spanboard${property}`;
  const read = () => parseFloat(getComputedStyle(target).getPropertyValue(property)) || start;
  const set = (width, keep = true) => {
    const held = Math.round(Math.min(Math.max(width, least), most));
    target.style.setProperty(property, `${held}px`);
    handle.setAttribute("aria-valuenow", String(held));
    if (keep) keepValue(key, String(held));
    changed?.();
  };
  handle.setAttribute("aria-valuemin", String(least));
  handle.setAttribute("aria-valuemax", String(most));
  const stored = Number(keptValue(key));
  if (stored >= least && stored <= most) set(stored, false);
  else handle.setAttribute("aria-valuenow", String(Math.round(read())));
  handle.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    handle.focus();
    const begin = event.clientX;
    const width = read();
    const move = (e) => set(width + (e.clientX - begin) * grows);
    const stop = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", stop);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", stop);
  });
  handle.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (by) set(read() + by * grows);
    else if (event.key === "Home") set(least);
    else if (event.key === "End") set(most);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  handle.addEventListener("dblclick", () => set(start));
}
