// One live connection: resets, diffs, gaps, back-off, and the badge in the top bar.

import { text } from "./dom.js";
import { failing } from "./failing.js";

const STATES = { live: "ok", connecting: "", disconnected: "error", refused: "error", full: "error" };
const REFUSED = 4403;
const FULL = 1013;
const LONG_MS = 5000;
const WATCH_MS = 1000;

/** Write a text only where it is another one: live regions read out every write. */
function say(place, words) {
  if (place.textContent !== words) place.textContent = words;
}

function badge(state, since) {
  const found = document.querySelector("[data-live-badge]");
  if (found) {
    found.hidden = false;
    found.className = `badge ${STATES[state]}`;
    found.dataset.state = state;
    say(found.querySelector("[data-live-text]"), text(state));
  }
  const line = document.querySelector("[data-lost]");
  if (!line) return;
  const why = { disconnected: "lost", refused: "refusedLong", full: "fullLong" }[state];
  const long = why && (state !== "disconnected" || Date.now() - since > LONG_MS);
  if (long) say(line.lastElementChild, text(why, { time: new Date(since).toLocaleTimeString() }));
  if (line.hidden === Boolean(long)) line.hidden = !long;
}

/**
 * Connect to a path below the base and keep connected. Handlers: onReset(message),
 * onDiff(message), onRefused(). After a gap in the numbers the server is asked for a reset. While
 * the page is out of view nothing is sent to it and it does not connect again; once
 * it is seen it catches up. Returns {close}.
 */
export function connect(path, { onReset, onDiff, onRefused = null }) {
  let socket = null;
  let next = -1; // before the first reset
  let tries = 0;
  let lostAt = Date.now();
  let heardAt = 0;
  let silenceMs = Infinity;
  let state = "connecting";
  let closed = false;
  let timer = null;

  const address = () => {
    const url = new URL(document.body.dataset.base + path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("lang", document.documentElement.lang);
    return url;
  };
  const show = (now) => { state = now; badge(state, lostAt); };

  function open() {
    clearTimeout(timer);
    timer = null;
    if (closed) return;
    if (state !== "full") show(tries ? "disconnected" : "connecting");
    const made = new WebSocket(address());
    socket = made;
    next = -1;
    heardAt = Date.now();
    silenceMs = 45_000;
    made.addEventListener("open", () => { if (document.hidden) made.send("hidden"); });
    made.addEventListener("message", (event) => { if (made === socket) take(JSON.parse(event.data)); });
    made.addEventListener("close", (event) => { if (made === socket) again(event.code); });
  }

  function take(message) {
    heardAt = Date.now();
    if (message.type === "alive") return;
    if (message.type === "hello") { silenceMs = message.beat_s * 3000; return; }
    if (message.type === "sources") { failing(); return; }
    if (message.type === "reset") {
      next = message.seq + 1;
      tries = 0;
      onReset(message);
    } else if (message.seq === next) {
      next += 1;
      onDiff(message);
    } else if (next >= 0) {
      next = -1;
      socket.send("reset");
    }
    lostAt = heardAt;
    if (next >= 0 && state !== "live") show("live");
  }

  function again(code) {
    socket = null;
    if (closed || timer) return;
    if (code === REFUSED) { closed = true; show("refused"); onRefused?.(); return; }
    if (!tries) lostAt = heardAt || Date.now();
    tries += 1;
    show(code === FULL ? "full" : "disconnected");
    if (document.hidden) return; // until it is seen
    const pause = Math.min(500 * 2 ** Math.min(code === FULL ? tries + 3 : tries, 5), 15000) * (0.7 + 0.6 * Math.random());
    timer = setTimeout(open, pause);
  }

  function seen() {
    if (closed) return;
    if (document.hidden) {
      if (socket?.readyState === WebSocket.OPEN) socket.send("hidden");
    } else if (socket?.readyState === WebSocket.OPEN) {
      heardAt = Date.now();
      socket.send("shown");
    } else if (!socket) open();
  }

  function watch() {
    if (closed || document.hidden) return;
    if (socket && Date.now() - heardAt > silenceMs) {
      // Silent for three beats: the other end is gone, though nobody said so.
      const dead = socket;
      again(0);
      dead.close();
    } else if (state === "disconnected") badge(state, lostAt);
  }

  const online = () => { if (!socket) open(); };
  const restored = (event) => { if (event.persisted && !socket) open(); };
  open();
  const watching = setInterval(watch, WATCH_MS);
  document.addEventListener("visibilitychange", seen);
  addEventListener("online", online);
  addEventListener("pageshow", restored);
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      clearInterval(watching);
      document.removeEventListener("visibilitychange", seen);
      removeEventListener("online", online);
      removeEventListener("pageshow", restored);
      socket?.close();
    },
  };
}
