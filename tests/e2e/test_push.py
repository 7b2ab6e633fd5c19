"""Senders that nobody here wrote, against a running Spanboard."""

from __future__ import annotations

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from tests.peers.running import RunningSpanboard


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
