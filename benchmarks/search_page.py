"""A list of 1,500 traces in a real Chromium, cold cache: first row, idle, heap.

.venv/bin/python -m benchmarks.search_page [--runs 5] [--traces 1500]

Idle is when the main thread rests for half a second (no task above 50 ms) after
the chart stands. The heap is measured after a collection.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.make import body, jaeger_trace
from tests.peers import browser as chromium
from tests.peers.running import RunningSpanboard

WATCH = """
globalThis.lastLong = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) globalThis.lastLong = entry.startTime + entry.duration;
}).observe({ type: 'longtask', buffered: true });
globalThis.firstRow = 0;
(function look() {
  if (document.querySelector('.trace-row')) globalThis.firstRow = performance.now();
  else requestAnimationFrame(look);
})();
"""
IDLE = """async () => {
  while (!document.querySelector('[data-scatter] .plot-container')) await new Promise((r) => setTimeout(r, 20));
  const chart = performance.now();
  for (;;) {
    await new Promise((r) => setTimeout(r, 50));
    if (performance.now() - Math.max(globalThis.lastLong, chart) > 500) return Math.max(globalThis.lastLong, chart);
  }
}"""


def measure(browser: Any, url: str) -> dict[str, float]:
    """One cold opening."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(url, wait_until="commit")
    page.wait_for_selector(".trace-row", timeout=60_000)
    result = {
        "idle": page.evaluate(IDLE),
        "first": page.evaluate("globalThis.firstRow"),
        "rows": page.locator(".trace-row").count(),
    }
    session = context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    result["heap"] = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    result["answer"] = page.evaluate(
        "performance.getEntriesByType('navigation')[0].responseEnd"
    )
    result["kib"] = page.evaluate(
        "performance.getEntriesByType('navigation')[0].transferSize / 1024"
    )
    context.close()
    return result


def main() -> None:
    """One line a run, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--traces", type=int, default=1500)
    options = parser.parse_args()
    path = Path(tempfile.mkdtemp(prefix="spanboard-bench-")) / "traces.json"
    path.write_bytes(body([jaeger_trace(20, seed=n) for n in range(options.traces)]))
    board = RunningSpanboard("--no-demo")
    board.start()
    board.interrupt()
    board.load(path)
    board.start()
    try:
        for browser in chromium.launch():
            url = f"{board.url}/search?limit={options.traces}"
            measure(browser, url)  # the server's first answer of this kind
            runs = [measure(browser, url) for _ in range(options.runs)]
            print("| rows | answer | first row | idle | KiB | JS heap |")
            print("|---|---|---|---|---|---|")
            m = {key: statistics.median(r[key] for r in runs) for key in runs[0]}
            print(
                f"| {m['rows']:.0f} | {m['answer']:.0f} ms | {m['first']:.0f} ms "
                f"| {m['idle']:.0f} ms | {m['kib']:.0f} | {m['heap']:.1f} MB |"
            )
    finally:
        board.stop()


if __name__ == "__main__":
    main()
