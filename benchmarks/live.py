"""From a span that is sent to its row in a real Chromium, with many open pages.

.venv/bin/python -m benchmarks.live [search | different | jaeger | graph | load | redis …]

``search``: 1, 100 and 1,000 WebSocket clients of one search; ``different``: 100 and
1,000 of different ones; ``jaeger``: through a real Jaeger at a poll of one second;
``graph``: a number on the graph page; ``load``: while other traces come in;
``redis``: the span goes to one server, the pages are at another. The
clients but the browser run in another process and parse what they get.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import resource
import secrets
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import websockets

from tests.peers import browser as chromium
from tests.peers.jaeger import Jaeger
from tests.peers.need import until
from tests.peers.production import Production
from tests.peers.running import RunningSpanboard

SAMPLES = 60
WATCH = """() => {
  window.seen_ = {};
  const note = name => {
    if (name in window.seen_) return;
    window.seen_[name] = 0;
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        window.seen_[name] = performance.timeOrigin + performance.now();
      };
      channel.port2.postMessage(0);
    });
  };
  new MutationObserver(() => {
    for (const one of document.querySelectorAll('.trace-row .operation')) note(one.textContent);
  }).observe(document.querySelector('[data-list]'), { childList: true, subtree: true, characterData: true });
}"""
WATCH_NODE = """() => {
  window.seen_ = {};
  const look = () => {
    const node = document.querySelector('.service-node[data-service="bench"]');
    const calls = node?.dataset.calls;
    if (calls && !(calls in window.seen_)) window.seen_[calls] = performance.timeOrigin + performance.now();
    requestAnimationFrame(look);
  };
  look();
}"""


def body(name: str, service: str = "bench", count: int = 1) -> dict[str, Any]:
    """Traces of one span."""
    now = time.time_ns()
    spans = [
        {
            "traceId": secrets.token_hex(16),
            "spanId": secrets.token_hex(8),
            "name": name,
            "kind": 2,
            "startTimeUnixNano": str(now - 5_000_000),
            "endTimeUnixNano": str(now),
        }
        for _ in range(count)
    ]
    resource_ = {
        "attributes": [{"key": "service.name", "value": {"stringValue": service}}]
    }
    return {
        "resourceSpans": [{"resource": resource_, "scopeSpans": [{"spans": spans}]}]
    }


def p(values: list[float], share: float) -> float:
    """A percentile."""
    return sorted(values)[min(len(values) - 1, round(share * (len(values) - 1)))]


def clients(url: str, number: int, different: bool, pipe: Any) -> None:
    """Many pages in a process of their own; tells when all are open, then sums."""

    async def one(at: int, counts: list[int], opened: asyncio.Semaphore) -> None:
        query = f"?service=bench&limit={at + 51}" if different else ""
        async with opened:
            socket = await websockets.connect(
                url.replace("http", "ws") + f"/ws/search{query}",
                origin=url,  # type: ignore[arg-type]  # any text
                compression=None,
                max_size=None,
            )
            await socket.recv()
            await socket.recv()
        counts[0] += 1
        async for text in socket:
            counts[1] += json.loads(text)["type"] == "diff"

    async def lag(lags: list[float]) -> None:
        """The server's loop answers pings itself: their time is its lag."""
        socket = await websockets.connect(
            url.replace("http", "ws") + "/ws/sources",
            origin=url,  # type: ignore[arg-type]  # any text
        )
        while True:
            began = time.monotonic()
            await (await socket.ping())
            lags.append((time.monotonic() - began) * 1_000)
            await asyncio.sleep(0.05)

    async def run() -> None:
        counts, lags, opened = [0, 0], [0.0], asyncio.Semaphore(20)
        tasks = [asyncio.create_task(one(at, counts, opened)) for at in range(number)]
        while counts[0] < number:
            await asyncio.sleep(0.05)
        began, before = time.monotonic(), cpu_s()
        counts[1] = 0
        tasks.append(asyncio.create_task(lag(lags)))
        pipe.send("open")
        while not pipe.poll():
            await asyncio.sleep(0.05)
        took = time.monotonic() - began
        pipe.send(
            {
                "diffs": counts[1],
                "cpu": (cpu_s() - before) / took,
                "lag_p50": p(lags, 0.5),
                "lag_p95": p(lags, 0.95),
                "lag_max": max(lags),
            }
        )

    def cpu_s() -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    asyncio.run(run())


def server_cpu_s(board: RunningSpanboard) -> float:
    """CPU seconds of the server so far."""
    assert board.process is not None
    fields = Path(f"/proc/{board.process.pid}/stat").read_text().rpartition(")")[2]
    user, system = fields.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def server_mib(board: RunningSpanboard) -> float:
    """Its resident memory."""
    assert board.process is not None
    text = Path(f"/proc/{board.process.pid}/status").read_text()
    line = next(one for one in text.splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@contextmanager
def opened(browser: Any, url: str, script: str) -> Any:
    """A page that is live and notes what is seen."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector('[data-live-badge][data-state="live"]', timeout=60_000)
    page.evaluate(script)
    yield page
    context.close()


def measure(
    page: Any, send: Any, pause_s: tuple[float, float], samples: int = SAMPLES
) -> tuple[list[float], list[float]]:
    """Milliseconds from sending and from the answer until the row is seen."""
    times: dict[str, tuple[float, float]] = {}
    for number in range(samples):
        name = f"bench-{secrets.token_hex(4)}"
        began = time.time()
        send(name, number)
        times[name] = began, time.time()
        page.wait_for_timeout(random.uniform(*pause_s) * 1_000)
    until(
        lambda: all(page.evaluate("window.seen_").get(name) for name in times),
        "all rows",
        60,
    )
    seen = page.evaluate("window.seen_")
    return (
        [seen[name] - began * 1_000 for name, (began, _) in times.items()],
        [seen[name] - answered * 1_000 for name, (_, answered) in times.items()],
    )


def report(name: str, sent: list[float], accepted: list[float], more: str = "") -> None:
    print(
        f"{name:28} sent → seen p50 {p(sent, 0.5):5.0f} p95 {p(sent, 0.95):5.0f} "
        f"max {max(sent):5.0f} ms; accepted → seen p50 {p(accepted, 0.5):5.0f} "
        f"p95 {p(accepted, 0.95):5.0f} ms; n={len(sent)}, load of the machine "
        f"{os.getloadavg()[0]:.0f} {more}",
        flush=True,
    )


def with_clients(
    browser: Any, number: int, different: bool, traces_per_s: int = 0
) -> None:
    """One row of the table."""
    board = RunningSpanboard("--no-demo")
    board.start()
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=clients, args=(board.url, number - 1, different, there), daemon=True
    )
    loader = multiprocessing.get_context("spawn").Process(
        target=load, args=(board.url, traces_per_s), daemon=True
    )
    try:
        process.start()
        assert here.recv() == "open"
        with (
            httpx.Client(timeout=30) as http,
            opened(browser, f"{board.url}/search", WATCH) as page,
        ):
            http.post(f"{board.url}/v1/traces", json=body("first")).raise_for_status()
            if traces_per_s:
                loader.start()
            page.wait_for_timeout(1_500)
            cpu, began = server_cpu_s(board), time.monotonic()
            sent, accepted = measure(
                page,
                lambda name, _: http.post(
                    f"{board.url}/v1/traces", json=body(name)
                ).raise_for_status(),
                (0.3, 0.8) if number < 1_000 else (0.6, 1.2),
            )
            share = (server_cpu_s(board) - cpu) / (time.monotonic() - began)
            here.send("stop")
            said = here.recv()
        kind = "different" if different else "equal"
        report(
            f"{number} {kind}" + (f", {traces_per_s}/s" if traces_per_s else ""),
            sent,
            accepted,
            f"| server {share:.0%} of a core, {server_mib(board):.0f} MiB; clients "
            f"{said['cpu']:.0%}, {said['diffs']} diffs; loop lag p50 "
            f"{said['lag_p50']:.1f} p95 {said['lag_p95']:.1f} max {said['lag_max']:.0f} ms",
        )
    finally:
        for one in (process, loader):
            if one.pid:
                one.kill()
        board.stop()


def load(url: str, traces_per_s: int) -> None:
    """Other traces, some every 100 ms, until killed."""
    with httpx.Client(timeout=30) as http:
        while traces_per_s:
            began = time.monotonic()
            http.post(
                f"{url}/v1/traces",
                json=body("other", "other", max(1, traces_per_s // 10)),
            )
            time.sleep(max(0.0, 0.1 - (time.monotonic() - began)))


def through_jaeger(browser: Any) -> None:
    """A span in a real Jaeger until it is seen."""
    peer = Jaeger(Path(tempfile.mkdtemp(prefix="spanboard-jaeger-")))
    peer.start()
    board = RunningSpanboard("--jaeger", peer.url, SPANBOARD_POLL_SECONDS="1")
    try:
        with httpx.Client(timeout=30) as http:
            http.post(peer.otlp, json=body("first")).raise_for_status()
            board.start()
            with opened(browser, f"{board.url}/search", WATCH) as page:
                page.wait_for_selector("a.trace-row", timeout=30_000)
                sent, accepted = measure(
                    page,
                    lambda name, _: http.post(
                        peer.otlp, json=body(name)
                    ).raise_for_status(),
                    (1.2, 2.7),
                )
        report("from Jaeger, poll 1 s", sent, accepted)
    finally:
        board.stop()
        peer.stop()


def over_redis(browser: Any, number: int) -> None:
    """Two servers on PostgreSQL and Redis: a span goes to one, pages are at the other."""
    stack = Production(servers=2, workers=0, beats=0)
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=clients, args=(stack.urls[1], number - 1, False, there), daemon=True
    )
    try:
        stack.start()
        process.start()
        assert here.recv() == "open"
        with (
            httpx.Client(timeout=30) as http,
            opened(browser, f"{stack.urls[1]}/search", WATCH) as page,
        ):
            to = f"{stack.urls[0]}/v1/traces"
            http.post(to, json=body("first")).raise_for_status()
            page.wait_for_timeout(1_500)
            sent, accepted = measure(
                page,
                lambda name, _: http.post(to, json=body(name)).raise_for_status(),
                (0.4, 1.0),
            )
        report(f"{number} equal, other server", sent, accepted)
    finally:
        if process.pid:
            process.kill()
        stack.stop()


def on_the_graph(browser: Any) -> None:
    """A span until the number on its node has grown."""
    board = RunningSpanboard("--no-demo")
    board.start()
    try:
        with httpx.Client(timeout=30) as http:
            post = lambda: http.post(f"{board.url}/v1/traces", json=body("x"))  # noqa: E731
            post()
            with opened(browser, f"{board.url}/graph?lookback=1h", WATCH_NODE) as page:
                page.wait_for_selector('.service-node[data-service="bench"]')
                sent, accepted = [], []
                for number in range(2, SAMPLES + 2):
                    began = time.time()
                    post().raise_for_status()
                    answered = time.time()
                    seen = f"window.seen_[{number}]"
                    at_ms = until(
                        lambda seen=seen: page.evaluate(seen), "the number", 9, 0.05
                    )
                    sent.append(at_ms - began * 1_000)
                    accepted.append(at_ms - answered * 1_000)
                    page.wait_for_timeout(random.uniform(500, 1_700))
        report("graph page", sent, accepted)
    finally:
        board.stop()


def main() -> None:
    """Measure what is asked for, or everything."""
    asked = sys.argv[1:] or ["search", "different", "jaeger", "graph", "load", "redis"]
    browser = next(launched := chromium.launch())
    for what in asked:
        if what == "search":
            for number in (1, 100, 1_000):
                with_clients(browser, number, False)
        elif what == "different":
            for number in (100, 1_000):
                with_clients(browser, number, True)
        elif what == "load":
            for rate in (100, 300):
                with_clients(browser, 100, False, rate)
        elif what == "jaeger":
            through_jaeger(browser)
        elif what == "redis":
            for number in (1, 100, 1_000):
                over_redis(browser, number)
        elif what == "graph":
            on_the_graph(browser)
        else:
            sys.exit(f"{what} is not known: {__doc__}")
    launched.close()


if __name__ == "__main__":
    main()
