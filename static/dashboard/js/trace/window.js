// The window of time: axis, overview with handles, zoom.

import { el, text } from "../dom.js";
import { axis, duration } from "../format.js";
import { drawPlot } from "../plot.js";

const BUCKETS = 240;
const LINES = 24;

export class TimeWindow {
  constructor(page, onChange) {
    this.axis = page.querySelector("[data-axis]");
    this.overview = page.querySelector("[data-overview]");
    this.label = page.querySelector("[data-window]");
    this.onChange = onChange;
    this.plot = el("div", { class: "overview-plot" });
    this.plot.style.setProperty("position", "absolute");
    this.plot.style.setProperty("inset", "0");
    this.before = el("span", { class: "outside" });
    this.after = el("span", { class: "outside" });
    this.plot.setAttribute("role", "img");
    this.plot.setAttribute("aria-label", text("overview"));
    this.handles = [0, 1].map((i) => el("span", { class: "handle", role: "slider", tabindex: "0", "aria-label": text(i ? "windowEnd" : "windowStart"), "aria-valuemin": "0", "aria-valuemax": "1000", data: { handle: i }, on: { keydown: (event) => this.key(event, i) } }));
    this.overview.append(this.plot, this.before, this.after, ...this.handles);
    this.overview.addEventListener("pointerdown", (event) => this.drag(event));
    this.overview.addEventListener("wheel", (event) => this.wheel(event, this.overview, 0, this.model.duration), { passive: false });
    this.axis.addEventListener("wheel", (event) => this.wheel(event, this.axis, this.from, this.to), { passive: false });
    this.axis.addEventListener("pointerdown", (event) => this.select(event));
    new ResizeObserver(() => this.ticks()).observe(this.axis);
  }

  show(model) {
    this.model = model;
    this.from = 0;
    this.to = model.duration;
    this.update(false);
  }

  set(from, to, tell = true) {
    const whole = this.model.duration;
    const least = Math.max(whole / 1e9, 1);
    let length = Math.min(Math.max(to - from, least), whole);
    from = Math.min(Math.max(from, 0), whole - length);
    this.from = from;
    this.to = from + length;
    this.update(tell);
  }

  zoom(factor, centre = (this.from + this.to) / 2) {
    this.set(centre - (centre - this.from) * factor, centre + (this.to - centre) * factor);
  }

  pan(share) {
    const step = (this.to - this.from) * share;
    this.set(this.from + step, this.to + step);
  }

  fit(tell = true) { this.set(0, this.model.duration, tell); }

  get whole() { return this.from === 0 && this.to === this.model.duration; }

  update(tell) {
    const whole = this.model.duration;
    const left = (this.from / whole) * 100;
    const right = (this.to / whole) * 100;
    this.before.style.setProperty("left", "0");
    this.before.style.setProperty("width", `${left}%`);
    this.after.style.setProperty("left", `${right}%`);
    this.after.style.setProperty("width", `${100 - right}%`);
    this.handles[0].style.setProperty("left", `${left}%`);
    this.handles[1].style.setProperty("left", `${right}%`);
    const unit = this.model.unit;
    this.label.textContent = `${this.from ? duration(this.from * unit) : "0"} – ${duration(this.to * unit)}`;
    [this.from, this.to].forEach((at, i) => {
      this.handles[i].setAttribute("aria-valuenow", String(Math.round((at / whole) * 1000)));
      this.handles[i].setAttribute("aria-valuetext", at ? duration(at * unit) : "0");
    });
    this.ticks();
    this.onChange(this.from, this.to, tell);
  }

  /** One end of the window by keys: a hundredth of the trace, or ten with Page keys. */
  key(event, end) {
    const share = { ArrowLeft: -0.01, ArrowRight: 0.01, ArrowDown: -0.01, ArrowUp: 0.01, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1 }[event.key];
    if (share === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const by = share * this.model.duration;
    if (end) this.set(this.from, Math.max(this.from + 1, Math.min(this.to + by, this.model.duration)));
    else this.set(Math.min(this.to - 1, Math.max(this.from + by, 0)), this.to);
  }

  ticks() {
    if (!this.model) return;
    const unit = this.model.unit;
    const length = (this.to - this.from) * unit;
    const wanted = Math.max(2, Math.floor(this.axis.clientWidth / 110));
    const raw = length / wanted;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= raw);
    const marks = [];
    for (let at = Math.ceil((this.from * unit) / step) * step; at <= this.to * unit; at += step) {
      const mark = el("span", { text: axis(at, step) });
      mark.style.setProperty("left", `${((at - this.from * unit) / length) * 100}%`);
      marks.push(mark);
    }
    this.axis.replaceChildren(...marks);
  }

  /** The wheel over a scale of times zooms around the pointer; sideways it pans. */
  wheel(event, scale, low, high) {
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) { this.pan(event.deltaX > 0 ? 0.05 : -0.05); return; }
    const box = scale.getBoundingClientRect();
    const at = low + (high - low) * Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    this.zoom(event.deltaY > 0 ? 1.25 : 0.8, Math.min(Math.max(at, this.from), this.to));
  }

  /** Drawing over the axis zooms to what was drawn. */
  select(event) {
    if (event.button) return;
    event.preventDefault();
    const box = this.axis.getBoundingClientRect();
    const share = (e) => Math.min(Math.max((e.clientX - box.left) / box.width, 0), 1);
    const begin = share(event);
    const drawn = el("span", { class: "drawn" });
    this.axis.append(drawn);
    const move = (e) => {
      drawn.style.setProperty("left", `${Math.min(begin, share(e)) * 100}%`);
      drawn.style.setProperty("width", `${Math.abs(share(e) - begin) * 100}%`);
    };
    const stop = (e) => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", stop);
      drawn.remove();
      const [a, b] = [begin, share(e)].sort((x, y) => x - y);
      const length = this.to - this.from;
      if (b - a > 0.005) this.set(this.from + a * length, this.from + b * length);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", stop);
  }

  drag(event) {
    if (event.button) return;
    event.preventDefault();
    const box = this.overview.getBoundingClientRect();
    const at = (e) => Math.min(Math.max((e.clientX - box.left) / box.width, 0), 1) * this.model.duration;
    const handle = event.target.dataset?.handle;
    const begin = at(event);
    const drawn = handle === undefined ? el("span", { class: "drawn" }) : null;
    if (drawn) this.overview.append(drawn);
    const move = (e) => {
      const now = at(e);
      if (handle === "0") this.set(Math.min(now, this.to - 1), this.to, false);
      else if (handle === "1") this.set(this.from, Math.max(now, this.from + 1), false);
      else {
        drawn.style.setProperty("left", `${(Math.min(begin, now) / this.model.duration) * 100}%`);
        drawn.style.setProperty("width", `${(Math.abs(now - begin) / this.model.duration) * 100}%`);
      }
    };
    const stop = (e) => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", stop);
      drawn?.remove();
      const now = at(e);
      if (drawn && Math.abs(now - begin) > this.model.duration / 200) this.set(Math.min(begin, now), Math.max(begin, now));
      else this.onChange(this.from, this.to, true);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", stop);
  }

  /** The picture of all spans: Plotly lines, one per service and band of rows. */
  async picture() {
    const { model } = this;
    const { count, columns, drawn, header } = model;
    const lines = Math.min(count, LINES);
    const seen = new Map();
    for (let row = 0; row < count; row += 1) {
      const line = Math.floor((row * lines) / count);
      const a = Math.floor((drawn[row] / model.duration) * BUCKETS);
      const b = Math.max(a, Math.min(BUCKETS, Math.ceil(((drawn[row] + columns.duration[row]) / model.duration) * BUCKETS)));
      const key = columns.service[row];
      let service = seen.get(key);
      if (!service) seen.set(key, (service = new Map()));
      const id = line * 1024 + a;
      if ((service.get(id) ?? -1) < b) service.set(id, b);
    }
    const data = [];
    for (const [key, bars] of seen) {
      const x = [];
      const y = [];
      for (const [id, b] of bars) {
        const line = Math.floor(id / 1024);
        const a = id % 1024;
        x.push(a, Math.max(b, a + 1), null);
        y.push(-line, -line, null);
      }
      const slot = header.services[key][1];
      data.push({ type: "scatter", mode: "lines", x, y, line: { width: lines > 12 ? 1.6 : 3, color: `var(--svc-${slot})` }, hoverinfo: "skip", connectgaps: false });
    }
    await drawPlot(this.plot, {
      data,
      layout: {
        margin: { l: 0, r: 0, t: 4, b: 4 },
        xaxis: { range: [0, BUCKETS], visible: false },
        yaxis: { range: [-lines + 0.5, 0.5], visible: false },
        hovermode: false,
        dragmode: false,
      },
    });
  }
}
