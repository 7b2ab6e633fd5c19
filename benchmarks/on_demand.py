"""Opening a trace that only Jaeger holds: from navigation to usable rows, in a real Chromium.

.venv/bin/python -m benchmarks.on_demand

The trace began before the look-back, so no pull has brought it; each run asks a
Spanboard with an empty store.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.make import body, jaeger_trace
from dashboard.adjusters.standard import adjust
from dashboard.sources.detect import decode
from dashboard.sources.otlp.export import to_otlp_json
from tests.peers import browser as chromium
from tests.peers.jaeger import Jaeger
from tests.peers.need import until
from tests.peers.running import RunningSpanboard

SIZES = (1_000, 10_000, 100_000)
RUNS = 3
CHUNK = 5_000
BEFORE_US = 6 * 3600 * 1_000_000


def send(jaeger: Jaeger, count: int) -> str:
    """Give Jaeger a trace that began six hours ago, in pieces; its id."""
    trace = jaeger_trace(count, seed=count)
    for span in trace["spans"]:
        span["startTime"] -= BEFORE_US
    spans = trace["spans"]
    for first in range(0, count, CHUNK):
        piece = {**trace, "spans": spans[first : first + CHUNK]}
        sent = to_otlp_json([adjust(t) for t in decode(body([piece])).traces])
        httpx.post(
            jaeger.otlp,
            content=sent,
            headers={"Content-Type": "application/json"},
            timeout=60,
        ).raise_for_status()
    address = f"{jaeger.url}/api/traces/{trace['traceID']}"

    def whole() -> bool:
        found = httpx.get(address, timeout=60).json()["data"]
        return bool(found) and len(found[0]["spans"]) == count

    until(whole, f"{count} spans in Jaeger", 60, 1)
    return str(trace["traceID"])


def main() -> None:
    """One table."""
    folder = Path(tempfile.mkdtemp(prefix="spanboard-bench-"))
    jaeger = Jaeger(folder)
    jaeger.start()
    print("| spans | Jaeger's answer alone | rows usable |")
    print("|---|---|---|")
    try:
        for browser in chromium.launch():
            for count in SIZES:
                trace_id = send(jaeger, count)
                alone, usable = [], []
                for _ in range(RUNS):
                    began = time.perf_counter()
                    json_size = len(
                        httpx.get(
                            f"{jaeger.url}/api/traces/{trace_id}", timeout=60
                        ).content
                    )
                    assert json_size > count
                    alone.append(1000 * (time.perf_counter() - began))
                    board = RunningSpanboard("--jaeger", jaeger.url)
                    board.start()
                    page = browser.new_context().new_page()
                    page.goto(f"{board.url}/trace/{trace_id}", timeout=60_000)
                    page.wait_for_selector(f'[data-ready="{count}"]', timeout=60_000)
                    usable.append(
                        page.evaluate(
                            "performance.getEntriesByName('spanboard-rows')[0].startTime"
                        )
                    )
                    page.context.close()
                    board.stop()
                print(
                    f"| {count:,} | {statistics.median(alone):.0f} ms "
                    f"| {statistics.median(usable):.0f} ms |",
                    flush=True,
                )
    finally:
        jaeger.stop()


if __name__ == "__main__":
    main()
