// The list of shares: a new link to a snapshot is shown once, in a dialog.

import { copy, csrf } from "./dom.js";

const dialog = document.querySelector("[data-new-link]");
const find = (name) => dialog.querySelector(`[data-new-${name}]`);

for (const form of document.querySelectorAll("[data-renew]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let answer;
    try {
      const response = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-CSRFToken": csrf(), Accept: "application/json" } });
      answer = response.ok ? await response.json() : { ok: false, error: response.statusText };
    } catch (problem) {
      answer = { ok: false, error: problem.message };
    }
    find("url").value = answer.ok ? answer.url : "";
    find("problem").hidden = answer.ok;
    find("problem").textContent = answer.ok ? "" : answer.error;
    dialog.showModal();
    find("url").select();
  });
}
find("copy").addEventListener("click", () => copy(find("url").value));
// The list is as it was before: show it anew with the link that was made.
dialog.addEventListener("close", () => location.reload());
