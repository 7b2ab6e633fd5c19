// A tooltip of one or two sentences: after 300 ms under the pointer, at once on focus.

import { el } from "../dom.js";

const WAIT_MS = 300;

export class Tip {
  constructor(stage) {
    this.stage = stage;
    this.box = el("div", { class: "tip", role: "tooltip", hidden: true });
    stage.append(this.box);
    this.of = "";
    addEventListener("keydown", (event) => { if (event.key === "Escape") this.hide(); });
  }

  /** Show for a thing after a moment; at once where the tip is already seen. */
  later(of, words, event) {
    const { clientX, clientY } = event;
    if (of === this.of && !this.box.hidden) { this.put(clientX, clientY + 16); return; }
    clearTimeout(this.timer);
    this.of = of;
    this.timer = setTimeout(() => this.show(words, clientX, clientY + 16), this.box.hidden ? WAIT_MS : 0);
  }

  show(words, x, y) {
    clearTimeout(this.timer);
    this.box.replaceChildren(...words.map((line) => el("p", { text: line })));
    this.box.hidden = false;
    this.put(x, y);
  }

  put(x, y) {
    const stage = this.stage.getBoundingClientRect();
    const own = this.box.getBoundingClientRect();
    const left = Math.max(4, Math.min(stage.width - own.width - 4, x - stage.left - own.width / 2));
    const below = y - stage.top;
    const top = below + own.height > stage.height - 4 ? below - own.height - 40 : below;
    this.box.style.setProperty("transform", `translate(${left}px, ${Math.max(4, top)}px)`);
  }

  hide() {
    clearTimeout(this.timer);
    this.of = "";
    this.box.hidden = true;
  }
}
