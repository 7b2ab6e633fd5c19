"""The sources page over a real Jaeger: past windows fetched live, and through a kill."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from dashboard.demo.traffic import send
from tests.e2e.test_whole_way import edges, stored
from tests.peers.axe import violations
from tests.peers.need import until

HALF_A_DAY_S = 12 * 3_600.0


class Slow:
    """Stands before a Jaeger, lets each answer wait, and counts what is asked at once."""

    def __init__(self, url: str, pause_s: float):
        self.now = self.most = 0
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with lock:
                    outer.now += 1
                    outer.most = max(outer.most, outer.now)
                time.sleep(pause_s)
                answer = httpx.get(url + self.path, timeout=20)
                with lock:
                    outer.now -= 1
                self.send_response(answer.status_code)
                self.send_header("Content-Type", answer.headers["content-type"])
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                try:
                    self.wfile.write(answer.content)
                except OSError:  # the asker was killed, as the test wants
                    self.close_connection = True

            def log_message(self, *args: Any) -> None:
                """Keep the tests' output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def slow(jaeger: Any) -> Iterator[Slow]:
    """The slow door, shut at the end."""
    made = Slow(jaeger.url, 0.05)
    yield made
    made.server.shutdown()
    made.server.server_close()


def day_window() -> tuple[str, str]:
    """From a day ago until now, as the form writes it (UTC)."""
    return tuple(  # type: ignore[return-value]  # two of them
        time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() - back_s))
        for back_s in (86_400, 0)
    )


def calls(board: Any) -> dict[tuple[str, str], int]:
    """Calls of the last day by edge."""
    data = httpx.get(f"{board.url}/graph.json?lookback=1d", timeout=20).json()
    return {(e["caller"], e["callee"]): e["calls"] for e in data["edges"]}


@pytest.mark.browser
@pytest.mark.jaeger
def test_a_past_window_is_ordered_by_keyboard_and_watched_until_all_is_here(
    jaeger: Any, slow: Slow, spanboard: Any, browser: Any
) -> None:
    truth = send(jaeger.otlp, 300, seed=31, spread_s=HALF_A_DAY_S)
    board = spanboard("--jaeger", slow.url)
    until(lambda: 0 < stored(board) < 60, "the last hour in Spanboard", 60, 0.5)
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, timezone_id="UTC"
    )
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.goto(f"{board.url}/sources")
    page.wait_for_selector('[data-live-badge][data-state="live"]')
    page.wait_for_selector("text=somebody watches", timeout=20_000)
    page.get_by_text("Fetch a past window").focus()
    page.keyboard.press("Enter")
    for name, value in zip(("from", "to"), day_window(), strict=True):
        page.locator(f"input[name={name}]").fill(value)
    assert violations(page) == []
    page.get_by_role("button", name="Fetch", exact=True).focus()
    page.keyboard.press("Enter")
    bar = page.locator(".fill progress")
    bar.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    seen: set[float] = set()

    def done() -> bool:
        seen.add(bar.evaluate("bar => bar.value / bar.max"))
        return page.locator('.fill[data-state="done"]').count() == 1

    until(done, "the end of the back-fill on the page, without a reload", 90, 0.3)
    assert len(seen) > 2, f"no progress was to be seen: {sorted(seen)}"
    words = page.locator(".fill").inner_text()
    assert re.search(r"(\d+) of \1 windows, \d+ traces stored", words), words
    assert stored(board) == 300
    assert calls(board) == truth.calls
    assert slow.most <= 4
    assert violations(page) == []
    assert not faults
    context.close()


@pytest.mark.jaeger
def test_killed_in_a_back_fill_it_goes_on_after_the_start(
    jaeger: Any, slow: Slow, spanboard: Any
) -> None:
    truth = send(jaeger.otlp, 300, seed=32, spread_s=HALF_A_DAY_S)
    board = spanboard("--jaeger", slow.url)
    until(lambda: 0 < stored(board) < 60, "the last hour in Spanboard", 60, 0.5)
    with httpx.Client(base_url=board.url, timeout=20) as client:
        token = re.search(
            r'csrfmiddlewaretoken" value="(\w+)"', client.get("/sources").text
        )
        assert token
        start, end = day_window()
        answer = client.post(
            "/sources/1/back-fill",
            data={"from": start, "to": end, "csrfmiddlewaretoken": token[1]},
            headers={"Origin": board.url},
        )
        assert answer.status_code == 302

        def midway() -> bool:
            text = client.get("/sources").text
            at = re.search(r'<progress max="(\d+)" value="(\d+)"', text)
            return bool(at) and 0 < int(at[2]) < int(at[1])

        until(midway, "the back-fill under way", 60, 0.1)
    assert board.process is not None
    os.killpg(board.process.pid, signal.SIGKILL)
    board.process.wait(10)
    board.start()
    page = f"{board.url}/sources"
    until(
        lambda: 'data-state="done"' in httpx.get(page, timeout=20).text,
        "the end of the back-fill after the kill",
        90,
        0.5,
    )
    assert stored(board) == 300
    assert calls(board) == truth.calls
    assert "Traceback" not in board.text()


@pytest.mark.jaeger
def test_killed_in_a_catch_up_nothing_is_lost_or_counted_twice(
    jaeger: Any, slow: Slow, spanboard: Any
) -> None:
    """kill -9 again and again while an hour is pulled; Jaeger never stops."""
    truth = send(jaeger.otlp, 600, seed=33, spread_s=3_000)
    board = spanboard(
        "--jaeger", slow.url, SPANBOARD_POLL_SECONDS="0.3", SPANBOARD_PULL_LIMIT="20"
    )
    for least in (1, 150, 300):
        until(lambda n=least: stored(board) >= n, f"{least} traces", 60, 0.05)
        assert board.process is not None
        os.killpg(board.process.pid, signal.SIGKILL)
        board.process.wait(10)
        board.start()
    until(lambda: stored(board) == 600, "all traces", 90, 0.5)
    wanted = Counter(truth.calls)
    until(
        lambda: {k: v[0] for k, v in edges(board).items()} == wanted,
        f"exact calls (wanted {dict(wanted)}, have {edges(board)})",
        30,
        0.5,
    )
