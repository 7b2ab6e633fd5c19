// The search passed on to the backends: by its button, or by itself for a time before what is stored.

import { freshPage, text } from "./dom.js";
import { keepTimes } from "./format.js";

const place = document.querySelector("[data-ask]");
const button = place?.querySelector("[data-ask-button]");
const status = place?.querySelector("[data-ask-status]");

async function ask() {
  button.disabled = true;
  status.textContent = text("asking");
  try {
    // Made by the server from escaped text; scripts of a parsed page never run.
    const answer = (await freshPage(place.dataset.ask)).querySelector("[data-asked-answer]");
    place.querySelector("[data-ask-answer]").replaceChildren(document.adoptNode(answer));
    status.textContent = "";
    updateTimes();
  } catch (problem) {
    status.textContent = text("askFailed", { text: String(problem.message ?? problem) });
  } finally {
    button.disabled = false;
  }
}

let updateTimes = () => {};
if (place) {
  updateTimes = keepTimes();
  button.addEventListener("click", ask);
  if ("askAuto" in place.dataset) ask();
}
