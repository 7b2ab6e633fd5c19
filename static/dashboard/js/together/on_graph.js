// Follow me on the graph page, and the thread of a shared graph.

import { changes } from "../trace/state.js";
import { address, picture } from "../graph/main.js";
import { Follow } from "./follow.js";
import { Thread } from "./thread.js";

const page = document.querySelector("[data-graph]");
const { view } = picture;

/** What a presenter shows of the graph, and how another page comes to show the same. */
const presented = {
  now() {
    const { clientWidth: width, clientHeight: height } = view.stage;
    // The middle of the stage in pixels of the layout at scale 1: stages differ in size.
    const middle = [(width / 2 - view.x) / view.scale, (height / 2 - view.y) / view.scale];
    return { state: { query: String(address.now) }, view: [...middle, view.scale] };
  },
  async show({ state, view: seen }) {
    const next = new URLSearchParams(state.query ?? "");
    if (String(next) !== String(address.now)) {
      const query = String(next);
      history.replaceState(null, "", `${location.pathname}${query ? `?${query}` : ""}`);
      address.take(next, false);
    }
    const { clientWidth: width, clientHeight: height } = view.stage;
    if (!seen || !width) return;
    const [x, y, scale] = seen;
    view.auto = false;
    view.set(width / 2 - x * scale, height / 2 - y * scale, scale);
  },
};

const thread = page.querySelector("[data-thread]");
if (thread) new Thread(thread);
if (page.dataset.follow) {
  const follow = new Follow(page, presented);
  address.told = () => changes.dispatchEvent(new Event("state"));
  picture.told = address.told;
  address.now.delete("follow"); // the tab's memory has it
  follow.start();
}
