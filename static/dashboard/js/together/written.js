// What people wrote, as elements: from the server's plain data, never from markup.

import { csrf, el } from "../dom.js";

const NAMES = { p: "p", li: "li", quote: "blockquote", pre: "pre" };

function runOf(run) {
  let made = run.code ? el("code", { text: run.text }) : document.createTextNode(run.text);
  if (typeof run.href === "string" && /^https?:\/\//.test(run.href)) {
    made = el("a", { href: run.href, rel: "nofollow noopener noreferrer ugc", target: "_blank" }, made);
  }
  if (run.italic) made = el("em", {}, made);
  if (run.bold) made = el("strong", {}, made);
  return made;
}

/** The blocks of a note or comment; list items that follow one another are one list. */
export function writtenParts(blocks) {
  const parts = [];
  for (const block of blocks) {
    const made = el(NAMES[block.kind] ?? "p", {}, ...block.runs.map(runOf));
    if (block.kind !== "li") parts.push(made);
    else if (parts.at(-1)?.localName === "ul") parts.at(-1).append(made);
    else parts.push(el("ul", {}, made));
  }
  return parts;
}

/** Send a form of ours; the answer, or an Error with what the server said. */
export async function post(url, fields = {}) {
  const response = await fetch(url, { method: "POST", body: new URLSearchParams(fields), headers: { "X-CSRFToken": csrf(), Accept: "application/json" }, credentials: "same-origin" });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `status ${response.status}`);
  return answer;
}

/** A menu that closes by a click beside it and by Escape. */
export function closesBeside(menu) {
  document.addEventListener("pointerdown", (event) => { if (menu.open && !menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.stopPropagation();
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

/** A text field with a button; send(text) may raise, which is shown. */
export function writingForm({ label, button, value = "", longest, send, cancel = null }) {
  const area = el("textarea", { class: "input", rows: "2", maxlength: String(longest), "aria-label": label, placeholder: label });
  area.value = value;
  const problem = el("p", { class: "small failed", role: "alert", hidden: true });
  const form = el("form", { class: "write" }, area, problem, el("span", { class: "write-acts" }, el("button", { class: "button", text: button }), cancel ? el("button", { class: "button quiet-button", type: "button", text: cancel.label, on: { click: cancel.action } }) : null));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!area.value.trim()) { area.focus(); return; }
    problem.hidden = true;
    try {
      await send(area.value);
      area.value = "";
    } catch (fault) {
      problem.textContent = fault.message;
      problem.hidden = false;
    }
  });
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); }
    if (event.key !== "Escape") event.stopPropagation(); // letters are no shortcuts here
  });
  return form;
}
