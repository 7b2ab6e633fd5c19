// One live connection: resets, diffs, gaps, back-off, and the badge in the top bar.

import { text } from "./dom.js";
import { failing } from "./failing.js";

const STATES = { live: "ok", connecting: "", disconnected: "error" };

function badge(state, since) {
  const found = document.querySelector("[data-live-badge]");
  if (found) {
    found.hidden = false;
    found.className = `badge ${STATES[state]}`;
    found.dataset.state = state;
    found.querySelector("[data-live-text]").textContent = text(state);
  }
  const line = document.querySelector("[data-lost]");
  if (line) {
    const long = state === "disconnected" && Date.now() - since > 5000;
    line.hidden = !long;
    if (long) line.lastElementChild.textContent = text("lost", { time: new Date(since).toLocaleTimeString() });
  }
}

/**
 * Connect to a path below the base and keep connected. Handlers: onReset(message),
 * onDiff(message). A message out of sequence asks for a reset by connecting again.
 * Returns {close}.
 */
export function connect(path, { onReset, onDiff }) {
  let socket = null;
  let next = 0;
  let tries = 0;
  let lostAt = Date.now();
  let closed = false;
  let timer = null;

  const address = () => {
    const url = new URL(document.body.dataset.base + path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("lang", document.documentElement.lang);
    return url;
  };

  function open() {
    timer = null;
    if (closed) return;
    badge(tries ? "disconnected" : "connecting", lostAt);
    socket = new WebSocket(address());
    next = 0;
    socket.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      if (message.seq !== next) { socket.close(); return; }
      next += 1;
      tries = 0;
      lostAt = Date.now();
      badge("live", lostAt);
      if (message.type === "sources") failing();
      else if (message.type === "reset") onReset(message);
      else onDiff(message);
    });
    socket.addEventListener("close", again);
  }

  function again() {
    if (closed || timer) return;
    if (!tries) lostAt = Date.now();
    tries += 1;
    badge("disconnected", lostAt);
    const pause = Math.min(500 * 2 ** Math.min(tries, 5), 15000) * (0.7 + 0.6 * Math.random());
    timer = setTimeout(open, pause);
  }

  open();
  const watch = setInterval(() => { if (!closed && tries) badge("disconnected", lostAt); }, 1000);
  addEventListener("online", () => { if (timer) { clearTimeout(timer); open(); } });
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      clearInterval(watch);
      socket?.close();
    },
  };
}
