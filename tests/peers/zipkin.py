"""Starts a real Zipkin (memory store) on a port of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import IO, Any

import httpx

from tests.peers.need import free_port, need, until

JAR = Path(__file__).resolve().parent.parent.parent / ".peers/zipkin.jar"


class Zipkin:
    """One Zipkin; ``url`` is its address."""

    def __init__(self, folder: Path):
        self.jar = Path(os.environ.get("SPANBOARD_TEST_ZIPKIN", str(JAR)))
        java = shutil.which("java")
        need(java, "Java, which runs Zipkin,", "install a JRE, such as Debian's")
        need(
            self.jar.exists(),
            "A real Zipkin",
            "fetch its jar with .ci/run, or set SPANBOARD_TEST_ZIPKIN",
        )
        self.java = str(java)
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.log: IO[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.log = (self.folder / "zipkin.log").open("wb")
        self.process = subprocess.Popen(
            [self.java, "-Xmx256m", "-jar", str(self.jar)],
            stdout=self.log,
            stderr=self.log,
            env={
                **os.environ,
                "QUERY_PORT": str(self.port),
                "SELF_TRACING_ENABLED": "",
            },
        )
        until(self.answers, "Zipkin's start", 60)

    def answers(self) -> bool:
        """Whether it lives and answers."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "zipkin.log").read_text()[-2000:])
        try:
            return httpx.get(f"{self.url}/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def send(self, spans: list[dict[str, Any]]) -> None:
        """Send spans and wait until it holds their traces."""
        answer = httpx.post(f"{self.url}/api/v2/spans", json=spans, timeout=10)
        assert answer.status_code == 202, answer.text
        wanted = {(s["traceId"].zfill(32), s["id"]) for s in spans}

        def arrived() -> bool:
            held = set()
            for trace_id in {s["traceId"] for s in spans}:
                body = self.trace(trace_id)
                found = json.loads(body) if body else []
                held |= {(s["traceId"].zfill(32), s["id"]) for s in found}
            return wanted <= held

        until(arrived, "the arrival of the spans in Zipkin", 10)

    def trace(self, trace_id: str) -> bytes:
        """One trace as it answers, empty when it has none."""
        answer = httpx.get(f"{self.url}/api/v2/trace/{trace_id}", timeout=10)
        return answer.content if answer.status_code == 200 else b""

    def dependencies(
        self, first_ms: int, last_ms: int
    ) -> dict[tuple[str, str], tuple[int, int]]:
        """Calls and errors by (parent, child) of the traces in a window."""
        answer = httpx.get(
            f"{self.url}/api/v2/dependencies",
            params={"endTs": last_ms, "lookback": last_ms - first_ms},
            timeout=10,
        )
        return {
            (d["parent"], d["child"]): (d["callCount"], d.get("errorCount", 0))
            for d in answer.json()
        }

    def stop(self) -> None:
        """Kill it; its memory is gone."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        if self.log is not None:
            self.log.close()
