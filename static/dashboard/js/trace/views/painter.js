// Paints the frames in sight on a canvas, in the colours of the tokens.

import { token } from "../../plot.js";
import { firstAfter } from "./frames.js";

export const ROW = 22;
const NARROW = 2; // pixels; narrower frames are drawn together
const LABEL = 36; // pixels that a text needs

export class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.colour = null; // of the theme; null reads them again
    this.boxes = new Map(); // drawn frames
    this.strips = []; // frames drawn together
  }

  colours() {
    const names = ["ink", "ink-2", "ink-3", "surface", "error", "crit", "match", "warn-line", "focus", "line-strong"];
    const found = Object.fromEntries(names.map((name) => [name, token(`--${name}`)]));
    found.service = Array.from({ length: 17 }, (_, slot) => token(slot ? `--svc-${slot}` : "--svc-none"));
    return found;
  }

  /** The canvas in its size, empty. */
  ready(scene) {
    const { canvas } = this;
    const ratio = devicePixelRatio || 1;
    canvas.style.setProperty("width", `${scene.width}px`);
    canvas.style.setProperty("height", `${scene.height}px`);
    const [width, height] = [Math.round(scene.width * ratio), Math.round(scene.height * ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, scene.width, scene.height);
    pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    pen.textBaseline = "middle";
    return pen;
  }

  /** Paint on the canvas, or by another pen with the same verbs. */
  paint(scene, pen = this.ready(scene)) {
    this.scene = scene;
    this.pen = pen;
    this.colour ??= this.colours();
    this.boxes.clear();
    this.strips = [];
    const { frames, zoomed, top } = scene;
    const first = Math.floor(top / ROW);
    const last = Math.min(frames.levels - 1, Math.floor((top + scene.height) / ROW));
    this.from = zoomed < 0 ? 0 : frames.x[zoomed];
    this.scale = scene.width / ((zoomed < 0 ? frames.width : frames.weight[zoomed]) || 1);
    let level = first;
    if (zoomed >= 0 && first < frames.depth[zoomed]) {
      // Above the zoomed frame: its callers, each over the whole width.
      let above = zoomed;
      while (frames.depth[above] > last) above = frames.parent[above];
      for (; above >= 0 && frames.depth[above] >= first; above = frames.parent[above]) {
        if (above !== zoomed) this.frame(above, 0, scene.width, frames.depth[above] * ROW - top, true);
      }
      level = frames.depth[zoomed];
    }
    for (; level <= last; level += 1) this.level(level, level * ROW - top);
  }

  level(level, y) {
    const { frames, width } = this.scene;
    const stop = frames.start[level + 1];
    let strip = null;
    for (let place = firstAfter(frames, level, this.from); place < stop;) {
      const frame = frames.order[place];
      const left = (frames.x[frame] - this.from) * this.scale;
      if (left >= width - 0.01) break;
      const wide = frames.weight[frame] * this.scale;
      if (wide >= NARROW) {
        strip = null;
        this.frame(frame, left, wide, y, false);
        place += 1;
      } else {
        // Over all that ends within the next pixels in one step.
        const next = Math.max(place + 1, firstAfter(frames, level, this.from + (left + NARROW) / this.scale, place));
        if (strip && left - strip.right < NARROW) {
          strip.right = left + NARROW;
          strip.count += next - place;
        } else {
          strip = { left, right: left + NARROW, y, count: next - place };
          this.strips.push(strip);
        }
        this.pen.fillStyle = this.colour["line-strong"];
        this.pen.fillRect(left, y + 4, NARROW - 0.5, ROW - 8);
        place = next;
      }
    }
  }

  frame(frame, left, wide, y, above) {
    const { pen, colour, scene } = this;
    const { frames, model, matches } = scene;
    const row = frames.first[frame];
    const [service, slot] = model.service(row);
    const matched = matches?.[frame] === 1;
    this.boxes.set(frame, { x: left, y, width: wide });
    const inner = Math.max(wide - 1, 1);
    pen.globalAlpha = matches && !matched ? 0.45 : 1;
    pen.fillStyle = matched ? colour.match : colour.service[slot];
    if (!matched) pen.globalAlpha *= above ? 0.14 : 0.3;
    pen.fillRect(left, y + 1, inner, ROW - 4);
    pen.globalAlpha = matches && !matched ? 0.45 : 1;
    pen.fillStyle = colour.service[slot];
    pen.fillRect(left, y + 1, Math.min(3, Math.max(1, inner / 4)), ROW - 4);
    if (matched) { pen.strokeStyle = colour["warn-line"]; pen.strokeRect(left + 0.5, y + 1.5, inner - 1, ROW - 5); }
    let at = left + 7;
    if (wide >= 20 && (frames.errors[frame] || frames.errorsBelow[frame])) {
      this.octagon(at + 6, y + ROW / 2 - 1, frames.errors[frame] > 0);
      at += 17;
    }
    if (left + wide - at > LABEL) this.label(frame, row, service, at, left + wide - 5, y);
    if (scene.critical && frames.criticalBelow[frame] > 0) {
      pen.fillStyle = colour.crit;
      pen.fillRect(left, y + ROW - 3, Math.max(1, Math.min(inner, (inner * frames.criticalBelow[frame]) / (frames.weight[frame] || 1))), 2);
    }
    if (frame === scene.focused) {
      pen.globalAlpha = 1;
      pen.strokeStyle = colour.focus;
      pen.lineWidth = 2;
      pen.strokeRect(left + 1, y + 1, Math.max(inner - 2, 2), ROW - 3);
      pen.lineWidth = 1;
    }
    pen.globalAlpha = 1;
  }

  label(frame, row, service, from, to, y) {
    const { pen, colour, scene } = this;
    const { frames, model } = scene;
    const above = frames.parent[frame];
    const same = above >= 0 && model.columns.service[frames.first[above]] === model.columns.service[row];
    const words = `${same ? "" : `${service} `}${model.operation(row)}${frames.calls[frame] > 1 ? ` × ${frames.calls[frame].toLocaleString()}` : ""}`;
    const fits = Math.ceil((to - from) / 4);
    pen.save();
    pen.beginPath();
    pen.rect(from, y, to - from, ROW);
    pen.clip();
    pen.fillStyle = colour.ink;
    pen.fillText(words.slice(0, fits), from, y + ROW / 2 - 1);
    pen.restore();
  }

  octagon(x, y, full) {
    const { pen, colour } = this;
    const [r, c] = [5.5, 2.3];
    pen.beginPath();
    for (const [dx, dy] of [[-c, -r], [c, -r], [r, -c], [r, c], [c, r], [-c, r], [-r, c], [-r, -c]]) pen.lineTo(x + dx, y + dy);
    pen.closePath();
    if (!full) {
      pen.strokeStyle = colour.error;
      pen.lineWidth = 1.5;
      pen.stroke();
      pen.lineWidth = 1;
      return;
    }
    pen.fillStyle = colour.error;
    pen.fill();
    pen.fillStyle = colour.surface;
    pen.fillRect(x - 0.8, y - 3.2, 1.6, 3.8);
    pen.fillRect(x - 0.8, y + 1.6, 1.6, 1.6);
  }

  /** The frame at a point; below 0 a number of narrow ones; null for none. */
  at(x, y) {
    for (const [frame, box] of this.boxes) if (y >= box.y && y < box.y + ROW && x >= box.x && x < box.x + box.width) return frame;
    const strip = this.strips.find((one) => y >= one.y && y < one.y + ROW && x >= one.left && x < one.right);
    return strip ? -strip.count : null;
  }
}
