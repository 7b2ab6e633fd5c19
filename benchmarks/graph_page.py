"""The service graph in a real Chromium: first paint, frames of gestures, live cost.

.venv/bin/python -m benchmarks.graph_page [services …]
"""

from __future__ import annotations

import statistics
import sys
import threading
from typing import Any

import httpx

from tests.peers import browser as chromium
from tests.peers.bigsystem import EDGES, BigSystem
from tests.peers.need import until
from tests.peers.running import RunningSpanboard

RUNS = 3
LIVE_S = 12
CALLS = {10: 40, 50: 20, 200: 6, 1_000: 2}
FRAMES = """() => {
  window.frames_ = [];
  let last = performance.now();
  const step = () => {
    const now = performance.now();
    window.frames_.push(now - last);
    last = now;
    window.going_ = requestAnimationFrame(step);
  };
  window.going_ = requestAnimationFrame(step);
}"""
STOP = "() => { cancelAnimationFrame(window.going_); return window.frames_.slice(2); }"
LONG = """() => {
  window.long_ = [];
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) window.long_.push(entry.duration);
  }).observe({ type: 'longtask' });
}"""


def board_of(services: int) -> tuple[RunningSpanboard, BigSystem]:
    """A Spanboard that holds some minutes of a system."""
    running = RunningSpanboard("--no-demo")
    running.start()
    system = BigSystem(services)
    system.send(running.url, minutes=10, calls=CALLS[services])

    def settled() -> bool:
        answer = httpx.get(
            f"{running.url}/api/dependencies?lookback=3600000", timeout=60
        )
        return len(answer.json()["data"]) >= len(system.edges)

    until(settled, "the system's edges", 120, every=1)
    return running, system


def p95(values: list[float]) -> float:
    """The value that 95 of 100 do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def gesture(page: Any, act: Any) -> list[float]:
    """Frame times in ms while something is done with the mouse, its end included."""
    page.evaluate(FRAMES)
    act()
    page.wait_for_selector("[data-stage]:not(.moving)")
    page.wait_for_timeout(300)
    return list(page.evaluate(STOP))


def pan(page: Any) -> None:
    """A drag of a second."""
    page.mouse.move(600, 400)
    page.mouse.down()
    for i in range(60):
        page.mouse.move(600 + 4 * i, 400 + 2 * i)
    page.mouse.up()


def zoom(page: Any) -> None:
    """Twenty notches in and out."""
    page.mouse.move(600, 400)
    for i in range(20):
        page.mouse.wheel(0, -60 if i < 10 else 60)
        page.wait_for_timeout(16)


def measure(browser: Any, url: str) -> dict[str, Any]:
    """One cold opening and its gestures."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("[data-stage][data-drawn]", timeout=60_000)
    first = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
    result = {
        "paint": page.evaluate(first),
        "drawn": page.evaluate(
            "performance.getEntriesByName('spanboard-graph')[0].startTime"
        ),
        "nodes": page.locator(".service-node").count(),
    }
    page.wait_for_timeout(1_500)
    result["pan"] = gesture(page, lambda: pan(page))
    result["zoom"] = gesture(page, lambda: zoom(page))
    context.close()
    return result


def live(browser: Any, url: str, system: BigSystem, to: str) -> dict[str, float]:
    """Main-thread time of a live update, dots off, while traffic arrives."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector('[data-live-badge][data-state="live"]', timeout=60_000)
    page.wait_for_timeout(1_500)
    page.evaluate(LONG)
    page.evaluate("performance.clearMeasures()")
    client = context.new_cdp_session(page)
    client.send("Performance.enable")

    def spent() -> float:
        metrics = client.send("Performance.getMetrics")["metrics"]
        return float(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))

    stop = threading.Event()

    def feed() -> None:
        while not stop.wait(0.5):
            system.trickle(to, 30)

    feeder = threading.Thread(target=feed)
    feeder.start()
    before = spent()
    page.wait_for_timeout(LIVE_S * 1_000)
    after = spent()
    stop.set()
    feeder.join()
    scripts = page.evaluate(
        "performance.getEntriesByName('spanboard-graph-live').map(e => e.duration)"
    )
    long = page.evaluate("window.long_")
    context.close()
    count = max(len(scripts), 1)
    return {
        "updates": len(scripts),
        "each": (after - before) * 1_000 / count,
        "longest": max(long, default=0.0),
    }


def row(browser: Any, name: str, url: str, system: BigSystem, to: str) -> None:
    """Measure one page and print its row."""
    runs = [measure(browser, url) for _ in range(RUNS)]
    pans = [frame for run in runs for frame in run["pan"]]
    zooms = [frame for run in runs for frame in run["zoom"]]
    cost = live(browser, url, system, to)
    longest = f"{cost['longest']:.0f} ms" if cost["longest"] else "none"
    print(
        f"| {name} | {runs[0]['nodes']} "
        f"| {statistics.median(r['paint'] for r in runs):.0f} ms "
        f"| {statistics.median(r['drawn'] for r in runs):.0f} ms "
        f"| {p95(pans):.0f} / {max(pans):.0f} ms | {p95(zooms):.0f} / {max(zooms):.0f} ms "
        f"| {cost['each']:.0f} ms ({cost['updates']:.0f}) | {longest} |",
        flush=True,
    )


def main() -> None:
    """One table."""
    sizes = [int(word) for word in sys.argv[1:]] or list(EDGES)
    print(
        "| services / edges | nodes drawn | first paint | edges drawn | pan, frame p95 / max "
        "| zoom, frame p95 / max | live update (count) | longest task over 50 ms |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for browser in chromium.launch():
        for services in sizes:
            board, system = board_of(services)
            name = f"{services:,} / {len(system.edges):,}"
            try:
                url = f"{board.url}/graph?lookback=1h"
                row(browser, name, url, system, board.url)
                if services == max(EDGES):
                    row(
                        browser,
                        f"{name}, one group open",
                        f"{url}&open=risk",
                        system,
                        board.url,
                    )
            finally:
                board.stop()


if __name__ == "__main__":
    main()
