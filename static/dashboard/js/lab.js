// The mesh lab: each control is one switch; the newest traces come by themselves.

import { askJson, csrf, data, el, icon, text } from "./dom.js";

const EVERY_MS = 2000;
const base = `${document.body.dataset.base}lab`;
const status = document.querySelector("[data-status]");
let shown = data("switches");
let pending = 0; // changes that are not answered: meanwhile the controls lead

function say(message, failed = false) {
  status.replaceChildren(...(failed ? [icon("error"), " "] : []), message);
}

async function post(path, body) {
  const response = await fetch(`${base}/${path}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() },
  });
  const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
  const answer = isJson ? await response.json() : { error: response.statusText };
  if (!response.ok) throw new Error(answer.error ?? response.statusText);
  return answer;
}

/** Send a change; when it is refused the controls go back to what is so. */
async function change(switches, name) {
  pending += 1;
  try {
    const answer = await post("switch", switches);
    shown = answer.switches;
    say(text("switched", { name }));
    happen(answer);
  } catch (problem) {
    say(text("switchFailed", { text: problem.message }), true);
  } finally {
    pending -= 1;
    if (!pending) reflect();
  }
}

/** The value of a row's controls as the mesh wants it. */
function valueOf(row) {
  const on = row.querySelector("[data-on-switch]").checked;
  const target = row.querySelector("[data-target]")?.value;
  const value = Number(row.querySelector("[data-value]")?.value);
  if (row.dataset.shape === "list") return on ? [target] : [];
  if (row.dataset.shape === "table") return on ? { [target]: value } : {};
  return on ? value : 0;
}

/** Set the controls to what is switched; one that is in use stays as it is. */
function reflect() {
  const set = (control, value) => {
    if (control && control !== document.activeElement) control.value = value;
  };
  for (const row of document.querySelectorAll("[data-row]")) {
    const held = shown[row.dataset.row];
    const on = Array.isArray(held) ? held.length > 0 : typeof held === "object" ? Object.keys(held).length > 0 : Boolean(held);
    row.querySelector("[data-on-switch]").checked = on;
    row.toggleAttribute("data-on", on);
    if (!on) continue;
    if (row.dataset.shape === "number") set(row.querySelector("[data-value]"), held);
    else {
      const target = Array.isArray(held) ? held[0] : Object.keys(held)[0];
      set(row.querySelector("[data-target]"), target);
      if (!Array.isArray(held)) set(row.querySelector("[data-value]"), held[target]);
    }
  }
  for (const row of document.querySelectorAll("[data-caller]")) {
    const mode = shown.forwarding[row.dataset.caller] ?? "all";
    set(row.querySelector("[data-mode]"), mode);
    row.querySelector("[data-mode-text]").textContent = text(`mode:${mode}`);
    row.toggleAttribute("data-on", mode !== "all");
  }
  for (const input of document.querySelectorAll("[data-number]")) set(input, shown[input.dataset.number]);
  for (const input of document.querySelectorAll("[data-weight]")) set(input, shown.weights[input.dataset.weight]);
}

for (const row of document.querySelectorAll("[data-row]")) {
  const name = row.querySelector("[data-title]").textContent;
  row.addEventListener("change", (event) => {
    // A target or number of a switch that is off waits until it is switched on.
    if (!event.target.matches("[data-on-switch]") && !row.querySelector("[data-on-switch]").checked) return;
    change({ [row.dataset.row]: valueOf(row) }, name);
  });
}
for (const row of document.querySelectorAll("[data-caller]")) {
  row.addEventListener("change", () => {
    const forwarding = { ...shown.forwarding, [row.dataset.caller]: row.querySelector("[data-mode]").value };
    change({ forwarding }, row.querySelector("label").textContent);
  });
}
for (const input of document.querySelectorAll("[data-number]")) {
  input.addEventListener("change", () => {
    change({ [input.dataset.number]: Number(input.value) }, input.labels[0].textContent);
  });
}
for (const input of document.querySelectorAll("[data-weight]")) {
  input.addEventListener("change", () => {
    const all = [...document.querySelectorAll("[data-weight]")];
    const weights = Object.fromEntries(all.map((one) => [one.dataset.weight, Number(one.value)]));
    change({ weights }, input.closest("[role=group]").getAttribute("aria-label"));
  });
}
document.querySelector("[data-send]")?.addEventListener("click", async (event) => {
  const count = Number(event.currentTarget.dataset.send);
  try {
    await post("send", { count });
    say(text("sent", { n: count }));
  } catch (problem) {
    say(text("switchFailed", { text: problem.message }), true);
  }
});
document.querySelector("[data-normal]")?.addEventListener("click", (event) => {
  const normal = { forwarding: {}, sampling: 100, weights: { v1: 1, v2: 1, v3: 1 } };
  const empty = { list: () => [], table: () => ({}), number: () => 0 };
  for (const row of document.querySelectorAll("[data-row]")) normal[row.dataset.row] = empty[row.dataset.shape]();
  if (document.querySelector('[data-number="retries"]')) normal.retries = 2;
  change(normal, event.currentTarget.textContent);
});

function traceRow(trace) {
  const facts = [trace.duration_text, trace.spans_text, ...(trace.growing ? [text("growing")] : [])];
  return el("li", { data: { key: trace.key } },
    el("a", { href: trace.url },
      el("span", { class: `chip svc-${trace.slot}` }),
      el("span", { class: "lab-root", text: trace.root_service }),
      el("span", { class: "quiet small", text: facts.join(" · ") }),
      trace.failed_text ? el("span", { class: "failed small" }, icon("error"), ` ${trace.failed_text}`) : null));
}

/** Show what happened meanwhile; a list in use stays as it is. */
function happen(answer) {
  const list = document.querySelector("[data-newest]");
  if (answer.newest.length && !list.matches(":hover") && !list.contains(document.activeElement)) {
    list.replaceChildren(...answer.newest.map(traceRow));
  }
  const visits = document.querySelector("[data-visits]");
  if (!visits) return;
  visits.textContent = answer.visits_text;
  document.querySelector("[data-notes]").replaceChildren(...answer.notes.map((note) => el("li", { text: note })));
  for (const part of answer.parts) {
    const place = document.querySelector(`[data-restarts="${CSS.escape(part.name)}"]`);
    if (place) place.textContent = part.restarts;
  }
}

async function look() {
  if (document.hidden || pending) return;
  try {
    const answer = await askJson(`${base}/state.json`);
    if (answer.kind === "none") {
      say(text("labGone"), true);
      return;
    }
    happen(answer);
    if (pending) return;
    shown = answer.switches;
    reflect();
  } catch (problem) {
    console.warn("The lab could not be read", problem);
  }
}

if (status) {
  setInterval(look, EVERY_MS);
  document.addEventListener("visibilitychange", look);
}
