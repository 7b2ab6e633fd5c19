"""From the click on a tab to the drawn view, and frames while scrolling, in a real Chromium.

.venv/bin/python -m benchmarks.trace_views
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.make import jaeger_trace
from benchmarks.trace_page import load
from tests.peers import browser as chromium
from tests.peers.running import RunningSpanboard

SIZES = (10_000, 100_000)
RUNS = 5
VIEWS = ("flame", "statistics", "table", "graph", "logs")
OPEN = """async (view) => {
  const began = performance.now();
  document.querySelector(`[data-view-name=${view}]`).click();
  while (!document.querySelector(`#view-${view}[data-shown]`)) await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""
SCROLL = """async (selector) => {
  const scroller = document.querySelector(selector);
  const frames = [];
  let last = performance.now();
  for (let i = 0; i < 120; i += 1) {
    scroller.scrollTop = (scroller.scrollHeight * i) / 120;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  return frames.slice(2);
}"""
SORT = """async () => {
  const began = performance.now();
  document.querySelector('#view-table [data-column=duration] button').click();
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""


def measure(browser: Any, url: str) -> dict[str, float]:
    """Each view once, after the waterfall stands."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("[data-ready]", timeout=60_000)
    page.wait_for_timeout(1_000)
    result: dict[str, float] = {}
    for view in VIEWS:
        result[view] = page.evaluate(OPEN, view)
        if view == "table":
            frames = sorted(page.evaluate(SCROLL, "#view-table .row-table"))
            result["p95"] = frames[int(len(frames) * 0.95)]
            result["sort"] = page.evaluate(SORT)
    context.close()
    return result


def main() -> None:
    """One table."""
    folder = Path(tempfile.mkdtemp(prefix="spanboard-bench-"))
    board = RunningSpanboard("--no-demo")
    board.start()
    board.interrupt()
    ids = {
        count: load(board, jaeger_trace(count, seed=count), folder) for count in SIZES
    }
    board.start()
    names = [*VIEWS[:3], "sort the table", "table, frame p95", *VIEWS[3:]]
    print(f"| spans | {' | '.join(names)} |")
    print("|---|" + "---|" * len(names))
    try:
        for browser in chromium.launch():
            for count, trace_id in ids.items():
                runs = [
                    measure(browser, f"{board.url}/trace/{trace_id}")
                    for _ in range(RUNS)
                ]
                m = {key: statistics.median(r[key] for r in runs) for key in runs[0]}
                order = (*VIEWS[:3], "sort", "p95", *VIEWS[3:])
                cells = " | ".join(f"{m[key]:.0f} ms" for key in order)
                print(f"| {count:,} | {cells} |", flush=True)
    finally:
        board.stop()


if __name__ == "__main__":
    main()
