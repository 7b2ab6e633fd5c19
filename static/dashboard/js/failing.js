// The lines at the top of a page that say which source fails, kept true without a reload.

import { freshPage } from "./dom.js";

const PAUSE_MS = 500;
let timer = null;

async function refresh() {
  timer = null;
  // Every page has these lines; that of the sources is a small one.
  const fresh = (await freshPage(`${document.body.dataset.base}sources`)).querySelector("[data-failing]");
  const old = document.querySelector("[data-failing]");
  if (fresh && old && fresh.textContent !== old.textContent) old.replaceChildren(...document.adoptNode(fresh).childNodes);
}

/** Read the lines again soon; many changes at once are one reading. */
export function failing() {
  timer ??= setTimeout(() => refresh().catch((problem) => console.warn("The state of the sources could not be read", problem)), PAUSE_MS);
}
