// Dots that run along the edges in proportion to the rate: at most three on an edge.

import { token } from "../plot.js";
import { along } from "./place.js";

const MOST = 600;
const FRAME_MS = 33;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Dots {
  constructor(canvas, picture) {
    Object.assign(this, { canvas, picture, on: false, last: 0 });
    for (const event of ["visibilitychange"]) document.addEventListener(event, () => this.start());
    still.addEventListener("change", () => this.start());
    addEventListener("themechange", () => { this.colours = null; });
  }

  /** Whether traffic is live, so that dots say something true. */
  set live(value) {
    this.on = value;
    this.start();
  }

  get runs() {
    return this.on && !still.matches && !document.hidden && !this.picture.stage.hidden;
  }

  start() {
    this.canvas.dataset.running = String(this.runs);
    if (!this.runs) { this.clear(); return; }
    this.frame ??= requestAnimationFrame((now) => this.step(now));
  }

  clear() {
    const { canvas } = this;
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  }

  step(now) {
    this.frame = null;
    if (!this.runs) { this.clear(); return; }
    this.frame = requestAnimationFrame((later) => this.step(later));
    if (this.picture.view.moving) { if (this.shown) this.clear(); this.shown = 0; return; }
    if (now - this.last < FRAME_MS || !this.picture.curves) return;
    this.last = now;
    this.draw(now / 1000);
  }

  draw(seconds) {
    const { canvas, picture } = this;
    const { clientWidth: width, clientHeight: height } = picture.stage;
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    this.colours ??= [token("--edge"), token("--error"), token("--surface")];
    const [plain, bad, inner] = this.colours;
    const { view } = picture;
    const k = view.scale / view.drawn;
    this.shown = 0;
    const few = picture.lines.length > 150;
    pen.lineWidth = 1.5;
    pen.fillStyle = inner;
    for (const edge of picture.lines) {
      const points = picture.curves.get(edge.key);
      if (!points || !edge.rate || this.shown >= MOST || (picture.marks.loud && !picture.marks.loud(edge))) continue;
      const count = Math.min(few ? 1 : 3, Math.max(1, Math.round(Math.log10(1 + edge.rate) * 2)));
      // One turn lasts longer on a quiet edge; the phase differs from edge to edge.
      const turn = 1.4 + 4 / (1 + edge.rate);
      const phase = (edge.key.length * 0.37 + edge.key.charCodeAt(edge.key.length - 1) * 0.11) % 1;
      pen.strokeStyle = edge.failing ? bad : plain;
      for (let i = 0; i < count; i += 1) {
        const [px, py] = along(points, (seconds / turn + phase + i / count) % 1);
        const [x, y] = [px * k + view.x, py * k + view.y];
        if (x < -4 || y < -4 || x > width + 4 || y > height + 4) continue;
        pen.beginPath();
        pen.arc(x, y, few ? 2 : 3.2, 0, 7);
        pen.fill();
        pen.stroke();
        this.shown += 1;
      }
    }
    canvas.dataset.dots = this.shown;
  }
}
