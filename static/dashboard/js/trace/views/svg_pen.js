// What the painters ask of a canvas, drawn as SVG; and text that XML can hold.

import { svg } from "../../dom.js";

/** Text without what XML refuses: controls and halves of characters. */
export function clean(words) {
  return String(words).toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");
}

/** An empty picture with a ground. */
export function sheet(width, height, ground, font) {
  const root = svg("svg", { xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `0 0 ${width} ${height}`, "font-family": font });
  root.append(svg("rect", { width, height, fill: ground }));
  return root;
}

/** The part of a canvas' context that Painter uses. */
export class SvgPen {
  constructor(root) {
    this.root = root;
    this.fillStyle = this.strokeStyle = "#000";
    this.lineWidth = 1;
    this.globalAlpha = 1;
    this.points = [];
    this.box = this.clipped = null;
  }

  add(name, attributes) {
    const made = svg(name, { ...attributes, ...(this.globalAlpha < 1 ? { opacity: this.globalAlpha.toFixed(3) } : {}) });
    this.root.append(made);
    return made;
  }

  place(x, y, width, height) { return { x: x.toFixed(2), y: y.toFixed(2), width: Math.max(width, 0).toFixed(2), height: Math.max(height, 0).toFixed(2) }; }

  fillRect(...box) { this.add("rect", { ...this.place(...box), fill: this.fillStyle }); }

  strokeRect(...box) { this.add("rect", { ...this.place(...box), fill: "none", stroke: this.strokeStyle, "stroke-width": this.lineWidth }); }

  beginPath() { this.points = []; }

  lineTo(x, y) { this.points.push(`${x.toFixed(2)} ${y.toFixed(2)}`); }

  closePath() {}

  path(attributes) { this.add("path", { d: `M${this.points.join("L")}Z`, ...attributes }); }

  fill() { this.path({ fill: this.fillStyle }); }

  stroke() { this.path({ fill: "none", stroke: this.strokeStyle, "stroke-width": this.lineWidth }); }

  rect(...box) { this.box = box; }

  clip() { this.clipped = this.box; }

  save() {}

  restore() { this.clipped = null; }

  fillText(words, x, y) {
    const made = svg("text", { x: x.toFixed(2), y: y.toFixed(2), fill: this.fillStyle, "font-size": 12, "dominant-baseline": "central", direction: "ltr" });
    made.textContent = clean(words);
    if (!this.clipped) { this.root.append(made); return; }
    // A picture in the picture cuts what is beyond its edges.
    const [left, top, width, height] = this.clipped;
    const inner = svg("svg", { ...this.place(left, top, width, height), viewBox: `${left} ${top} ${Math.max(width, 1)} ${height}` });
    inner.append(made);
    this.root.append(inner);
  }
}
