// Figures and times for people, as docs/glossary.md and the server write them.

import { text } from "./dom.js";

const THIN = "\u202f";

/** A duration in nanoseconds: 4.2 µs, 152 ms, 1.84 s, 2 min 05 s. */
export function duration(ns) {
  if (ns < 0) return `−${duration(-ns)}`;
  if (ns < 1000) return `${Math.round(ns)}${THIN}ns`;
  for (const [unit, size] of [["µs", 1e3], ["ms", 1e6]]) {
    const value = ns / size;
    if (value < 99.95) return `${value.toFixed(1)}${THIN}${unit}`;
    if (value < 999.5) return `${value.toFixed(0)}${THIN}${unit}`;
  }
  const seconds = ns / 1e9;
  if (seconds < 59.995) return `${seconds.toFixed(2)}${THIN}s`;
  const whole = Math.round(seconds);
  const pad = (n) => String(n).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)}${THIN}min ${pad(whole % 60)}${THIN}s`;
  return `${Math.floor(whole / 3600)}${THIN}h ${pad(Math.floor((whole % 3600) / 60))}${THIN}min`;
}

/** A duration known in units of unit nanoseconds: 0 µs is "< 1 µs". */
export function known(value, unit) {
  return value === 0 && unit > 1 ? `<${THIN}1${THIN}µs` : duration(value * unit);
}

/** A value on a time axis: round, without needless digits. */
export function axis(ns, step) {
  if (ns === 0) return "0";
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) {
    if (ns >= size) {
      // Steps are 1, 2, 2.5 or 5 times a power of ten: the half needs one digit more.
      const exact = step / size;
      const power = -Math.floor(Math.log10(exact) + 1e-9);
      const digits = Math.max(0, Math.min(6, power + (Math.abs(exact * 10 ** power - 2.5) < 1e-6 ? 1 : 0)));
      return `${parseFloat((ns / size).toFixed(digits))}${THIN}${unit}`;
    }
  }
  return `${Math.round(ns)}${THIN}ns`;
}

/** A time: "12 s ago" up to an hour, then day and time. */
export function when(us, now = Date.now()) {
  const seconds = Math.max(0, (now - us / 1000) / 1000);
  if (seconds < 60) return text("secondsAgo", { n: Math.floor(seconds) });
  if (seconds < 3600) return text("minutesAgo", { n: Math.floor(seconds / 60) });
  const at = new Date(us / 1000);
  const time = at.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hour12: false });
  if (at.toDateString() === new Date(now).toDateString()) return text("today", { time });
  const options = { weekday: "short", day: "numeric", month: "short" };
  if (at.getFullYear() !== new Date(now).getFullYear()) options.year = "numeric";
  return `${at.toLocaleDateString(document.documentElement.lang, options)} ${time}`;
}

/** Keep all <time data-us> of the page true, each second while it is seen. */
export function keepTimes() {
  const update = () => {
    if (document.hidden) return;
    for (const found of document.querySelectorAll("time[data-us]")) {
      const us = Number(found.dataset.us);
      const words = when(us);
      if (found.textContent !== words) found.textContent = words;
      if (!found.dataset.titled) {
        found.title = new Date(us / 1000).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "long" });
        found.dataset.titled = "1";
      }
    }
  };
  update();
  setInterval(update, 1000);
  document.addEventListener("visibilitychange", update);
  return update;
}
