"""A backend that misbehaves: the page says so, the rest works, and it recovers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

TRACE = "fa11" * 8


def jaeger_answer(path: str) -> dict[str, Any]:
    """What a healthy Jaeger would say: one trace of one span."""
    if "/services" in path:
        return {"data": ["shop"]}
    if "/operations" in path:
        return {"data": [{"name": "buy", "spanKind": "server"}]}
    span = {
        "traceID": TRACE,
        "spanID": "00000000000000aa",
        "operationName": "buy",
        "references": None,
        "tags": None,
        "logs": None,
        "warnings": None,
        "startTime": int(time.time() * 1e6) - 30_000_000,
        "duration": 1_000,
        "processID": "missing",
    }
    return {"data": [{"traceID": TRACE, "spans": [span], "processes": {}}]}


class Backend:
    """An HTTP server whose answers are as bad as ``mode`` says."""

    def __init__(self) -> None:
        self.mode = "well"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *args: Any) -> None:
                """Keep the tests' output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        status, kind, body = 200, "application/json", b""
        good = json.dumps(jaeger_answer(request.path)).encode()
        if self.mode == "well":
            body = good
        elif self.mode == "html":
            kind, body = "text/html", b"<html><b>Sign in</b></html>"
        elif self.mode == "half":
            body = good[: len(good) // 2]
        elif self.mode == "500":
            status, body = 500, b'{"errors":[{"code":500,"msg":"storage is down"}]}'
        elif self.mode == "slow":
            time.sleep(3)
            body = good
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        try:
            request.wfile.write(body)
        except OSError:  # the asker gave up, as it should
            request.close_connection = True


@pytest.fixture
def backend() -> Iterator[Backend]:
    """The server, stopped at the end."""
    made = Backend()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.browser
@pytest.mark.parametrize("mode", ["html", "half", "500", "slow"])
def test_a_bad_backend_is_told_where_one_looks_and_passes(
    mode: str, backend: Backend, spanboard: Any, browser: Any
) -> None:
    board = spanboard(
        "--jaeger",
        backend.url,
        SPANBOARD_POLL_SECONDS="0.3",
        SPANBOARD_JAEGER_TIMEOUT_SECONDS="1",
    )
    context = browser.new_context()
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(board.url)
    page.wait_for_selector(".trace-row", timeout=20_000)
    # The open page says by itself what fails, and what it shows meanwhile.
    backend.mode = mode
    page.wait_for_selector("[data-failing] .notice.error", timeout=30_000)
    words = page.locator("[data-failing]").inner_text()
    assert "Jaeger does not answer" in words
    assert "Sign in</b>" not in words
    assert page.locator(".trace-row").count() == 1
    # What is stored opens; an unknown trace is told, with the reason.
    page.goto(f"{board.url}/trace/{TRACE}")
    page.wait_for_selector("[data-ready]")
    assert httpx.get(f"{board.url}/trace/{'b' * 32}", timeout=30).status_code == 404
    page.goto(f"{board.url}/sources")
    assert "Does not answer" in page.locator(".source-row").first.inner_text()
    # It answers again: the line goes away by itself.
    page.goto(board.url)
    backend.mode = "well"
    page.wait_for_selector(
        "[data-failing]:not(:has(.notice))", state="attached", timeout=60_000
    )
    assert not faults
    assert "Traceback" not in board.text()
    context.close()
