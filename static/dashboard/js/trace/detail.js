// Everything about one span as elements: the side panel and the inline details show it.

import { askJson, copy, el, icon, text } from "../dom.js";
import { distribution } from "./slowness.js";
import { pagedTags, pagedLogs } from "./tags.js";

/** The span's JSON; `version` is what the page shows. Raises Error. */
export function fetchDetail(urls, row, version) {
  const query = version ? `?v=${version}` : "";
  return askJson(`${urls.span}${row}${query}`);
}

const iconButton = (name, label, action) => el("button", { class: "button only quiet-button", type: "button", "aria-label": label, title: label, on: { click: action } }, icon(name));

/** Who, what, when, id, with the buttons of the place that shows it. */
export function detailHead(span, actions, buttons) {
  return el("header", {},
    el("div", { class: "title" },
      el("span", { class: `monogram svc-${span.slot ?? 0}`, text: span.monogram, "aria-hidden": "true" }),
      el("b", { text: span.service }),
      span.version ? el("span", { class: "version", text: span.version.slice(0, 24) }) : null,
      el("span", { class: "spacer" }),
      el("span", { class: "buttons" }, ...buttons.map(([name, label, action]) => iconButton(name, label, action)))),
    el("h2", { text: span.operation }),
    el("p", { class: "small quiet" }, span.kind ? `${span.kind} · ` : "", `${text("started", { offset: span.offset })} · `,
      el("button", { class: "mono link-button", type: "button", title: text("copyId"), text: span.span_id, on: { click: () => copy(span.span_id) } }),
      ...(actions.urls.edge ? [" · ", el("a", { href: `${actions.urls.edge}?${new URLSearchParams({ trace: actions.urls.id, span: span.span_id })}`, text: text("inGraph") })] : [])),
    chain(span, actions));
}

/** The callers above, root first, each a button. */
function chain(span, actions) {
  if (!span.chain?.length) return null;
  const list = el("nav", { class: "chain small", "aria-label": text("callersAbove") });
  span.chain.forEach((one, i) => {
    // Spans of one service that follow one another are one step.
    if (i && one.service === span.chain[i - 1].service) return;
    if (i === 1 && span.chain_left_off) list.append(el("span", { class: "quiet", text: `… ${span.chain_left_off} …` }), icon("right"));
    list.append(el("button", { class: "link-button", type: "button", title: `${one.service} ${one.operation}`.slice(0, 300), text: one.service, on: { click: () => actions.go(one.row) } }), icon("right"));
  });
  list.append(el("span", { "aria-current": "true", text: span.service }));
  return list;
}

/** All parts below the head. */
export function detailParts(span, actions) {
  const figure = (label, value, title) => el("div", { title }, el("span", { class: "small quiet", text: label }), el("b", { text: value }));
  const parts = [el("section", { class: "figures" },
    figure(text("duration"), span.duration, `${span.duration_ns} ns`),
    figure(text("selfTime"), span.self_time, `${span.self_ns} ns`),
    figure(text("ofTrace"), span.share, span.critical_text ?? ""))];
  if (span.critical_text) parts.push(el("section", { class: "line" }, el("p", { class: "small", text: span.critical_text })));
  if (span.error) parts.push(el("section", { class: "fault" }, icon("error"), el("b", { text: span.error })));
  for (const words of span.warnings) parts.push(el("section", { class: "caution" }, icon("warning"), el("span", { text: words })));
  parts.push(distribution(span));
  parts.push(...pairParts(span, actions), envoyPart(span));
  const place = { urls: actions.urls, row: span.row, version: actions.version };
  parts.push(section("attributes", span.tag_count, pagedTags(place, "tags", span.tags, span.tag_count, span.tags_next), true, "attributes"));
  if (span.logs.length) parts.push(section("events", span.log_count, pagedLogs(place, span.logs, span.log_count, span.logs_next), true, "events"));
  if (span.process.length) parts.push(section("resource", span.process_count ?? span.process.length, pagedTags(place, "process", span.process, span.process_count ?? span.process.length, span.process_next), false, "resource"));
  const references = span.references.filter((ref) => ref.row === null || ref.row !== span.parent_row);
  if (references.length) parts.push(section("references", references.length, el("div", {}, ...references.map((ref) => reference(ref, actions))), true));
  if (span.inbound?.length) parts.push(section("inbound", span.inbound_count, el("div", {}, ...span.inbound.map((ref) => reference(ref, actions))), false));
  return parts.filter(Boolean);
}

function section(name, count, content, open) {
  return el("section", {}, el("details", { open }, el("summary", {}, text(name), " ", el("span", { class: "quiet", text: Number(count).toLocaleString() })), content));
}

/** The other half of the call, and what lies between the two. */
function pairParts(span, actions) {
  const all = span.pairs?.length ? span.pairs : span.pair ? [span.pair] : [];
  return all.map((pair) => el("section", { class: pair.clocks_disagree ? "pair caution-line" : "pair" },
    el("p", { class: "small" }, pair.clocks_disagree ? icon("warning") : null, el("span", { text: pair.text }), " ",
      el("button", { class: "link-button", type: "button", text: text(pair.role === "client" ? "toServer" : "toClient", { service: pair.service }), on: { click: () => actions.go(pair.row) } }))));
}

function envoyPart(span) {
  if (!span.envoy?.text) return null;
  return el("section", { class: "envoy" }, el("p", { class: "small", text: span.envoy.text }));
}

function reference(ref, actions) {
  const label = [ref.kind, ref.service, ref.operation].filter(Boolean).join(" ").slice(0, 300) || ref.span_id;
  if (ref.row !== null && ref.row !== undefined) return el("p", {}, el("button", { class: "button", type: "button", text: ref.service ? label : `${label} ${ref.span_id}`, on: { click: () => actions.go(ref.row) } }));
  const words = `${ref.kind} ${ref.trace_id} ${ref.span_id}`;
  const url = ref.url || (actions.urls.traceBase ? `${actions.urls.traceBase}${encodeURIComponent(ref.trace_id)}?span=${encodeURIComponent(ref.span_id)}` : "");
  const state = ref.stored === false ? el("span", { class: "quiet", text: ` ${text("notStored")}` }) : null;
  if (!url) return el("p", { class: "mono" }, words, state);
  return el("p", {}, el("a", { class: "mono", href: url, text: words }), state);
}
