// A connection to a room: opened when wanted, again after a loss, until it is refused.

const REFUSED = 4403;
const AGAIN = 4000;
const SLOWEST_MS = 15_000;

/** The address of a WebSocket path below the base. */
export function socketAddress(path) {
  const url = new URL(document.body.dataset.base + path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

/**
 * Keep a connection to `path()`. Handlers: opened(send), heard(message), lost(),
 * refused(). Returns {send(object), close()}.
 */
export function keepRoom(path, { opened = () => {}, heard, lost = () => {}, refused }) {
  let socket = null;
  let tries = 0;
  let timer = null;
  let closed = false;
  let silenceMs = 45_000;
  let heardAt = 0;

  const send = (content) => { if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(content)); };
  const open = () => {
    clearTimeout(timer);
    const made = new WebSocket(socketAddress(path()));
    socket = made;
    heardAt = Date.now();
    made.addEventListener("open", () => { if (made === socket) opened(send); });
    made.addEventListener("message", (event) => {
      if (made !== socket) return;
      heardAt = Date.now();
      const message = JSON.parse(event.data);
      if (message.type === "hello") { tries = 0; silenceMs = message.beat_s * 3000; }
      heard(message, send);
    });
    made.addEventListener("close", (event) => { if (made === socket) again(event.code); });
  };
  const again = (code) => {
    socket = null;
    if (closed) return;
    if (code === REFUSED) { stop(); refused(); return; }
    if (code === AGAIN) { open(); return; } // an account is asked for again
    tries += 1;
    lost();
    timer = setTimeout(open, Math.min(500 * 2 ** tries, SLOWEST_MS) * (0.7 + 0.6 * Math.random()));
  };
  const watching = setInterval(() => {
    if (!socket || document.hidden || Date.now() - heardAt < silenceMs) return;
    const dead = socket;
    again(0);
    dead.close();
  }, 2000);
  const stop = () => {
    closed = true;
    clearTimeout(timer);
    clearInterval(watching);
  };
  open();
  return { send, close() { stop(); socket?.close(); } };
}
