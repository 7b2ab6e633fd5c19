// A small map of the whole picture with the part in sight; drag it to go there.

import { token } from "../plot.js";

export class Minimap {
  constructor(canvas, picture) {
    Object.assign(this, { canvas, picture, frame: 0 });
    canvas.addEventListener("pointerdown", (event) => {
      this.go(event);
      const move = (e) => this.go(e);
      const stop = () => { removeEventListener("pointermove", move); removeEventListener("pointerup", stop); };
      addEventListener("pointermove", move);
      addEventListener("pointerup", stop);
    });
    addEventListener("themechange", () => this.later());
  }

  later() {
    if (!this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  get k() {
    const { width, height } = this.picture.layout;
    return Math.min((this.canvas.clientWidth - 8) / width, (this.canvas.clientHeight - 8) / height);
  }

  draw() {
    const { canvas, picture } = this;
    if (!picture.layout || !canvas.clientWidth) return;
    const ratio = devicePixelRatio || 1;
    if (canvas.width !== canvas.clientWidth * ratio) { canvas.width = canvas.clientWidth * ratio; canvas.height = canvas.clientHeight * ratio; }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    canvas.classList.toggle("in-the-way", this.inTheWay());
    const { k } = this;
    const { view, layout, data } = picture;
    pen.translate(4, 4);
    const [plain, bad, chosen] = [token("--control"), token("--error"), token("--accent")];
    for (const node of data.nodes) {
      const box = layout.boxes.get(node.id);
      if (!box) continue;
      pen.fillStyle = node.id === picture.marks.chosen?.node ? chosen : node.errors && node.error_share >= 0.05 ? bad : plain;
      pen.fillRect(box.x * k, box.y * k, Math.max(2, box.width * k), Math.max(2, box.height * k));
    }
    const scale = view.scale / view.drawn;
    pen.strokeStyle = chosen;
    pen.lineWidth = 1.5;
    const x = Math.max(-3, (-view.x / scale) * k);
    const y = Math.max(-3, (-view.y / scale) * k);
    const right = Math.min(canvas.clientWidth - 5, ((picture.stage.clientWidth - view.x) / scale) * k);
    const bottom = Math.min(canvas.clientHeight - 5, ((picture.stage.clientHeight - view.y) / scale) * k);
    pen.strokeRect(x, y, Math.max(4, right - x), Math.max(4, bottom - y));
  }

  /** Whether the map only covers a node: all is in sight without it. */
  inTheWay() {
    const { view, layout, stage } = this.picture;
    const k = view.scale / view.drawn;
    const { clientWidth: width, clientHeight: height } = stage;
    if (view.x < -1 || view.y < -1 || view.x + layout.width * k > width + 1 || view.y + layout.height * k > height + 1) return false;
    const own = this.canvas.getBoundingClientRect();
    const at = stage.getBoundingClientRect();
    const [left, top] = [own.left - at.left, own.top - at.top];
    return [...layout.boxes.values()].some((box) => (box.x + box.width) * k + view.x > left && box.x * k + view.x < left + own.width && (box.y + box.height) * k + view.y > top);
  }

  go(event) {
    const { picture } = this;
    if (!picture.layout) return;
    const box = this.canvas.getBoundingClientRect();
    const { view } = picture;
    const scale = view.scale / view.drawn;
    const x = ((event.clientX - box.left - 4) / this.k) * scale;
    const y = ((event.clientY - box.top - 4) / this.k) * scale;
    view.pan(picture.stage.clientWidth / 2 - x - view.x, picture.stage.clientHeight / 2 - y - view.y);
  }
}
