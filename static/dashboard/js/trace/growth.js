// A trace that grows: what is kept when it is read again, and what the page says of it.

import { el, freshPage, text } from "../dom.js";
import { rowName, rowsOf } from "./state.js";

/** What to keep when the trace is read again, by names that outlive growth. */
export function kept({ model, plan, grid, time, panel, inline }) {
  const collapsed = new Set();
  plan.collapsed.forEach((closed, row) => { if (closed) collapsed.add(rowName(model, row)); });
  return {
    collapsed,
    repeats: new Map([...plan.opened].map(([i, how]) => [rowName(model, model.repeats[i].rows[0]), how])),
    root: rowName(model, plan.root),
    details: (panel.open ? [panel.row] : inline.rows).map((row) => rowName(model, row)),
    focused: grid.focused < model.count ? rowName(model, grid.focused) : "",
    inGrid: grid.body.contains(document.activeElement),
    window: time.whole ? null : [time.from * model.unit, time.to * model.unit],
    origin: BigInt(model.header.origin_us),
    scroll: grid.scroller.scrollTop,
  };
}

/** Bring the new model to what was kept; rows whose details were open. */
export function restore({ model, plan, grid, time }, old) {
  const rows = rowsOf(model, new Set([...old.collapsed, ...old.repeats.keys(), ...old.details, old.root, old.focused]));
  for (const name of old.collapsed) if (rows.has(name)) plan.collapsed[rows.get(name)] = 1;
  for (const [name, how] of old.repeats) {
    const repeat = rows.has(name) ? model.repeatOfRow[rows.get(name)] : -1;
    if (repeat >= 0) plan.opened.set(repeat, how);
  }
  plan.root = rows.get(old.root) ?? -1;
  grid.focused = rows.get(old.focused) ?? 0;
  if (old.window) {
    const shift = Number(old.origin - BigInt(model.header.origin_us)) * 1000;
    time.set((old.window[0] + shift) / model.unit, (old.window[1] + shift) / model.unit, false);
  }
  return old.details.map((name) => rows.get(name) ?? -1).filter((row) => row >= 0);
}

/** The last line of the rows while more spans are awaited. */
export function waiting(page, model) {
  const line = page.querySelector("[data-waiting]");
  line.hidden = !model.header.growing;
  const open = model.missing.filter((one) => one.state === "open").length;
  line.querySelector("span:last-child").textContent = open ? text("waitingFor", { n: open }) : text("waiting");
}

/** The parts of the page that the server writes: figures, sentences, legend. */
export async function head(page, choices) {
  const fresh = await freshPage();
  const chosen = choices.services;
  for (const name of ["[data-facts]", "[data-title]", "[data-legend-list]"]) {
    const found = fresh.querySelector(name);
    if (found) page.querySelector(name)?.replaceChildren(...document.adoptNode(found).childNodes);
  }
  document.title = fresh.title;
  choices.chooseServices(chosen);
}

/** The badge beside the title: growing, complete or incomplete. */
export function badge(page, message) {
  const made = page.querySelector("[data-growth]");
  made.hidden = false;
  page.querySelector("[data-so-far]")?.toggleAttribute("hidden", !message.growing);
  const [kind, words] = message.growing ? ["ok", "growing"] : message.complete ? ["", "complete"] : ["warn", "incomplete"];
  made.className = `badge ${kind}`;
  made.replaceChildren(...(message.growing ? [el("span", { class: "dot" })] : []), text(words));
}
