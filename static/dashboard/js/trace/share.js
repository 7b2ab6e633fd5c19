// The share dialog: makes a link and shows once what it is and what was taken out.

import { copy, csrf, el, text } from "../dom.js";

/** Wire the dialog, where the page has one. */
export function shareDialog() {
  const dialog = document.querySelector("[data-share-dialog]");
  if (!dialog) return;
  const form = dialog.querySelector("[data-share-form]");
  const find = (name) => dialog.querySelector(`[data-share-${name}]`);
  document.querySelector("[data-share]").addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("close", () => {
    for (const name of ["result", "copy", "problem"]) find(name).hidden = true;
    find("make").hidden = false;
    find("url").value = "";
    find("report").replaceChildren();
  });
  find("copy").addEventListener("click", () => copy(find("url").value));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = find("make");
    button.disabled = true;
    find("problem").hidden = true;
    let answer;
    try {
      const response = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-CSRFToken": csrf() } });
      answer = await response.json();
    } catch (problem) {
      answer = { ok: false, error: problem.message };
    }
    button.disabled = false;
    if (!answer.ok) {
      find("problem").textContent = text("shareFailed", { text: answer.error });
      find("problem").hidden = false;
      return;
    }
    button.hidden = true; // one press, one share
    find("result").hidden = false;
    find("url").value = answer.url;
    find("url").select();
    find("local").hidden = !answer.local_only;
    find("copy").hidden = false;
    const rows = Object.entries(answer.redaction.rules).map(([rule, count]) => el("tr", {}, el("td", { text: rule }), el("td", { text: String(count) })));
    find("report").replaceChildren(el("table", { class: "rules small" }, el("tbody", {}, ...rows)));
  });
}
