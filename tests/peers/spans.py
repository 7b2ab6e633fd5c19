"""OTLP bodies of any number of traces and sizes."""

from __future__ import annotations

import random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

HEADERS = {"Content-Type": "application/x-protobuf"}


def body(number: int, spans: int = 1, padding: int = 0) -> bytes:
    """A trace of its own for each number, of any size."""
    request = ExportTraceServiceRequest()
    block = request.resource_spans.add().scope_spans.add()
    for row in range(spans):
        span = block.spans.add(name="x", trace_id=number.to_bytes(16, "big"))
        span.span_id = (number * 1_000 + row).to_bytes(8, "big")
        span.start_time_unix_nano = 1_795_600_000_000_000_000
        span.end_time_unix_nano = 1_795_600_000_000_001_000
        if padding:
            tag = span.attributes.add(key="padding")
            tag.value.string_value = random.Random(number).randbytes(padding).hex()
    return bytes(request.SerializeToString())
