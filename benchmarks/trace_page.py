"""The trace page in a real Chromium, cold cache: rows, bytes, frames, find, details, heap.

.venv/bin/python -m benchmarks.trace_page [--runs 5] [--only 100000]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.make import body, jaeger_trace
from tests.peers import browser as chromium
from tests.peers.running import RunningSpanboard

FRAME_MS = 20.0
CLICK = """async () => {
  const row = [...document.querySelectorAll('.span-row:not(.made):not([hidden])')].slice(0, 6).at(-1);
  const began = performance.now();
  row.click();
  while (!document.querySelector('.panel .figures')) await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""
FRAMES = """async (kind) => {
  const grid = document.querySelector('[data-grid]');
  const frames = [];
  let last = performance.now();
  const steps = 120;
  for (let i = 0; i < steps; i += 1) {
    if (kind === 'drag') grid.scrollTop = (grid.scrollHeight * i) / steps;
    else if (kind === 'wheel') grid.scrollTop += 100;
    else document.querySelector(i % 40 < 20 ? '[data-zoom-in]' : '[data-zoom-out]').click();
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  return frames.slice(2);
}"""
FIND = """async (words) => {
  const count = document.querySelector('[data-find-count]');
  const input = document.querySelector('[data-find-input]');
  input.value = words;
  count.textContent = '';
  const began = performance.now();
  input.dispatchEvent(new Event('input'));
  while (!count.textContent) await new Promise(requestAnimationFrame);
  return performance.now() - began - 150;  // the pause after the last key
}"""


def shapes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and traces, smallest first."""
    for count in (1_000, 10_000, 50_000, 100_000):
        yield f"{count:,}", jaeger_trace(count, seed=count)
    yield "10,000, 200 services", jaeger_trace(10_000, seed=2, services=200)
    for name, parent in (("deep", lambda n: n - 1), ("wide", lambda n: 0)):
        yield f"100,000, {name}", reshaped(parent, seed=len(name) + ord(name[0]))


def reshaped(parent: Any, seed: int) -> dict[str, Any]:
    """100,000 spans of which span ``n`` is called by span ``parent(n)``."""
    trace = jaeger_trace(100_000, seed=seed)
    spans = trace["spans"]
    first = min(span["startTime"] for span in spans)
    for number, span in enumerate(spans):
        span["startTime"] = first + number
        span["duration"] = 1_000_000 - number
        span["references"] = (
            [
                {
                    "refType": "CHILD_OF",
                    "traceID": trace["traceID"],
                    "spanID": spans[parent(number)]["spanID"],
                }
            ]
            if number
            else []
        )
    return trace


def load(board: RunningSpanboard, trace: dict[str, Any], folder: Path) -> str:
    """Store a trace; its id."""
    path = folder / "trace.json"
    path.write_bytes(body([trace]))
    board.load(path)
    return str(trace["traceID"])


def measure(browser: Any, url: str) -> dict[str, float]:
    """One cold opening, then one of each thing that a reader does."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("[data-ready]", timeout=60_000)
    result = {
        "first": page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
        ),
        "rows": page.evaluate(
            "performance.getEntriesByName('spanboard-rows')[0].startTime"
        ),
        "kib": page.evaluate(
            """() => {
              const until = performance.getEntriesByName('spanboard-rows')[0].startTime;
              return performance.getEntriesByType('resource')
                .filter(e => e.startTime < until && !e.name.includes('plotly'))
                .concat(performance.getEntriesByType('navigation'))
                .reduce((a, e) => a + e.transferSize, 0) / 1024;
            }"""
        ),
    }
    page.wait_for_timeout(700)
    result["click"] = page.evaluate(CLICK)
    page.keyboard.press("Escape")
    for kind in ("wheel", "drag", "zoom"):
        frames = sorted(page.evaluate(FRAMES, kind))
        result[kind] = frames[int(len(frames) * 0.95)]
        result[f"{kind}_late"] = 100 * sum(f > FRAME_MS for f in frames) / len(frames)
    for name, words in (("word", "items/77"), ("pair", "http.status_code=500")):
        result[name] = page.evaluate(FIND, words)
    result["heap"] = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    context.close()
    return result


def main() -> None:
    """One table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="part of a row's name")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="spanboard-bench-"))
    board = RunningSpanboard("--no-demo")
    board.start()
    board.interrupt()
    ids = {
        name: load(board, trace, folder)
        for name, trace in shapes()
        if options.only in name
    }
    board.start()
    print(
        "| spans | first row | rows usable | KiB until then | click → detail "
        "| wheel p95 (late) | drag p95 (late) | zoom p95 (late) "
        "| find a word | find key=value | JS heap |"
    )
    print("|" + "---|" * 11)
    try:
        for browser in chromium.launch():
            for name, trace_id in ids.items():
                # Repeats stay unfolded: the page shall show its rows.
                url = f"{board.url}/trace/{trace_id}?folds=0"
                runs = [measure(browser, url) for _ in range(options.runs)]
                m = {key: statistics.median(r[key] for r in runs) for key in runs[0]}
                frames = " ".join(
                    f"{m[k]:.0f} ms ({m[f'{k}_late']:.0f} %) |"
                    for k in ("wheel", "drag", "zoom")
                )
                print(
                    f"| {name} | {m['first']:.0f} ms | {m['rows']:.0f} ms "
                    f"| {m['kib']:.0f} | {m['click']:.0f} ms | {frames} "
                    f"{m['word']:.0f} ms | {m['pair']:.0f} ms | {m['heap']:.0f} MB |",
                    flush=True,
                )
    finally:
        board.stop()


if __name__ == "__main__":
    main()
