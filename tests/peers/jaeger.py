"""Starts a real Jaeger (memory store) on ports of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import IO

import httpx

from tests.peers.need import free_port, need, until

BINARY = Path(__file__).resolve().parent.parent.parent / ".peers/jaeger"
CONFIG = """
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: {{receivers: [otlp, zipkin], processors: [], exporters: [jaeger_storage_exporter]}}
  telemetry:
    metrics: {{level: none}}
    logs: {{level: warn}}
extensions:
  jaeger_query:
    storage: {{traces: memory}}
    http: {{endpoint: "127.0.0.1:{query}"}}
    grpc: {{endpoint: "127.0.0.1:{query_grpc}"}}
  jaeger_storage:
    backends: {{memory: {{memory: {{max_traces: 200000}}}}}}
receivers:
  otlp:
    protocols:
      http: {{endpoint: "127.0.0.1:{otlp}"}}
  zipkin: {{endpoint: "127.0.0.1:{zipkin}"}}
exporters:
  jaeger_storage_exporter: {{trace_storage: memory}}
"""


class Jaeger:
    """One Jaeger; ``url`` is its query address; ``otlp`` takes spans, and so does
    ``zipkin_url`` below /api/v2/spans."""

    def __init__(self, folder: Path):
        found = os.environ.get("SPANBOARD_TEST_JAEGER") or (
            str(BINARY) if BINARY.exists() else shutil.which("jaeger")
        )
        need(
            found,
            "A real Jaeger",
            "build it with .ci/run, or set SPANBOARD_TEST_JAEGER",
        )
        self.binary = str(found)
        self.folder = folder
        self.query, self.port = free_port(), free_port()
        self.zipkin_port = free_port()
        self.zipkin_url = f"http://127.0.0.1:{self.zipkin_port}"
        self.url = f"http://127.0.0.1:{self.query}"
        self.otlp = f"http://127.0.0.1:{self.port}/v1/traces"
        self.process: subprocess.Popen[bytes] | None = None
        self.log: IO[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        config = self.folder / "jaeger.yaml"
        config.write_text(
            CONFIG.format(
                query=self.query,
                query_grpc=free_port(),
                otlp=self.port,
                zipkin=self.zipkin_port,
            )
        )
        self.log = (self.folder / "jaeger.log").open("wb")
        # Jaeger would trace itself and send that to whoever listens on 4317.
        environment = {**os.environ, "OTEL_TRACES_SAMPLER": "always_off"}
        self.process = subprocess.Popen(
            [self.binary, "--config", str(config)],
            stdout=self.log,
            stderr=self.log,
            env=environment,
        )
        until(self.answers, "Jaeger's start", 40)

    def answers(self) -> bool:
        """Whether it lives and answers."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "jaeger.log").read_text()[-2000:])
        try:
            return httpx.get(f"{self.url}/api/services", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """Kill it; its memory is gone."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        if self.log is not None:
            self.log.close()
