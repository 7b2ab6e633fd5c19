// What a trace's page has for several people: notes, the thread of a share, Follow me.

import { Follow } from "./follow.js";
import { Notes } from "./notes.js";
import { Presented } from "./presented.js";
import { Thread } from "./thread.js";

/** The notes of the trace, read once and told to the rows; null where the page has none. */
export function notesOf(page, app) {
  return page.querySelector("[data-notes]") ? new Notes(page, app) : null;
}

/** Wire the rest; how: see Presented. */
export function together(page, app, views, how) {
  const thread = page.querySelector("[data-thread]");
  if (thread) new Thread(thread);
  if (page.dataset.follow) new Follow(page, new Presented(page, app, views, how)).start();
}
