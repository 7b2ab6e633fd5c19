// The sources page: reads its own table again when the state of a source changes.

import { freshPage } from "./dom.js";
import { connect } from "./socket.js";

const PAUSE_MS = 2000;
let timer = null;

async function refresh() {
  timer = null;
  const fresh = (await freshPage()).querySelector("[data-sources]");
  const old = document.querySelector("[data-sources]");
  if (fresh && old && !old.contains(document.activeElement)) old.replaceWith(document.adoptNode(fresh));
}

connect("ws/sources", {
  onReset: () => {},
  onDiff: () => { timer ??= setTimeout(() => refresh().catch((problem) => console.warn("The sources could not be read", problem)), PAUSE_MS); },
});
