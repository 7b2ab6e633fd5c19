"""Senders that nobody here wrote, against a running Spanboard."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
from collections import Counter
from typing import Any

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import SpanKind
from prometheus_client.parser import text_string_to_metric_families

from dashboard.demo.traffic import send
from tests.peers.need import until
from tests.peers.running import RunningSpanboard
from tests.peers.tee import Tee


@pytest.mark.parametrize("compression", [Compression.Gzip, Compression.NoCompression])
def test_spans_of_the_opentelemetry_sdk_all_arrive(
    spanboard: type[RunningSpanboard], compression: Compression
) -> None:
    board = spanboard("--no-demo")
    exporter = OTLPSpanExporter(f"{board.url}/v1/traces", compression=compression)
    provider = TracerProvider(resource=Resource.create({"service.name": "sdk"}))
    provider.add_span_processor(BatchSpanProcessor(exporter, max_export_batch_size=64))
    tracer = provider.get_tracer("test", "1")
    with tracer.start_as_current_span("root", kind=SpanKind.SERVER) as root:
        trace_id = f"{root.get_span_context().trace_id:032x}"
        for number in range(300):
            with tracer.start_as_current_span("step") as span:
                span.set_attribute("number", number)
    assert provider.force_flush(20_000)
    provider.shutdown()
    (trace,) = httpx.get(f"{board.url}/api/traces/{trace_id}?raw=true").json()["data"]
    numbers = sorted(
        tag["value"]
        for span in trace["spans"]
        for tag in span["tags"]
        if tag["key"] == "number"
    )
    assert len(trace["spans"]) == 301
    assert numbers == list(range(300))
    assert trace["processes"]["p1"]["serviceName"] == "sdk"


def test_an_envoy_on_this_machine_is_understood(
    spanboard: type[RunningSpanboard],
) -> None:
    """As Envoy 1.40 sends it: in chunks, any Host, the machine's own address."""
    board = spanboard("--no-demo")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        own = probe.getsockname()[0]
    headers = {
        "Host": "spanboard_collector.tracing",
        "Content-Type": "application/json",
        "X-Envoy-Internal": "true",
        "X-Forwarded-For": own,
        "X-Envoy-Expected-Rq-Timeout-Ms": "5000",
    }
    half = {
        "traceId": "fbcb3cd16074efbd",
        "id": "fbcb3cd16074efbd",
        "name": "details.default.svc.cluster.local:9080/*",
        "localEndpoint": {"ipv4": own, "port": 0, "serviceName": "envoy"},
        "tags": {"component": "proxy", "http.status_code": "503", "error": "true"},
    }
    at = 1_795_617_515_613_576
    spans = [
        {**half, "kind": "SERVER", "shared": True, "timestamp": at + 487},
        {**half, "kind": "CLIENT", "timestamp": at, "duration": 584},
    ]
    body = json.dumps(spans).encode()
    pieces = (body[at : at + 50] for at in range(0, len(body), 50))
    answer = httpx.post(f"{board.url}/api/v2/spans", content=pieces, headers=headers)
    assert (answer.status_code, answer.content) == (202, b"")
    found = httpx.get(f"{board.url}/api/traces/fbcb3cd16074efbd?raw=true").json()
    assert len(found["data"][0]["spans"]) == 2
    headers["X-Forwarded-For"] = "203.0.113.9"
    answer = httpx.post(f"{board.url}/api/v2/spans", content=body, headers=headers)
    assert answer.status_code == 401


@pytest.mark.jaeger
def test_what_a_collector_tees_to_jaeger_and_here_counts_once(
    jaeger: Any, spanboard: type[RunningSpanboard]
) -> None:
    """The same spans by OTLP and by pulling the Jaeger that got them too."""
    traces = 90
    board = spanboard("--jaeger", jaeger.url)
    tee = Tee(jaeger.otlp, f"{board.url}/v1/traces")
    made, failed = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    try:
        for seed in (31, 32, 33):
            truth = send(tee.url, traces // 3, seed=seed)
            made += truth.calls
            failed += truth.errors
    finally:
        tee.stop()
    assert tee.bodies >= 3

    def calls(**source: str) -> dict[tuple[str, str], tuple[int, int]]:
        asked = httpx.QueryParams({"lookback": "1h", **source})
        data = httpx.get(f"{board.url}/graph.json?{asked}", timeout=20).json()
        return {
            (e["caller"], e["callee"]): (e["calls"], e["errors"]) for e in data["edges"]
        }

    wanted = {edge: (n, failed[edge]) for edge, n in made.items()}
    held = metric(board, "spanboard_source_traces")
    until(
        lambda: (
            metric(board, "spanboard_source_traces")
            == {"OTLP": traces, "Jaeger": traces}
        ),
        f"both sources hold all ({held})",
        60,
    )
    until(lambda: calls() == wanted, f"each call once ({calls()}, {wanted})", 30)
    name = "spanboard_source_last_success_timestamp_seconds"
    asked_at = metric(board, name)["Jaeger"]
    until(lambda: metric(board, name)["Jaeger"] > asked_at, "another pull of it all")
    assert calls() == wanted
    listed = httpx.get(f"{board.url}/api/traces?service=gateway&limit=1000").json()
    ids = [trace["traceID"] for trace in listed["data"]]
    assert len(ids) == len(set(ids))
    assert board.verify()["differences"] == []


def metric(board: RunningSpanboard, name: str) -> dict[str, float]:
    """A figure of each source."""
    text = httpx.get(f"{board.url}/metrics").text
    return {
        sample.labels["source"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def test_real_exporters_outlast_a_store_that_stands_still(
    spanboard: type[RunningSpanboard],
) -> None:
    """Twelve SDKs send while nothing can be written; their own retries get all in."""
    exporters, spans = 12, 400
    board = spanboard(
        "--no-demo",
        SPANBOARD_OTLP_MAX_WAITING="2",
        SPANBOARD_OTLP_MAX_WAITING_BYTES="300000",
    )
    results: list[SpanExportResult] = []

    class Recorded(OTLPSpanExporter):
        def export(self, batch: Any) -> SpanExportResult:
            result = super().export(batch)
            results.append(result)
            return result

    def work(number: int) -> None:
        exporter = Recorded(f"{board.url}/v1/traces", timeout=60)
        resource = Resource.create({"service.name": f"sender-{number}"})
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(
            BatchSpanProcessor(exporter, max_export_batch_size=50)
        )
        tracer = provider.get_tracer("test", "1")
        for _ in range(spans):
            with tracer.start_as_current_span("alone") as span:
                span.set_attribute("padding", "x" * 500)
        assert provider.force_flush(120_000)
        provider.shutdown()

    threads = [threading.Thread(target=work, args=[n]) for n in range(exporters)]
    other = sqlite3.connect(
        board.folder / "data/spanboard.sqlite3", isolation_level=None
    )
    try:
        other.execute("BEGIN IMMEDIATE")
        for thread in threads:
            thread.start()
        until(lambda: answers(board).get("503", 0) >= exporters, "refusals")
        other.execute("ROLLBACK")
        for thread in threads:
            thread.join(180)
    finally:
        other.close()
    assert set(results) == {SpanExportResult.SUCCESS}
    assert set(answers(board)) == {"200", "503"}
    found = board.verify()
    assert (found["spans"], found["differences"]) == (exporters * spans, [])


def answers(board: RunningSpanboard) -> dict[str, float]:
    """Requests with spans by status."""
    text = httpx.get(f"{board.url}/metrics").text
    return {
        sample.labels["status"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "spanboard_receiver_requests_total"
    }
