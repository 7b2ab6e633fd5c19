// Pan, zoom and fit. While a gesture lasts only a CSS transform moves what is drawn;
// at its end the picture is drawn once at the new scale, so text and lines keep their size.

const SETTLE_MS = 160;

export class View {
  /** draw(scale): draw anew at a scale; moved(): the transform changed. */
  constructor(stage, layers, { draw, moved, sizeOf }) {
    Object.assign(this, { stage, layers, draw, moved, sizeOf });
    Object.assign(this, { x: 0, y: 0, scale: 1, drawn: 1, auto: true, frame: 0, timer: 0 });
    this.pointers = new Map();
    this.listen();
  }

  get moving() {
    return this.stage.classList.contains("moving");
  }

  apply() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.place();
    });
  }

  place() {
    const transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale / this.drawn})`;
    for (const layer of this.layers) layer.style.setProperty("transform", transform);
    this.moved();
  }

  /** Set where the view stands and draw for its scale. */
  set(x, y, scale) {
    Object.assign(this, { x, y, scale });
    this.settle();
  }

  settle() {
    clearTimeout(this.timer);
    this.stage.classList.remove("moving");
    if (Math.abs(this.scale / this.drawn - 1) > 1e-3) {
      this.drawn = this.scale;
      this.draw(this.scale);
    }
    this.place();
  }

  later() {
    this.stage.classList.add("moving");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.settle(), SETTLE_MS);
  }

  /** Pan by pixels. */
  pan(dx, dy) {
    this.auto = false;
    this.x += dx;
    this.y += dy;
    this.apply();
  }

  /** Zoom by a factor about a point of the stage. */
  zoom(factor, at = { x: this.stage.clientWidth / 2, y: this.stage.clientHeight / 2 }) {
    const scale = Math.min(4, Math.max(0.06, this.scale * factor));
    const real = scale / this.scale;
    this.auto = false;
    this.x = at.x - (at.x - this.x) * real;
    this.y = at.y - (at.y - this.y) * real;
    this.scale = scale;
    this.apply();
    this.later();
  }

  /** Show all; drawn anew even at the same scale, because the stage may have changed. */
  fit() {
    const size = this.sizeOf();
    if (!size) return;
    this.auto = true;
    const { clientWidth: width, clientHeight: height } = this.stage;
    this.drawn = 0;
    this.set(Math.max(0, (width - size.width) / 2), Math.max(0, (height - size.height) / 2), size.fit);
  }

  /** Bring a box of the layer into sight without changing the scale. */
  reveal(box, margin = 60) {
    const k = this.scale / this.drawn;
    const { clientWidth: width, clientHeight: height } = this.stage;
    const left = this.x + box.x * k;
    const top = this.y + box.y * k;
    let [dx, dy] = [0, 0];
    if (left < margin) dx = margin - left;
    else if (left + box.width * k > width - margin) dx = width - margin - left - box.width * k;
    if (top < margin) dy = margin - top;
    else if (top + box.height * k > height - margin) dy = height - margin - top - box.height * k;
    if (dx || dy) { this.pan(dx, dy); this.settle(); }
  }

  /** A point of the window in pixels of the drawn layer. */
  toLayer(clientX, clientY) {
    const box = this.stage.getBoundingClientRect();
    const k = this.scale / this.drawn;
    return [(clientX - box.left - this.x) / k, (clientY - box.top - this.y) / k];
  }

  listen() {
    this.stage.addEventListener("wheel", (event) => {
      if (event.target.closest("[data-no-gesture]")) return;
      event.preventDefault();
      const box = this.stage.getBoundingClientRect();
      if (event.shiftKey) { this.pan(-event.deltaY || -event.deltaX, 0); this.later(); return; }
      const lines = event.deltaMode === 1 ? 30 : 1;
      this.zoom(Math.exp(-Math.max(-120, Math.min(120, event.deltaY * lines)) * 0.0012), { x: event.clientX - box.left, y: event.clientY - box.top });
    }, { passive: false });
    this.stage.addEventListener("pointerdown", (event) => {
      if (event.button || event.target.closest("[data-no-gesture]")) return;
      this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
      this.travelled = 0;
    });
    addEventListener("pointermove", (event) => this.drag(event));
    for (const name of ["pointerup", "pointercancel"]) addEventListener(name, (event) => this.drop(event));
    // What ends a drag is no click on what lies under it.
    this.stage.addEventListener("click", (event) => {
      if (this.travelled > 4 && event.detail) { event.stopPropagation(); event.preventDefault(); }
      this.travelled = 0;
    }, true);
    new ResizeObserver(() => { if (this.auto) this.fit(); }).observe(this.stage);
  }

  drag(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const [dx, dy] = [event.clientX - last[0], event.clientY - last[1]];
    this.travelled += Math.abs(dx) + Math.abs(dy);
    if (this.travelled <= 4) return;
    this.stage.classList.add("moving");
    if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const before = Math.hypot(last[0] - other[0], last[1] - other[1]);
      const after = Math.hypot(event.clientX - other[0], event.clientY - other[1]);
      const box = this.stage.getBoundingClientRect();
      this.zoom(after / (before || 1), { x: (event.clientX + other[0]) / 2 - box.left, y: (event.clientY + other[1]) / 2 - box.top });
    } else this.pan(dx, dy);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
  }

  drop(event) {
    if (this.pointers.delete(event.pointerId) && !this.pointers.size && this.moving) this.settle();
  }
}
