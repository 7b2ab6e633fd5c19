// The way back: all services › open groups › focus, each with what leads out of it.

import { el, icon, text } from "../dom.js";

export class Crumbs {
  constructor(root, address) {
    Object.assign(this, { root, address, shown: null });
  }

  show(data) {
    const open = this.address.all("open");
    const focus = this.address.get("focus");
    const state = JSON.stringify([open, focus, data.grouped, this.hops("up"), this.hops("down"), data.counts]);
    if (state === this.shown) return;
    this.shown = state;
    const had = this.root.contains(document.activeElement) ? document.activeElement.dataset.keep : null;
    this.root.hidden = !open.length && !focus && !data.grouped;
    if (this.root.hidden) { this.root.replaceChildren(); return; }
    const link = (words, changes, keep) => el("button", { type: "button", class: "link", data: { keep }, on: { click: () => this.address.go(changes) }, text: words });
    const parts = [link(text(data.grouped && !focus ? "allGroups" : "allServices", { n: data.counts.nodes }), { open: null, focus: null, up: null, down: null, hops: null, node: null, caller: null, callee: null }, "all")];
    open.forEach((name, i) => {
      parts.push(el("span", { class: "quiet", text: "›" }), link(name, { open: open.slice(0, i + 1), focus: null }, `g${name}`));
      if (!focus) parts.push(el("button", { type: "button", class: "button only quiet-button", "aria-label": text("closeGroup", { name }), data: { keep: `x${name}` }, on: { click: () => this.address.go({ open: open.filter((other) => other !== name), node: null }) } }, icon("close")));
    });
    if (focus) {
      parts.push(el("span", { class: "quiet", text: "›" }), el("b", { text: data.byId.get(focus)?.label ?? focus }));
      for (const side of ["up", "down"]) parts.push(this.select(side));
      parts.push(el("button", { type: "button", class: "button only quiet-button", "aria-label": text("noFocus"), data: { keep: "nofocus" }, on: { click: () => this.address.go({ focus: null, up: null, down: null, hops: null }) } }, icon("close")));
    }
    parts.push(el("span", { class: "quiet small", text: text("shownOf", { shown: data.counts.shown_nodes, all: data.counts.nodes }) }));
    this.root.replaceChildren(...parts);
    if (had) this.root.querySelector(`[data-keep="${CSS.escape(had)}"]`)?.focus();
  }

  hops(side) {
    return this.address.get(side) || this.address.get("hops") || "1";
  }

  /** So many hops up (callers) or down (callees). */
  select(side) {
    const now = this.hops(side);
    const options = ["0", "1", "2", "3", "4", "9"].map((n) => el("option", { value: n, selected: n === now, text: text(side === "up" ? "hopsUp" : "hopsDown", { n }) }));
    return el("select", {
      class: "select", "aria-label": text(side === "up" ? "hopsUpLabel" : "hopsDownLabel"), data: { keep: side },
      on: { change: (event) => this.address.go({ hops: null, up: this.hops("up"), down: this.hops("down"), [side]: event.target.value }) },
    }, ...options);
  }
}
