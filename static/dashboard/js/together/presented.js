// What a presenter's page shows, and how another page comes to show the same.

import { readState, VIEW_NAMES, writeState } from "../trace/state.js";

const SCROLLERS = ".row-table, .flame, .call-stage";
const SMALL = new Set(["from", "to", "span"]); // what changes while somebody looks around

export class Presented {
  /** app is main.js's; how: apply(state), spans(state), window(state), quietly(f). */
  constructor(page, app, views, how) {
    Object.assign(this, { page, app, views, how });
  }

  get inWaterfall() { return this.views.current === "waterfall"; }

  /** The box that scrolls in a view beside the waterfall. */
  get box() {
    return [...this.page.querySelectorAll(`[data-view-area] > :not([hidden]) :is(${SCROLLERS})`)].find((one) => one.clientHeight) ?? null;
  }

  /** The state of this page, as a message. */
  now() {
    const { grid, model } = this.app;
    const state = { ...readState(), ...this.app.state() };
    for (const name of Object.keys(state)) if (!state[name]) delete state[name];
    return { state, place: this.inWaterfall ? Math.max(0, grid.placeAt(grid.offset())) : this.share(), spans: model.count };
  }

  share() {
    const box = this.box;
    const room = box ? box.scrollHeight - box.clientHeight : 0;
    return room > 0 ? box.scrollTop / room : 0;
  }

  /** Bring this page to a presenter's state; only what differs is done again. */
  async show({ state, place, spans }) {
    const here = { ...readState(), ...this.app.state() };
    const changed = Object.keys(here).filter((name) => (state[name] ?? "") !== here[name]);
    const whole = Object.fromEntries(Object.keys(here).map((name) => [name, state[name] ?? ""]));
    writeState(whole);
    if (changed.some((name) => VIEW_NAMES.includes(name))) await this.views.fromAddress();
    const others = changed.filter((name) => !VIEW_NAMES.includes(name));
    if (others.some((name) => !SMALL.has(name))) await this.how.apply(whole);
    else {
      this.how.window(whole);
      if (others.includes("span")) await this.how.spans(whole);
    }
    this.scroll(place, spans);
  }

  scroll(place, spans) {
    const { grid, model } = this.app;
    if (!this.inWaterfall) {
      const box = this.box;
      if (box) box.scrollTop = place * (box.scrollHeight - box.clientHeight);
    } else if (spans === model.count) { // rows of a trace that has grown since are others
      const row = Math.min(Math.floor(place), grid.plan.length);
      grid.scrollTo(grid.top(row) + (place - row) * grid.rowHeight);
    }
  }
}
