// The script of the HTML file of a trace: collapse, zoom and find, without a network.
// It stands in the file itself, so it imports nothing; the file works without it too.
(() => {
  "use strict";
  const main = document.querySelector("main");
  const rows = [...main.querySelectorAll(".row")];
  const bars = rows.map((row) => row.querySelector(".bar"));
  const depth = rows.map((row) => Number(row.dataset.depth));
  const tools = document.querySelector("[data-tools]");
  const find = tools.querySelector("[data-find]");
  const count = tools.querySelector("[data-count]");
  const shownWindow = tools.querySelector("[data-window]");
  const wholeNs = Number(main.dataset.ns);
  const closed = new Set();
  let view = [0, 1000]; // in thousandths of the trace
  let chosen = -1;
  let matches = [];

  // Where the rows below a row end.
  const ends = new Array(rows.length);
  const open = [];
  depth.forEach((level, at) => {
    while (open.length && depth[open.at(-1)] >= level) ends[open.pop()] = at;
    open.push(at);
  });
  for (const at of open) ends[at] = rows.length;

  function show() {
    let until = -1;
    rows.forEach((row, at) => {
      const hidden = at < until;
      row.parentElement.hidden = hidden;
      if (!hidden && closed.has(at)) until = ends[at];
    });
  }

  function fold(at, shut) {
    if (ends[at] === at + 1) return;
    if (shut) closed.add(at);
    else closed.delete(at);
    rows[at].previousElementSibling.setAttribute("aria-expanded", String(!shut));
  }

  rows.forEach((row, at) => {
    const line = document.createElement("div");
    line.className = "line";
    row.replaceWith(line);
    if (ends[at] > at + 1) {
      const caret = document.createElement("button");
      caret.type = "button";
      caret.className = "caret";
      caret.setAttribute("aria-expanded", "true");
      caret.setAttribute("aria-label", `${tools.dataset.fold} ${row.querySelector(".name").textContent}`);
      caret.addEventListener("click", () => { fold(at, !closed.has(at)); show(); });
      line.append(caret);
    }
    line.append(row);
    row.addEventListener("toggle", () => { if (row.open) choose(at); });
    row.querySelector("summary").addEventListener("focus", () => choose(at));
  });

  function choose(at) {
    if (chosen >= 0) rows[chosen].classList.remove("chosen");
    chosen = at;
    rows[at].classList.add("chosen");
  }

  function go(at) {
    for (let above = at, level = depth[at]; level > 0 && above >= 0; above -= 1) {
      if (depth[above] < level) { level = depth[above]; fold(above, false); }
    }
    show();
    const summary = rows[at].querySelector("summary");
    summary.focus();
    summary.scrollIntoView({ block: "nearest" });
  }

  const units = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];
  function duration(ns) {
    const [unit, name] = units.find(([size]) => ns >= size) ?? units[3];
    return `${(ns / unit).toPrecision(3).replace(/\.?0+$/, "")} ${name}`;
  }

  function zoom(from, to) {
    const width = Math.min(Math.max(to - from, 0.01), 1000);
    const begin = Math.min(Math.max(from, 0), 1000 - width);
    view = [begin, begin + width];
    for (const bar of bars) bar.setAttribute("viewBox", `${begin} 0 ${width} 14`);
    shownWindow.textContent = `${duration((begin / 1000) * wholeNs)} – ${duration(((begin + width) / 1000) * wholeNs)}`;
  }

  function closer(factor) {
    const width = view[1] - view[0];
    let centre = (view[0] + view[1]) / 2;
    if (chosen >= 0 && factor < 1) {
      const bar = bars[chosen].querySelector("rect");
      centre = Number(bar.getAttribute("x")) + Number(bar.getAttribute("width")) / 2;
    }
    zoom(centre - (width * factor) / 2, centre + (width * factor) / 2);
  }
  const move = (share) => zoom(view[0] + (view[1] - view[0]) * share, view[1] + (view[1] - view[0]) * share);

  const acts = {
    in: () => closer(0.5),
    out: () => closer(2),
    fit: () => zoom(0, 1000),
    left: () => move(-0.25),
    right: () => move(0.25),
    open: () => { rows.forEach((row, at) => fold(at, false)); show(); },
    shut: () => { rows.forEach((row, at) => fold(at, true)); show(); },
    next: () => step(1),
    previous: () => step(-1),
  };
  tools.addEventListener("click", (event) => acts[event.target.closest("[data-act]")?.dataset.act]?.());

  const texts = rows.map((row) => row.textContent.toLowerCase());
  function look() {
    const wanted = find.value.trim().toLowerCase();
    matches = wanted ? rows.flatMap((row, at) => (texts[at].includes(wanted) ? [at] : [])) : [];
    const found = new Set(matches);
    rows.forEach((row, at) => row.classList.toggle("match", found.has(at)));
    count.textContent = wanted ? String(matches.length) : "";
  }
  function step(by) {
    if (!matches.length) return;
    const at = matches.indexOf(chosen);
    const from = at < 0 && by < 0 ? 0 : at;
    const next = (from + by + matches.length) % matches.length;
    go(matches[next]);
    count.textContent = `${next + 1} / ${matches.length}`;
  }
  find.addEventListener("input", look);
  find.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    step(event.shiftKey ? -1 : 1);
  });

  const keys = { "+": "in", "-": "out", 0: "fit", a: "left", d: "right", "[": "open", "]": "shut", n: "next", N: "previous" };
  addEventListener("keydown", (event) => {
    if (event.target === find || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = rows.findIndex((row) => row.contains(event.target));
    const visible = () => rows.flatMap((row, n) => (row.parentElement.hidden ? [] : [n]));
    if (at >= 0 && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      fold(at, event.key === "ArrowLeft");
      show();
    } else if (at >= 0 && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const all = visible();
      const next = all[all.indexOf(at) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next !== undefined) go(next);
    } else if (event.key === "/") find.focus();
    else if (keys[event.key]) acts[keys[event.key]]();
    else return;
    event.preventDefault();
  });

  document.documentElement.classList.add("scripted");
  tools.hidden = false;
  zoom(0, 1000);
})();
