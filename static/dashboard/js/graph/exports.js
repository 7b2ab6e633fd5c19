// Exports: the whole picture as one SVG or PNG, and links to the graph as files.

import { svg, text, toast } from "../dom.js";
import { token } from "../plot.js";

const FONT = "Inter, system-ui, sans-serif";
const PNG_SCALE = 2;

function node(name, attributes, words) {
  const made = svg(name, attributes);
  if (words !== undefined) made.textContent = words;
  return made;
}

/** Words cut to a width in px, measured. */
function cut(pen, words, width) {
  if (pen.measureText(words).width <= width) return words;
  let kept = words;
  while (kept && pen.measureText(`${kept}…`).width > width) kept = kept.slice(0, -1);
  return `${kept}…`;
}

/** One node as drawn on the page, in plain SVG. */
function drawNode(pen, layout, box, item, ink) {
  const made = node("g", { transform: `translate(${box.x},${box.y})` });
  made.append(node("title", {}, item.label));
  if (layout.detail === "circle") {
    made.append(node("text", { x: box.width + 3, y: box.height / 2 + 4, "font-size": 11, fill: ink("--ink"), stroke: ink("--canvas"), "stroke-width": 3, "paint-order": "stroke" }, item.label));
    return made;
  }
  const hue = ink(item.slot ? `--svc-${item.slot}` : "--svc-none");
  made.append(node("rect", { width: box.width, height: box.height, rx: 6, fill: ink(item.virtual ? "--canvas" : "--surface"), stroke: ink(item.virtual ? "--control" : "--line-strong"), ...(item.virtual ? { "stroke-dasharray": "4 3" } : {}) }));
  if (!item.virtual) made.append(node("rect", { width: 4, height: box.height, rx: 2, fill: hue }));
  const full = layout.detail === "full";
  let left = 11;
  if (full) {
    const length = 2 * Math.PI * 13;
    made.append(node("circle", { cx: 27, cy: 26, r: 13, fill: "none", stroke: ink("--line-strong"), "stroke-width": 3 }));
    if (item.error_share >= 0.01) made.append(node("circle", { cx: 27, cy: 26, r: 13, fill: "none", stroke: ink("--error"), "stroke-width": 3, "stroke-dasharray": `${Math.max(item.error_share * length, 5)} ${length}`, transform: "rotate(-90 27 26)" }));
    made.append(node("text", { x: 27, y: 29, "font-size": 9, "font-weight": 650, "text-anchor": "middle", fill: ink("--ink") }, item.monogram));
    left = 50;
  }
  const size = full ? 13 : layout.detail === "medium" ? 12 : 11;
  pen.font = `600 ${size}px ${FONT}`;
  made.append(node("text", { x: left, y: full ? 23 : layout.detail === "medium" ? 15 : 16, "font-size": size, "font-weight": 600, fill: ink("--ink") }, cut(pen, item.label, box.width - left - 6)));
  if (layout.detail !== "small") {
    const facts = node("text", { x: left, y: full ? 40 : 29, "font-size": full ? 12 : 11, fill: ink("--ink-3") }, [item.virtual ? item.kind_text : "", item.calls ? item.rate_text : ""].filter(Boolean).join(" · "));
    if (item.errors && item.error_share >= 0.001) facts.append(node("tspan", { fill: ink("--error"), "font-weight": 600 }, ` · ${text("fails", { share: item.error_text })}`));
    made.append(facts);
  }
  if (full) {
    item.versions.forEach((version, i) => {
      const y = 52 + (i + 0.5) * 19 + 4;
      made.append(node("line", { x1: 4, x2: box.width, y1: 52 + i * 19, y2: 52 + i * 19, stroke: ink("--line") }));
      made.append(node("text", { x: 11, y, "font-size": 11, fill: ink("--ink") }, version.version.slice(0, 14)));
      if (version.errors) made.append(node("text", { x: 60, y, "font-size": 11, "font-weight": 600, fill: ink("--error") }, `! ${version.error_text}`));
      made.append(node("text", { x: box.width - 8, y, "font-size": 11, "text-anchor": "end", fill: ink("--ink-3") }, version.rate_text));
    });
  }
  return made;
}

/** The labels of edges, at the places that the page found for them. */
function drawLabel({ said, box, short }, ink) {
  const tones = { bad: "--error", more_errors: "--error", gone: "--error", new: "--accent", added: "--accent", slower: "--warn" };
  const tone = ink(tones[said.name.split(" ").at(-1)] ?? "--ink-2");
  const made = node("g", { transform: `translate(${box.x},${box.y})` });
  made.append(node("rect", { width: box.width, height: box.height, rx: 11, fill: ink("--surface"), stroke: tone }));
  made.append(node("text", { x: box.width / 2, y: 15, "font-size": 12, "font-weight": 600, "text-anchor": "middle", fill: tone }, short ? said.brief ?? "!" : `${said.sign ? "! " : ""}${said.words}`));
  return made;
}

/** The whole picture, cards and labels included, as an SVG element. */
export async function wholePicture(picture) {
  await picture.ready;
  const { layout, data } = picture;
  const { width, height } = layout;
  const ink = (name) => token(name);
  const made = svg("svg", { xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `0 0 ${width} ${height}`, "font-family": FONT });
  made.append(node("title", {}, document.title), node("rect", { width, height, fill: ink("--canvas") }));
  for (const plot of [picture.plot, picture.nodesPlot]) {
    if (plot.hidden) continue;
    const drawn = await globalThis.Plotly.toImage(plot, { format: "svg", width, height });
    const parsed = new DOMParser().parseFromString(decodeURIComponent(drawn.slice(drawn.indexOf(",") + 1)), "image/svg+xml");
    made.append(document.importNode(parsed.documentElement, true));
  }
  const pen = document.createElement("canvas").getContext("2d");
  for (const item of data.nodes) {
    const box = layout.boxes.get(item.id);
    if (layout.detail !== "circle" || picture.cards.cards.get(item.id)?.dataset.label !== "hidden") made.append(drawNode(pen, layout, box, item, ink));
  }
  for (const label of picture.labels.placed ?? []) made.append(drawLabel(label, ink));
  return made;
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function toPng(blob, { width, height }) {
  const url = URL.createObjectURL(blob);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = width * PNG_SCALE;
    canvas.height = height * PNG_SCALE;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((done, fail) => canvas.toBlob((png) => (png ? done(png) : fail(new Error("png"))), "image/png"));
  } finally {
    URL.revokeObjectURL(url);
  }
}

export class Exports {
  constructor(menu, { picture, address }) {
    Object.assign(this, { menu, picture, address });
    menu.addEventListener("toggle", () => this.link());
    menu.addEventListener("click", (event) => {
      const kind = event.target.closest("[data-picture]")?.dataset.picture;
      if (kind) this.picked(kind);
      if (event.target.closest("[data-picture], a")) menu.open = false;
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      event.stopPropagation();
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  }

  /** The files hold what the page shows: same window, level, focus and expressions. */
  link() {
    for (const link of this.menu.querySelectorAll("[data-file]")) link.href = `${document.body.dataset.base}${link.dataset.file}?${this.address.query()}`;
  }

  async picked(kind) {
    if (!this.picture.layout) { toast(text("noPicture")); return; }
    try {
      const made = await wholePicture(this.picture);
      let blob = new Blob([new XMLSerializer().serializeToString(made)], { type: "image/svg+xml" });
      if (kind === "png") blob = await toPng(blob, this.picture.layout);
      save(blob, `service-graph.${kind}`);
    } catch (problem) {
      console.error(problem);
      toast(text("exportFailed", { text: problem.message }));
    }
  }
}
