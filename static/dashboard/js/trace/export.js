// The export menu: files from the server, pictures of the rows made here.

import { text, toast } from "../dom.js";

const MAX_ROWS = 1_000;
const MAX_SIDE = 16_000; // pixels of a canvas

/** Wire the menu; app is main.js's, views are those beside the waterfall. */
export function exportMenu(page, app, views) {
  const menu = page.querySelector("[data-export]");
  if (!menu) return;
  const opener = menu.querySelector("summary");
  const items = () => [...menu.querySelectorAll(".menu-list :is(a, button):not([hidden])")];
  const close = (back) => {
    menu.open = false;
    if (back) opener.focus();
  };
  menu.addEventListener("toggle", () => { if (menu.open) offerSpan(menu, app); });
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      event.preventDefault();
      event.stopPropagation();
      close(true);
      return;
    }
    if (!["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    if (!menu.open) { menu.open = true; offerSpan(menu, app); }
    const all = items();
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? all.length - 1 : at - 1, Home: 0, End: all.length - 1 }[event.key];
    all[(to + all.length) % all.length].focus();
  });
  document.addEventListener("pointerdown", (event) => { if (!menu.contains(event.target)) close(false); });
  menu.addEventListener("focusout", (event) => { if (event.relatedTarget && !menu.contains(event.relatedTarget)) close(false); });
  menu.addEventListener("click", async (event) => {
    const chosen = event.target.closest(".menu-list :is(a, button)");
    if (!chosen) return;
    close(true);
    if (chosen.dataset.exportImage) await image(page, app, views, chosen.dataset.exportImage);
  });
}

/** The chosen span as it was received, where one is chosen. */
function offerSpan(menu, app) {
  const link = menu.querySelector("[data-export-raw]");
  const row = app.grid.selected >= 0 && app.grid.selected < app.model.count ? app.grid.selected : -1;
  link.hidden = row < 0;
  if (row >= 0) link.href = `${app.urls.span}${row}/raw`;
}

async function image(page, app, views, kind) {
  try {
    const { length } = app.plan;
    let picture = kind === "all" ? null : views.picture();
    const name = `trace-${app.model.header.trace_id.slice(0, 16)}-${picture ? views.current : "rows"}`;
    if (!picture) {
      const { rowsPicture } = await import("./rows_svg.js");
      const [from, to] = kind === "all" ? [0, Math.min(length, MAX_ROWS)] : seen(app);
      picture = rowsPicture(page, app, from, to);
    }
    const source = new XMLSerializer().serializeToString(picture);
    if (kind === "png") save(await toPng(source, picture), `${name}.png`);
    else save(new Blob([source], { type: "image/svg+xml" }), `${name}.svg`);
    if (kind === "all" && length > MAX_ROWS) toast(text("exportCut", { n: MAX_ROWS.toLocaleString(), total: length.toLocaleString() }));
  } catch (problem) {
    console.warn(problem);
    toast(text("exportFailed", { text: problem.message }));
  }
}

/** Rows in sight; without a waterfall in sight, as many as a screen holds. */
function seen(app) {
  const [from, to] = app.grid.scroller.clientHeight ? app.grid.seen() : [0, 40];
  return [Math.max(0, from), Math.min(app.plan.length, Math.max(to, from + 1))];
}

async function toPng(source, picture) {
  const [width, height] = ["width", "height"].map((side) => Number(picture.getAttribute(side)));
  const scale = Math.min(2, MAX_SIDE / Math.max(width, height));
  const url = URL.createObjectURL(new Blob([source], { type: "image/svg+xml" }));
  try {
    const drawn = new Image();
    drawn.src = url;
    await drawn.decode();
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.getContext("2d").drawImage(drawn, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("canvas"))), "image/png"));
  } finally {
    URL.revokeObjectURL(url);
  }
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
