// The thread of a share: comments, live.

import { askJson, el, icon, text, toast } from "../dom.js";
import { keepRoom } from "./room.js";
import { closesBeside, post, writingForm, writtenParts } from "./written.js";

const LONGEST = 2000;

export class Thread {
  constructor(menu) {
    this.menu = menu;
    this.urls = menu.dataset;
    this.known = null; // how many were there when the reader last looked
    closesBeside(menu);
    menu.addEventListener("toggle", () => { if (menu.open) this.looked(); });
    keepRoom(() => this.urls.socket, {
      heard: (message) => { if (message.type === "changed") this.load(); },
      refused: () => this.load(),
    });
  }

  async load() {
    const ticket = (this.ticket = (this.ticket ?? 0) + 1);
    let found;
    try {
      found = await askJson(this.urls.list);
    } catch (problem) {
      console.warn("The thread could not be read:", problem);
      return;
    }
    if (ticket !== this.ticket) return;
    this.draw(found);
  }

  looked() {
    this.known = this.count;
    this.sign();
  }

  sign() {
    const count = this.menu.querySelector("[data-thread-count]");
    const fresh = this.known === null ? 0 : Math.max(0, this.count - this.known);
    count.textContent = fresh ? text("newComments", { n: this.count, fresh }) : this.count ? String(this.count) : "";
  }

  draw(found) {
    const box = this.menu.querySelector("[data-thread-box]");
    const list = box.querySelector("[data-thread-all]");
    this.count = found.comments.length;
    if (this.known === null || this.menu.open) this.known = this.count;
    this.sign();
    this.menu.dataset.read = String(this.count);
    list.replaceChildren(...found.comments.map((comment) => this.item(comment)));
    if (!this.count) list.append(el("p", { class: "small quiet", text: text("noComments") }));
    if (found.may_write && !box.querySelector("form")) {
      box.append(el("p", { class: "small quiet", text: text("nameShown") }), writingForm({ label: text("writeComment"), button: text("addComment"), longest: LONGEST, send: async (words) => { await post(this.urls.add, { text: words }); await this.load(); } }));
    } else if (!found.may_write) list.append(el("p", { class: "small quiet", text: text("signInToComment") }));
  }

  item(comment) {
    const remove = async () => {
      try {
        await post(`${this.urls.change}${comment.id}/delete`);
        await this.load();
      } catch (problem) { toast(problem.message); }
    };
    return el("article", { class: "written" },
      el("div", { class: "written-head small quiet" }, el("b", { text: comment.author }), ` ${comment.at}`, el("span", { class: "spacer" }), comment.may_delete ? el("button", { class: "button only quiet-button", type: "button", "aria-label": text("deleteComment"), title: text("deleteComment"), on: { click: remove } }, icon("delete")) : null),
      el("div", { class: "written-text" }, ...writtenParts(comment.blocks)));
  }
}
