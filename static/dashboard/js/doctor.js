// The doctor's page: follows new findings, and copies code.

import { copy, freshPage } from "./dom.js";
import { connect } from "./socket.js";

const PAUSE_MS = 1000;
const EVERY_MS = 5000;
let timer = null;
let reading = false;

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy-code]");
  if (button) copy(button.closest("details").querySelector("code").textContent);
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

/** What is open stays open, and what has the focus stays as it is. */
function renew(old, fresh) {
  if (old.contains(document.activeElement) && old.dataset.part !== "headline") return;
  if (old.textContent === fresh.textContent) return;
  const open = [...old.querySelectorAll("details")].findIndex((one) => one.open);
  fresh.querySelectorAll("details").forEach((one, i) => { one.open = open < 0 ? one.open : i === open; });
  old.replaceWith(document.adoptNode(fresh));
}

async function refresh() {
  timer = null;
  if (reading || document.hidden) return;
  reading = true;
  try {
    const page = await freshPage();
    for (const fresh of page.querySelectorAll("[data-part]")) {
      const old = document.querySelector(`[data-part="${CSS.escape(fresh.dataset.part)}"]`);
      if (old) renew(old, fresh);
    }
  } catch (problem) {
    console.warn("The findings could not be read", problem);
  } finally {
    reading = false;
  }
}

// What the doctor finds is announced like news of the sources.
connect("ws/sources", {
  onReset: () => { timer ??= setTimeout(refresh, PAUSE_MS); },
  onDiff: () => { timer ??= setTimeout(refresh, EVERY_MS); },
});
document.addEventListener("visibilitychange", refresh);
