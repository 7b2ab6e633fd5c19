// Times of logs for the rows in sight; asked for when the rows stand still.

const PAUSE_MS = 120;
const FRAME = 256;
const MOST = 32; // frames of one question

export class Events {
  /** arrived() is called when more times are known. */
  constructor(url, arrived) {
    this.url = url;
    this.arrived = arrived;
    this.clear();
  }

  /** Forget everything, for a trace that has grown. */
  clear() {
    this.times = new Map();
    this.asked = new Set();
    this.ticket = (this.ticket ?? 0) + 1;
  }

  of(row) { return this.times.get(row); }

  /** These rows are in sight. */
  want(rows) {
    if (!this.url) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(rows()), PAUSE_MS);
  }

  async ask(rows) {
    const frames = [...new Set(rows.map((row) => Math.floor(row / FRAME)))].filter((frame) => !this.asked.has(frame)).slice(0, MOST);
    if (!frames.length) return;
    for (const frame of frames) this.asked.add(frame);
    const { ticket } = this;
    const response = await fetch(`${this.url}?frames=${frames.join(",")}`, { credentials: "same-origin" }).catch(() => null);
    if (ticket !== this.ticket) return;
    if (!response?.ok) {
      // Marks are an extra: the next scroll asks again.
      for (const frame of frames) this.asked.delete(frame);
      return;
    }
    const { events } = await response.json();
    let some = false;
    for (const [row, times] of Object.entries(events)) {
      this.times.set(Number(row), times);
      some = true;
    }
    if (some) this.arrived();
  }
}
