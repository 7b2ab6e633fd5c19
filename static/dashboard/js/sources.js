// The sources page: reads its own table again when the state of a source changes.

import { connect } from "./socket.js";

const PAUSE_MS = 2000;
let timer = null;

async function refresh() {
  timer = null;
  const response = await fetch(location.href, { credentials: "same-origin" });
  if (!response.ok) return;
  // The server's own escaped page; scripts in a parsed document never run.
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-sources]");
  const old = document.querySelector("[data-sources]");
  if (fresh && old && !old.contains(document.activeElement)) old.replaceWith(document.adoptNode(fresh));
}

connect("ws/sources", {
  onReset: () => {},
  onDiff: () => { timer ??= setTimeout(refresh, PAUSE_MS); },
});
