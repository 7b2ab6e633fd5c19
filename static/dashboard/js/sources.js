// The sources page: keeps the figures of each source true; forms in use stay as they are.

import { freshPage } from "./dom.js";
import { connect } from "./socket.js";

const PAUSE_MS = 1000;
const EVERY_MS = 2000; // while a past window is fetched; else less often
const SELDOM_MS = 6000;
let timer = null;
let reading = false;

/** Put fresh figures in the place of old ones; what is open stays open, the focus stays. */
function renew(old, fresh) {
  for (const open of old.querySelectorAll("details[data-keep][open]")) {
    fresh.querySelector(`[data-keep="${CSS.escape(open.dataset.keep)}"]`)?.setAttribute("open", "");
  }
  if (old.contains(document.activeElement)) return;
  old.replaceWith(document.adoptNode(fresh));
}

async function refresh() {
  timer = null;
  if (reading || document.hidden) return;
  reading = true;
  try {
    const page = await freshPage(`${document.body.dataset.base}sources`);
    const shown = [...document.querySelectorAll("[data-source]")].map((row) => row.dataset.source);
    const there = [...page.querySelectorAll("[data-source]")].map((row) => row.dataset.source);
    const list = document.querySelector("[data-sources]");
    const freshList = page.querySelector("[data-sources]");
    if (shown.join() !== there.join() && list && freshList && !list.contains(document.activeElement)) {
      list.replaceWith(document.adoptNode(freshList));
      return;
    }
    for (const fresh of page.querySelectorAll("[data-part]")) {
      const old = document.querySelector(`[data-part="${CSS.escape(fresh.dataset.part)}"]`);
      if (old) renew(old, fresh);
    }
  } catch (problem) {
    console.warn("The sources could not be read", problem);
  } finally {
    reading = false;
  }
}

connect("ws/sources", {
  onReset: () => {},
  onDiff: () => { timer ??= setTimeout(refresh, PAUSE_MS); },
});
let last = Date.now();
setInterval(() => {
  const going = document.querySelector('[data-state="running"], [data-state="waiting"]');
  if (!going && Date.now() - last < SELDOM_MS) return;
  last = Date.now();
  refresh();
}, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
