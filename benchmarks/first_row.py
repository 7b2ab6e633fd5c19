"""Time to the first row of the trace page in a real Chromium, cold cache.

.venv/bin/python -m benchmarks.first_row
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.make import body, jaeger_trace
from tests.peers import browser as chromium
from tests.peers.running import ROOT, RunningSpanboard

SIZES = (1_000, 10_000, 50_000, 100_000)
RUNS = 5
CLICK = """async () => {
  const row = document.querySelectorAll('.span-row')[5];
  const began = performance.now();
  row.click();
  while (!document.querySelector('.panel .figures')) await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""
SCROLL = """async () => {
  const grid = document.querySelector('[data-grid]');
  const frames = [];
  let last = performance.now();
  const steps = 120;
  for (let i = 0; i < steps; i += 1) {
    grid.scrollTop = (grid.scrollHeight * i) / steps;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  return frames.slice(2);
}"""


def load(board: RunningSpanboard, count: int, folder: Path) -> str:
    """Store a trace of a size; its id."""
    trace = jaeger_trace(count, seed=count)
    path = folder / f"{count}.json"
    path.write_bytes(body([trace]))
    environment = {**os.environ, "SPANBOARD_DATA_DIR": str(board.folder / "data")}
    subprocess.run(
        [sys.executable, "manage.py", "load", str(path)],
        cwd=ROOT,
        env=environment,
        check=True,
    )
    return str(trace["traceID"])


def measure(browser: Any, url: str) -> dict[str, float]:
    """One cold opening."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("[data-ready]", timeout=60_000)
    result = {
        "html": page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
        ),
        "rows": page.evaluate(
            "performance.getEntriesByName('spanboard-rows')[0].startTime"
        ),
        "kib": page.evaluate(
            "performance.getEntriesByType('resource').filter(e => e.startTime < performance.getEntriesByName('spanboard-rows')[0].startTime).reduce((a, e) => a + e.transferSize, 0)"
        )
        / 1024,
    }
    page.wait_for_timeout(700)
    result["click"] = page.evaluate(CLICK)
    frames = sorted(page.evaluate(SCROLL))
    result["p95"] = frames[int(len(frames) * 0.95)]
    result["heap"] = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    context.close()
    return result


def main() -> None:
    """One table."""
    folder = Path(tempfile.mkdtemp(prefix="spanboard-bench-"))
    board = RunningSpanboard("--no-demo")
    board.start()
    board.interrupt()
    ids = {count: load(board, count, folder) for count in SIZES}
    board.start()
    print(
        "| spans | first paint | rows usable | transferred until then | click → detail | scroll-bar drag, frame p95 | JS heap |"
    )
    print("|---|---|---|---|---|---|---|")
    try:
        for browser in chromium.launch():
            for count, trace_id in ids.items():
                runs = [
                    measure(browser, f"{board.url}/trace/{trace_id}")
                    for _ in range(RUNS)
                ]
                m = {key: statistics.median(r[key] for r in runs) for key in runs[0]}
                print(
                    f"| {count:,} | {m['html']:.0f} ms | {m['rows']:.0f} ms | {m['kib']:.0f} KiB "
                    f"| {m['click']:.0f} ms | {m['p95']:.0f} ms | {m['heap']:.0f} MB |",
                    flush=True,
                )
    finally:
        board.stop()


if __name__ == "__main__":
    main()
