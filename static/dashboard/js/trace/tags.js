// Tags and logs: pages of 500, long values on demand, copying, links that are http(s).

import { askJson, copy, el, icon, text, toast } from "../dom.js";

const FILTER_FROM = 8; // more tags than this get a filter

const address = (place, path, query) => `${place.urls.span}${place.row}/${path}?${new URLSearchParams({ ...query, ...(place.version ? { v: place.version } : {}) })}`;

/** A list of tags with a filter and, where the server has more, a button for them. */
export function pagedTags(place, part, tags, count, next) {
  const list = tagList(place, tags);
  const box = el("div", {});
  if (count > FILTER_FROM) box.append(filter(list));
  box.append(list);
  if (next) box.append(more(place, part, next, count, (items) => addTags(place, list, items)));
  else if (count > tags.length) box.append(el("p", { class: "quiet small", text: text("moreTags", { n: (count - tags.length).toLocaleString() }) }));
  return box;
}

/** Logs by time, each with its fields. */
export function pagedLogs(place, logs, count, next) {
  const list = el("div", {}, ...logs.map((log) => event(place, log)));
  const box = el("div", {}, list);
  if (next) box.append(more(place, "logs", next, count, (items) => list.append(...items.map((log) => event(place, log)))));
  return box;
}

function more(place, part, from, count, add) {
  let next = from;
  const button = el("button", { class: "button", type: "button" });
  const name = () => { button.textContent = text("showMore", { n: Math.min(500, count - next).toLocaleString(), total: count.toLocaleString() }); };
  name();
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const found = await askJson(address(place, "more", { part, from: next }));
      add(found.items);
      next = found.next;
      if (next) name();
      else button.remove();
    } catch (problem) {
      toast(text("detailsFailed", { text: problem.message }));
    } finally {
      button.disabled = false;
    }
  });
  return el("p", {}, button);
}

function filter(list) {
  const input = el("input", { class: "input tag-filter", type: "search", placeholder: text("filterTags"), "aria-label": text("filterTags"), spellcheck: "false", autocomplete: "off" });
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const pair of list.children) pair.hidden = wanted !== "" && !pair.textContent.toLowerCase().includes(wanted);
  });
  return input;
}

/** Tags as a definition list; each pair is one group, so that it can be hidden. */
export function tagList(place, tags) {
  const list = el("dl", { class: "tags" });
  addTags(place, list, tags);
  return list;
}

function addTags(place, list, tags) {
  for (const tag of tags) {
    // Long keys break after a dot or an underscore, not inside a word.
    const key = el("dt", {}, ...tag.key.split(/(?<=[._/-])/).flatMap((part) => [part, el("wbr")]));
    list.append(el("div", { class: "tag" }, key, value(place, tag)));
  }
}

function value(place, tag) {
  const shown = el("span", { class: "tag-value" });
  const url = tag.url ?? (/^https?:\/\/\S+$/i.test(tag.value) && !tag.cut ? tag.value : "");
  if (url && /^https?:\/\//i.test(url)) shown.append(el("a", { href: url, rel: "noopener noreferrer nofollow", target: "_blank", text: tag.value }));
  else shown.textContent = pretty(tag);
  const made = el("dd", {}, shown);
  for (const link of tag.links ?? []) if (/^https?:\/\//i.test(link.url)) made.append(" ", el("a", { class: "pattern-link", href: link.url, rel: "noopener noreferrer nofollow", target: "_blank" }, icon("external"), link.text));
  if (tag.cut && tag.at) made.append(whole(place, tag, shown));
  else if (tag.cut) made.append(el("span", { class: "quiet", text: ` … ${text("cut", { n: tag.cut.toLocaleString() })}` }));
  made.append(el("button", { class: "copy-value", type: "button", "aria-label": text("copyValue", { key: tag.key.slice(0, 100) }), title: text("copy"), on: { click: () => copy(shown.textContent === pretty(tag) ? tag.value : shown.textContent) } }, icon("copy")));
  return made;
}

/** JSON values are indented; all else is shown as it is. */
function pretty(tag) {
  const first = tag.value.trimStart()[0];
  if (tag.cut || tag.value.length > 20_000 || (first !== "{" && first !== "[")) return tag.value;
  try {
    return JSON.stringify(JSON.parse(tag.value), null, 2);
  } catch {
    return tag.value; // text that only looks like JSON
  }
}

/** A button that loads what was cut off, a piece at a time. */
function whole(place, tag, shown) {
  let next = tag.value.length;
  const left = (from) => text("showRest", { n: (tag.size - from).toLocaleString() });
  const button = el("button", { class: "link-button", type: "button", text: left(next) });
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const found = await askJson(address(place, "value", { at: tag.at, from: next }));
      shown.append(found.value);
      next = found.next;
      if (next) button.textContent = left(next);
      else button.remove();
    } catch (problem) {
      toast(text("detailsFailed", { text: problem.message }));
    } finally {
      button.disabled = false;
    }
  });
  return el("span", {}, " … ", button);
}

function event(place, log) {
  return el("div", { class: "event" }, el("span", { class: "at", text: `+${log.at}` }), el("b", { text: log.name }), log.fields.length ? tagList(place, log.fields) : null);
}
