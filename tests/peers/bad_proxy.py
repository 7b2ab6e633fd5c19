"""A proxy before a real backend that misbehaves as it is told."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

BROKEN = {
    "500": (500, b'{"errors":[{"code":500,"msg":"storage is down"}]}'),
    "429": (429, b"too many requests"),
    "html": (200, b"<html><b>Sign in</b></html>"),
}


class BadProxy:
    """``url`` stands for the backend; ``mode`` is "well" or how it fails.

    Every second request of those below /api/traces fails while a mode is set, so
    that parts of a pull go well: the hardest case for whoever keeps count.
    """

    def __init__(self, backend: str):
        self.backend = backend
        self.mode = "well"
        self.failed: Counter[str] = Counter()
        self.asked = 0
        self.resume = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with contextlib.suppress(OSError):  # the asker gave up, as it may
                    outer.answer(self)

            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):
                    super().handle()

            def log_message(self, *args: Any) -> None:
                """Keep the tests' output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Pass the request on, or fail in the way that is set."""
        self.asked += 1
        mode = self.mode
        if "/traces" not in request.path or self.asked % 2:
            mode = "well"
        if mode in BROKEN:
            status, body = BROKEN[mode]
            self._send(request, status, body, len(body))
        else:
            found = httpx.get(f"{self.backend}{request.path}", timeout=60)
            body = found.content
            if mode == "slow":  # until the asker has long given up
                self.failed[mode] += 1
                self.resume.wait(30)
            if mode == "truncated":
                self._send(
                    request, found.status_code, body[: len(body) // 2], len(body)
                )
                request.close_connection = True
            elif mode == "half":  # whole by its length, cut off inside
                half = body[: len(body) // 2]
                self._send(request, found.status_code, half, len(half))
            else:
                self._send(request, found.status_code, body, len(body))
        if mode not in ("well", "slow"):
            self.failed[mode] += 1

    def _send(
        self, request: BaseHTTPRequestHandler, status: int, body: bytes, length: int
    ) -> None:
        request.send_response(status)
        kind = "text/html" if body.startswith(b"<") else "application/json"
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(length))
        if status == 429:
            request.send_header("Retry-After", "1")
        request.end_headers()
        request.wfile.write(body)

    def stop(self) -> None:
        """End it."""
        self.resume.set()
        self.server.shutdown()
        self.server.server_close()
