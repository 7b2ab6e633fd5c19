// The list of shares: a new link, or that of a file taken in, is shown once, in a dialog.

import { copy, csrf } from "./dom.js";

const dialog = document.querySelector("[data-new-link]");
let isMade = false;
const find = (name) => dialog.querySelector(`[data-new-${name}]`);

async function told(form) {
  try {
    const response = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-CSRFToken": csrf(), Accept: "application/json" } });
    const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
    return isJson ? await response.json() : { ok: false, error: response.statusText };
  } catch (problem) {
    return { ok: false, error: problem.message };
  }
}

for (const form of document.querySelectorAll("[data-renew], [data-take-in]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await told(form);
    find("url").value = answer.ok ? answer.url : "";
    find("url").parentElement.hidden = !answer.ok;
    find("copy").hidden = !answer.ok;
    find("problem").hidden = answer.ok;
    find("problem").textContent = answer.ok ? "" : answer.error;
    isMade = answer.ok;
    dialog.showModal();
    find("url").select();
  });
}
find("copy").addEventListener("click", () => copy(find("url").value));
// The list is as it was before: show it anew with the link that was made.
dialog.addEventListener("close", () => isMade && location.reload());
