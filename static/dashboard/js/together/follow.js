// Follow me: one page presents, others show the same, and the bar that says so.

import { copy, el, icon, text } from "../dom.js";
import { changes } from "../trace/state.js";
import { keepRoom } from "./room.js";
import { keepInTab, keptInTab } from "../kept.js";

const PACE_MS = 50; // at most twenty states a second
const GONE_MS = 2000;
const ROOM = /^[A-Za-z0-9_-]{12}$/;
const STILL = new Set(["Tab", "Shift", "Control", "Alt", "Meta", "CapsLock", "Escape"]);
const kept = () => `spanboard-follow ${location.pathname}`;

/** A room that the address names moves into the tab's memory: copied addresses lead nobody along. */
function roomOfAddress() {
  const url = new URL(location.href);
  const room = url.searchParams.get("follow");
  if (room === null) return null;
  url.searchParams.delete("follow");
  history.replaceState(null, "", url);
  return ROOM.test(room) ? { room } : null;
}

export class Follow {
  /** presented: now(), show(message). */
  constructor(page, presented) {
    this.page = page;
    this.presented = presented;
    this.path = page.dataset.follow;
    this.bar = page.querySelector("[data-follow-bar]");
    this.button = page.querySelector("[data-present]");
    this.role = ""; // "presents" or "follows"
    this.people = { count: 0, names: [], by: "" };
    this.loose = false; // looks around alone
    this.gone = false; // the presenter is not there
    this.next = null;
    this.busy = false;
    this.number = 0;
    this.button?.addEventListener("click", () => (this.role === "presents" ? this.stop() : this.present()));
    for (const kind of ["wheel", "pointerdown", "touchstart", "keydown"]) page.addEventListener(kind, (event) => this.moved(event), { capture: true, passive: true });
    document.addEventListener("keydown", (event) => { if (event.target === document.body) this.moved(event); }, true);
    changes.addEventListener("state", () => this.tell());
    page.querySelector("[data-grid]")?.addEventListener("scroll", () => this.tell(), { passive: true });
    page.querySelector("[data-view-area]")?.addEventListener("scroll", () => this.tell(), { passive: true, capture: true });
  }

  /** Take up what the address or the tab's memory says. */
  start() {
    const named = roomOfAddress();
    const old = JSON.parse(keptInTab(kept()) ?? "null");
    const found = named && named.room !== old?.room ? named : old;
    if (!found) return;
    if (found.key) this.present(found);
    else this.follow(found.room);
  }

  present(old = null) {
    this.close();
    this.role = "presents";
    this.room = old?.room ?? "";
    this.key = old?.key ?? "";
    this.socket = keepRoom(() => `${this.path}${this.room || "new"}`, {
      opened: (send) => { if (this.key) send({ type: "present", key: this.key }); },
      heard: (message) => this.heardAsPresenter(message),
      lost: () => this.draw(),
      refused: () => this.stop(),
    });
    this.draw();
  }

  heardAsPresenter(message) {
    if (message.type === "people") this.people = message;
    if (message.type === "hello" && message.presents) {
      this.room = message.room;
      this.key = message.key;
      keepInTab(kept(), JSON.stringify({ room: this.room, key: this.key }));
      this.last = "";
      this.tell();
    }
    if (message.type !== "alive") this.draw();
  }

  follow(room) {
    this.close();
    this.role = "follows";
    this.room = room;
    this.loose = false;
    keepInTab(kept(), JSON.stringify({ room }));
    this.socket = keepRoom(() => `${this.path}${room}`, {
      heard: (message) => this.heard(message),
      lost: () => { clearTimeout(this.leaving); this.gone = true; this.draw(); },
      refused: () => this.stop(),
    });
    this.gone = true; // until a sign comes
    this.draw();
  }

  heard(message) {
    if (message.type === "people") { this.people = message; this.gone = false; }
    // A presenter who loads the page again is back before anybody is told.
    clearTimeout(this.leaving);
    if (message.type === "gone") this.leaving = setTimeout(() => { this.gone = true; this.draw(); }, GONE_MS);
    if (message.type === "state") {
      this.gone = false;
      this.next = message;
      this.catchUp();
    }
    if (message.type === "people") this.draw();
  }

  /** Show the newest state; those that came meanwhile are skipped. */
  async catchUp() {
    if (this.busy || this.loose) return;
    this.busy = true;
    try {
      while (this.next && !this.loose) {
        const message = this.next;
        this.next = null;
        this.shown = message;
        await this.presented.show(message);
        this.page.dataset.followed = String(message.n);
      }
    } catch (problem) {
      console.warn("The presenter's view could not be shown:", problem);
    } finally {
      this.busy = false;
    }
  }

  /** The presenter's page has changed: tell it, at most so often, the newest last. */
  tell() {
    if (this.role !== "presents" || !this.socket || this.timer) return;
    const wait = Math.max(0, (this.toldAt ?? 0) + PACE_MS - performance.now());
    this.timer = setTimeout(() => {
      this.timer = null;
      this.toldAt = performance.now();
      const message = this.presented.now();
      const words = JSON.stringify(message);
      if (words === this.last) return;
      this.last = words;
      this.number += 1;
      this.socket?.send({ type: "state", ...message, n: this.number });
    }, wait);
  }

  /** The reader moves on their own: lets go. */
  moved(event) {
    if (this.role !== "follows" || this.loose || !event.isTrusted) return;
    if (event.type === "keydown" && STILL.has(event.key)) return;
    if (event.target.closest?.("[data-together], dialog")) return;
    this.letGo();
  }

  letGo() {
    this.loose = true;
    this.draw();
  }

  again() {
    this.loose = false;
    this.next ??= this.shown ?? null;
    this.draw();
    this.catchUp();
  }

  stop() {
    this.close();
    keepInTab(kept(), null);
    this.draw();
    this.button?.focus();
  }

  close() {
    this.socket?.close();
    clearTimeout(this.timer);
    clearTimeout(this.leaving);
    Object.assign(this, { socket: null, timer: null, role: "", next: null, shown: null, last: "", gone: false, people: { count: 0, names: [], by: "" } });
  }

  get address() {
    const url = new URL(location.pathname, location.href);
    url.searchParams.set("follow", this.room);
    return url.href;
  }

  words() {
    const { count, names, by } = this.people;
    const who = by || text("presenter");
    const others = names.length ? ` (${names.slice(0, 8).join(", ")}${count > Math.min(names.length, 8) ? " …" : ""})` : "";
    if (this.role === "presents") return (count ? text(count === 1 ? "onePresent" : "presentTo", { n: count }) : text("presentNobody")) + others;
    if (this.gone) return text("presenterGone", { name: who });
    const state = text(this.loose ? "looksAlone" : "followsNow", { name: who });
    return `${state} ${text(count === 1 ? "oneFollows" : "allFollow", { n: count })}${others}`;
  }

  draw() {
    const { bar, role } = this;
    bar.hidden = !role;
    this.button?.setAttribute("aria-pressed", String(role === "presents"));
    if (!role) { bar.replaceChildren(); return; }
    bar.dataset.state = role === "presents" ? "presents" : this.gone ? "gone" : this.loose ? "loose" : "follows";
    const words = this.words();
    if (bar.dataset.words === `${bar.dataset.state} ${words} ${this.room}` && bar.childElementCount) return;
    bar.dataset.words = `${bar.dataset.state} ${words} ${this.room}`;
    const act = (name, label, action) => el("button", { type: "button", class: "button", data: { [name]: "" }, text: text(label), on: { click: action } });
    const acts = [];
    if (role === "presents" && this.room) acts.push(el("button", { type: "button", class: "button", data: { followCopy: this.address }, on: { click: () => copy(this.address) } }, icon("copy"), text("followLink")));
    if (role === "presents") acts.push(act("followStop", "stopPresenting", () => this.stop()));
    if (role === "follows" && this.loose) acts.push(act("followAgain", "followAgain", () => this.again()));
    if (role === "follows" && !this.loose && !this.gone) acts.push(act("followLoose", "letGo", () => this.letGo()));
    if (role === "follows") acts.push(act("followLeave", "leaveRoom", () => this.stop()));
    // The sentence keeps its element, so that it is read out when it changes.
    const line = bar.querySelector("[role=status]") ?? el("span", { role: "status" });
    if (line.textContent !== words) line.textContent = words;
    const focused = bar.contains(document.activeElement);
    bar.replaceChildren(icon(role === "presents" ? "present" : "follow"), line, el("span", { class: "spacer" }), ...acts);
    if (focused) (acts[0] ?? bar).focus();
  }
}
