"""Imitates a Collector with two exporters: each body goes to all, with retries."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx


class Tee:
    """Takes OTLP at ``url`` and hands every body on, unchanged, to all targets.

    Every third body goes to the last target twice, as if an answer had been lost,
    and each target is served by a thread of its own, so that they differ in order.
    """

    def __init__(self, *targets: str):
        self.bodies = 0
        self.queues: list[list[tuple[bytes, dict[str, str]]]] = [[] for _ in targets]
        self.stopping = False
        tee = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kept = ("Content-Type", "Content-Encoding")
                headers = {k: self.headers[k] for k in kept if self.headers[k]}
                tee.bodies += 1
                for queue in tee.queues:
                    queue.append((body, headers))
                if tee.bodies % 3 == 0:
                    tee.queues[-1].append((body, headers))
                self.send_response(200)
                self.send_header("Content-Type", headers["Content-Type"])
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Nothing to say."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/traces"
        self.threads = [threading.Thread(target=self.server.serve_forever)]
        self.threads += [
            threading.Thread(target=self._export, args=[target, queue])
            for target, queue in zip(targets, self.queues, strict=True)
        ]
        for thread in self.threads:
            thread.start()

    def _export(self, target: str, queue: list[tuple[bytes, dict[str, str]]]) -> None:
        with httpx.Client(timeout=20) as client:
            while queue or not self.stopping:
                if not queue:
                    time.sleep(0.01)
                    continue
                body, headers = queue[0]
                answer = client.post(target, content=body, headers=headers)
                if answer.status_code in (429, 502, 503, 504):
                    time.sleep(float(answer.headers.get("Retry-After", 1)))
                    continue
                answer.raise_for_status()
                queue.pop(0)

    def stop(self) -> None:
        """Hand on what is left, and end."""
        self.stopping = True
        self.server.shutdown()
        self.server.server_close()
        for thread in self.threads:
            thread.join(60)
