// The search form: the line and the fields are two faces of one query.

import { data, el } from "./dom.js";
import { LineWords } from "./search_words.js";

const form = document.querySelector("[data-search]");
const faces = Object.fromEntries([...form.querySelectorAll("[data-face]")].map((one) => [one.dataset.face, one]));
const buttons = [...form.querySelectorAll("[data-face-of]")];
const line = faces.line.querySelector("[name=q]");
const fields = Object.fromEntries([...faces.form.elements].map((one) => [one.name, one]));
const problem = document.querySelector("[data-line-problem]");
const KEY = "spanboard-search-face";
let current = "line";
let dirty = false;

function show(face) {
  current = face;
  for (const [name, place] of Object.entries(faces)) place.hidden = place.disabled = name !== face;
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.faceOf === face));
}

/** Say what is wrong with the line, with a mark below the place. */
function tell(answer) {
  for (const old of document.querySelectorAll("[data-problem]")) old.remove();
  problem.hidden = !answer;
  if (!answer) return;
  problem.querySelector("span").textContent = answer.error;
  const mark = problem.querySelector(".caret");
  mark.hidden = !answer.caret;
  mark.textContent = (answer.caret ?? []).join("\n");
}

/** The other face of what stands in this one; false where it can not be read. */
async function translate() {
  const asked = new URLSearchParams();
  for (const field of faces[current].elements) if (field.name && field.value) asked.append(field.name, field.value);
  let answer;
  try {
    answer = await (await fetch(`${form.dataset.lineUrl}?${asked}`, { credentials: "same-origin" })).json();
  } catch (failure) {
    answer = { error: String(failure.message ?? failure) };
  }
  tell(answer.error ? answer : null);
  if (answer.error) return false;
  line.value = answer.line;
  for (const [name, value] of Object.entries(answer.form)) fields[name].value = value;
  return true;
}

async function turn(face) {
  if (face === current) return;
  if (dirty && !await translate()) { faces[current].querySelector("[name=q]").focus(); return; }
  dirty = false;
  show(face);
  offerOperations();
  try { localStorage.setItem(KEY, face); } catch { /* a browser that keeps nothing */ }
  faces[face].querySelector("input").focus();
}

/** The operations offered follow the service chosen. */
function offerOperations() {
  const names = data("words")[fields.service.value] ?? [];
  document.getElementById("operations").replaceChildren(...names.map((value) => el("option", { value })));
}

for (const button of buttons) button.addEventListener("click", () => turn(button.dataset.faceOf));
form.addEventListener("input", () => { dirty = true; });
fields.service.addEventListener("input", offerOperations);
form.addEventListener("submit", () => {
  for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
  if (form.elements.lookback.value) for (const name of ["start", "end"]) if (form.elements[name]) form.elements[name].disabled = true;
  if (form.querySelector("[data-edge]")?.checked === false) for (const name of ["caller", "callee"]) form.elements[name].disabled = true;
  if (form.elements.sort.value === "newest") form.elements.sort.disabled = true;
  if (form.elements.limit.value === "50") form.elements.limit.disabled = true;
});
addEventListener("pageshow", () => {
  for (const field of form.elements) if (field.tagName !== "FIELDSET") field.disabled = false;
});

let kept = null;
try { kept = localStorage.getItem(KEY); } catch { /* as above */ }
if (kept === "form" && !document.querySelector("[data-problem]")) show("form");
new LineWords(line, document.getElementById("line-words"), form.dataset.wordsUrl, () => form.elements.source?.value ?? "");
