// Replay: a slider over the stored window with the rates as a band under it.

import { text } from "../dom.js";
import { drawBand } from "./band.js";

const AGAIN_MS = 20_000;
const MINUTE_US = 60_000_000;

/** A moment in words: the day only where it is not today. */
export function momentText(us) {
  const at = new Date(us / 1000);
  const lang = document.documentElement.lang;
  const time = at.toLocaleTimeString(lang, { hour: "2-digit", minute: "2-digit", hour12: false });
  return at.toDateString() === new Date().toDateString() ? time : `${at.toLocaleDateString(lang, { weekday: "short", day: "numeric", month: "short" })} ${time}`;
}

export class Replay {
  /** preview(at): show a moment without going there; shown(): the data on the page. */
  constructor(root, { address, preview, shown }) {
    Object.assign(this, { root, address, preview, shown, band: null, playing: 0, dragging: false });
    const part = (name) => root.querySelector(`[data-${name}]`);
    Object.assign(this, { slider: part("moment"), window: part("band-window"), words: part("moment-text"), plot: part("band"), playButton: part("play"), speed: part("speed"), liveButton: part("live-button") });
    this.slider.addEventListener("input", () => { this.dragging = true; this.mark(this.at); this.throttle(); });
    this.slider.addEventListener("change", () => { this.dragging = false; this.pause(); this.go(this.at); });
    this.playButton.addEventListener("click", () => (this.playing ? this.pause() : this.play()));
    for (const button of root.querySelectorAll("[data-step]")) button.addEventListener("click", () => { this.pause(); this.step(Number(button.dataset.step)); });
    this.speed.addEventListener("change", () => address.go({ speed: this.speed.value === "1" ? null : this.speed.value }, { inPlace: true }));
    this.liveButton.addEventListener("click", () => { this.pause(); address.go({ at: null, start: null, end: null, lookback: this.before ?? address.get("lookback") }); });
    setInterval(() => { if (!document.hidden && this.shown().live && !this.playing) this.load(); }, AGAIN_MS);
  }

  /** Read the band of the whole stored window. */
  async load() {
    const source = this.address.get("source");
    const path = this.root.dataset.bandUrl;
    if (!path) { this.show(); return; }
    const url = `${path}${source ? `?source=${encodeURIComponent(source)}` : ""}`;
    try {
      const response = await fetch(url, { credentials: "same-origin" });
      if (!response.ok) throw new Error(String(response.status));
      this.band = await response.json();
    } catch (problem) {
      // The window's own band still shows what is on the page.
      console.warn(problem);
      this.band = null;
    }
    this.show();
  }

  /** Draw the band and where the page stands in it. */
  show() {
    const data = this.shown();
    if (data.live) this.kept = data.band;
    const own = this.kept ?? data.band;
    const starts = own ? own.requests.map((_, i) => (own.first_minute[0] + i) * MINUTE_US) : [];
    this.now = this.band?.start_us.length ? this.band : { step_us: MINUTE_US, start_us: starts, requests: own?.requests ?? [], failed: own?.failed ?? [] };
    const { start_us: at, requests, failed } = this.now;
    const state = `${at[0]} ${at.length} ${requests.at(-1)} ${failed.at(-1)} ${requests.length}`;
    if (state !== this.drawn) { this.drawn = state; drawBand(this.plot, this.now, this.span); }
    const last = Math.max(0, Math.round((this.end - this.first) / MINUTE_US) - 1);
    this.slider.max = last;
    this.slider.disabled = last < 1;
    this.liveButton.setAttribute("aria-pressed", String(Boolean(data.live)));
    this.speed.value = this.address.get("speed") || "1";
    if (!this.dragging) {
      this.slider.value = data.live ? last : Math.round((data.end_us - this.first) / MINUTE_US) - 1;
      this.mark(null);
    }
  }

  get first() {
    return this.now.start_us[0] ?? 0;
  }

  get end() {
    return (this.now.start_us.at(-1) ?? 0) + this.now.step_us;
  }

  get span() {
    return [this.first / 1000, this.end / 1000];
  }

  /** The moment under the slider, µs. */
  get at() {
    return this.first + Number(this.slider.value) * MINUTE_US;
  }

  /** Show the window that ends with a moment's minute; null: that of the page. */
  mark(at) {
    const data = this.shown();
    const end = at === null ? data.end_us : at + MINUTE_US;
    const length = this.address.get("at") ? data.end_us - data.start_us : MINUTE_US;
    const start = at === null ? data.start_us : end - length;
    const share = (us) => Math.max(0, Math.min(1, (us - this.first) / Math.max(this.end - this.first, 1)));
    this.window.style.setProperty("left", `${share(start) * 100}%`);
    this.window.style.setProperty("width", `${Math.max(0, share(end) - share(start)) * 100}%`);
    const words = data.live && at === null ? text("liveNow") : text("fixedWindow", { from: momentText(start), to: momentText(end) });
    this.words.textContent = words;
    this.slider.setAttribute("aria-valuetext", words);
  }

  go(at, options) {
    const changes = { at, start: null, end: null };
    // A replay goes by single minutes until another length is chosen.
    if (!this.address.get("at")) { this.before = this.address.get("lookback"); changes.lookback = null; }
    this.address.go(changes, options);
  }

  throttle() {
    if (this.waiting) return;
    this.waiting = setTimeout(() => { this.waiting = 0; if (this.dragging) this.preview(this.at); }, 120);
  }

  /** One minute on or back; the first and the last stay. */
  step(way, options) {
    const data = this.shown();
    const now = data.live ? this.end : data.end_us;
    const at = now - MINUTE_US + way * MINUTE_US;
    if (at < this.first || at >= this.end) return false;
    this.go(at, options);
    return true;
  }

  play() {
    this.playing = 1;
    this.button();
    // From the end it starts at the beginning; only the first step is one of the history.
    const data = this.shown();
    const over = data.live || data.end_us >= this.end;
    const busy = Math.max(0, this.now.requests.findIndex((count) => count > 0));
    if (over) this.go(this.now.start_us[busy] ?? this.first);
    else this.step(1);
  }

  /** The page shows a moment: the next one follows while playing. */
  arrived() {
    if (!this.playing) return;
    clearTimeout(this.playing);
    this.playing = setTimeout(() => { if (!this.step(1, { inPlace: true })) this.pause(); }, 1000 / Number(this.speed.value || 1));
  }

  pause() {
    clearTimeout(this.playing);
    this.playing = 0;
    this.button();
  }

  button() {
    this.playButton.setAttribute("aria-pressed", String(Boolean(this.playing)));
    this.playButton.setAttribute("aria-label", text(this.playing ? "pause" : "play"));
  }
}
