// The share dialog of every page: a link to the page, or a snapshot of the trace.

import { copy, csrf, el, text } from "../dom.js";
import { Proof } from "./proof.js";

const MARKDOWN = /[\\`*_[\]<>]/g;

/** An address in the form that somebody pastes it in. */
function written(kind, url, title) {
  if (kind === "markdown") return `[${title.replace(MARKDOWN, "\\$&")}](${url})`;
  if (kind === "html") {
    const made = el("a", { href: url, text: title });
    return made.outerHTML;
  }
  if (kind === "frame") return el("iframe", { src: `${url}?uiEmbed=v0`, title, width: "100%", height: "600", loading: "lazy", referrerpolicy: "no-referrer" }).outerHTML;
  if (kind === "picture") return `![${title.replace(MARKDOWN, "\\$&")}](${url}/picture.png)`;
  return url;
}

/** The page's address below the base path, with its state. */
function pathHere() {
  const base = document.body.dataset.base;
  return `/${location.pathname.slice(base.length)}${location.search}`;
}

/**
 * Wire the dialog, where the page has one. `state()` tells in words what the page
 * opens with; `title` names it for links in texts.
 */
export function shareDialog({ state = () => "", title = document.title, subject, live = () => false } = {}) {
  const dialog = document.querySelector("[data-share-dialog]");
  const opener = document.querySelector("[data-share]");
  if (!dialog || !opener) return;
  const form = dialog.querySelector("[data-share-form]");
  const find = (name) => dialog.querySelector(`[data-share-${name}]`);
  const proof = find("proof") ? new Proof(dialog, subject) : null;
  const kind = () => form.elements.kind.value;
  const make = find("make");
  const words = { snapshot: text("shareSnapshot"), link: text("shareLink"), live: text("shareLive") };
  let shown = title;

  const until = () => {
    if (!find("until")) return;
    const at = new Date(Date.now() + Number(form.elements.days.value) * 86_400_000);
    find("until").textContent = new Intl.DateTimeFormat(document.documentElement.lang, { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" }).format(at);
  };
  const choose = () => {
    const snapshot = kind() !== "link";
    for (const part of dialog.querySelectorAll("[data-of-snapshot]")) part.hidden = !snapshot;
    if (subject) for (const part of dialog.querySelectorAll("[data-share-no-state]")) part.hidden = true;
    if (find("hand")) find("hand").hidden = kind() === "live";
    make.textContent = words[kind()];
    if (snapshot) proof?.begin();
  };
  opener.addEventListener("click", () => {
    if (find("state")) find("state").textContent = state() || text("shareWhole");
    until();
    if (find("live")) {
      find("live").hidden = !live();
      if (!live() && kind() === "live") form.elements.kind.value = "snapshot";
    }
    choose();
    dialog.showModal();
  });
  form.addEventListener("change", (event) => {
    if (event.target.name === "kind") choose();
    if (event.target.name === "days") until();
  });
  dialog.addEventListener("close", () => {
    for (const name of ["result", "problem"]) find(name).hidden = true;
    make.hidden = false;
    find("url").value = "";
    find("cancel").textContent = text("cancel");
    proof?.forget();
  });
  for (const button of dialog.querySelectorAll("[data-copy-as]")) {
    button.addEventListener("click", () => copy(written(button.dataset.copyAs, find("url").value, shown)));
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    make.disabled = true;
    find("problem").hidden = true;
    const snapshot = kind() !== "link";
    const body = new FormData(form);
    if (snapshot) {
      body.set("state", location.search.slice(1));
      if (kind() === "snapshot") for (const name of proof.byHand) body.append("field", name);
    } else {
      body.set("path", pathHere());
      body.set("title", title);
    }
    let answer;
    try {
      const address = snapshot ? form.action : dialog.dataset.link;
      const response = await fetch(address, { method: "POST", body, headers: { "X-CSRFToken": csrf(), Accept: "application/json" } });
      answer = await response.json();
    } catch (problem) {
      answer = { ok: false, error: problem.message };
    }
    make.disabled = false;
    if (!answer.ok) {
      find("problem").textContent = text("shareFailed", { text: answer.error });
      find("problem").hidden = false;
      return;
    }
    shown = answer.title || title;
    make.hidden = true; // one press, one share
    find("cancel").textContent = text("close");
    find("result").hidden = false;
    find("once").textContent = snapshot ? text("shareOnce") : text("shareAddress");
    find("url").value = answer.url;
    find("local").hidden = !answer.local_only;
    const file = snapshot && !subject;
    find("file").hidden = !file;
    const open = answer.audience === "anyone";
    dialog.querySelector("[data-copy-as=frame]").hidden = !answer.framed;
    dialog.querySelector("[data-copy-as=picture]").hidden = !open;
    if (file) find("file").href = `${answer.url}/download?format=html`;
    await copy(answer.url);
    find("url").select();
  });
}
