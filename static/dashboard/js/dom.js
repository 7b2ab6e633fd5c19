// Small helpers for the page: elements, texts, icons. No data ever becomes markup.

const cache = new Map();

/** The object of a json_script element, parsed once. */
export function data(id) {
  if (!cache.has(id)) {
    const found = document.getElementById(id);
    cache.set(id, found ? JSON.parse(found.textContent) : {});
  }
  return cache.get(id);
}

/** A text of the page's catalogue with {name} filled in. */
export function text(key, values = {}) {
  const template = data("strings")[key] ?? data("common-strings")[key] ?? key;
  return template.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

/** An element: el("span", {class: "x", text: "y", on: {click: f}}, child, …). */
export function el(name, options = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "text") made.textContent = value;
    else if (key === "on") for (const [kind, f] of Object.entries(value)) made.addEventListener(kind, f);
    else if (key === "data") Object.assign(made.dataset, value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes. */
export function svg(name, attributes = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const SIGNS = new Set(["error", "error-below", "warning", "ok"]);

/** An icon of the sprite; with a label it is read out. */
export function icon(name, label = "") {
  const made = svg("svg", { class: SIGNS.has(name) ? `sign sign-${name}` : "icon" });
  if (label) { made.setAttribute("role", "img"); made.setAttribute("aria-label", label); }
  else made.setAttribute("aria-hidden", "true");
  made.append(svg("use", { href: `${document.body.dataset.icons}#${name}` }));
  return made;
}

/** Show a short message at the lower left for five seconds. */
export function toast(message) {
  document.querySelector(".toast")?.remove();
  const made = el("div", { class: "toast", role: "status", text: message });
  document.body.append(made);
  let timer = setTimeout(() => made.remove(), 5000);
  made.addEventListener("pointerenter", () => clearTimeout(timer));
  made.addEventListener("pointerleave", () => { timer = setTimeout(() => made.remove(), 1500); });
}

/** Copy a text and say so. */
export async function copy(value) {
  try {
    await navigator.clipboard.writeText(value);
  } catch {
    const area = el("textarea", { class: "visually-hidden" });
    area.value = value;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast(text("copied"));
}

/**
 * The page as the server would send it now, as a document of its own: escaped by
 * the server, and scripts in a parsed document never run. Raises Error.
 */
export async function freshPage(address = location.href) {
  const response = await fetch(address, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

/** The JSON of an address; raises Error with what the server said is wrong. */
export async function askJson(url) {
  const response = await fetch(url, { credentials: "same-origin" });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `status ${response.status}`);
  return answer;
}

/** The CSRF token of the page's form. */
export function csrf() {
  return document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
}
