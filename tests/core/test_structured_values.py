"""Arrays and maps keep their shape from OTLP to OTLP, and are text for Jaeger."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from dashboard.sources.jaeger.export import to_jaeger_json
from dashboard.sources.otlp.export import to_otlp_json
from dashboard.sources.otlp.parse import parse_json, parse_protobuf
from dashboard.traces.trace import Trace

VALUES: list[dict[str, Any]] = [
    {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "-5"}]}},
    {"arrayValue": {"values": [{"doubleValue": 2.0}, {"boolValue": False}]}},
    {"arrayValue": {"values": [{"intValue": "9007199254740993"}]}},
    {"arrayValue": {}},
    {
        "kvlistValue": {
            "values": [
                {"key": "b", "value": {"arrayValue": {"values": [{"intValue": "1"}]}}},
                {"key": "a", "value": {"kvlistValue": {}}},
            ]
        }
    },
]


def request(value: dict[str, Any]) -> dict[str, Any]:
    pairs = [{"key": "v", "value": value}]
    span = {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "name": "op",
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": "1700000000000001000",
        "attributes": pairs,
        "events": [{"timeUnixNano": "1700000000000000500", "attributes": pairs}],
    }
    service = {"key": "service.name", "value": {"stringValue": "s"}}
    resource = {"attributes": [service, *pairs]}
    scoped = [{"spans": [span]}]
    return {"resourceSpans": [{"resource": resource, "scopeSpans": scoped}]}


def received(value: dict[str, Any], form: str) -> list[Trace]:
    content = request(value)
    if form == "json":
        return parse_json(json.dumps(content).encode()).traces
    message: Any = ParseDict(
        {
            "resourceSpans": [
                {
                    **content["resourceSpans"][0],
                    "scopeSpans": [{"spans": [{"name": "op"}]}],
                }
            ]
        },
        ExportTraceServiceRequest(),
    )
    span = message.resource_spans[0].scope_spans[0].spans[0]
    span.trace_id, span.span_id = b"\1" * 16, b"\2" * 8
    span.start_time_unix_nano, span.end_time_unix_nano = 10**18, 10**18 + 1000
    for pair in message.resource_spans[0].resource.attributes:
        if pair.key == "v":
            span.attributes.add().CopyFrom(pair)
            span.events.add().attributes.add().CopyFrom(pair)
    return parse_protobuf(message.SerializeToString()).traces


@pytest.mark.parametrize("form", ["json", "protobuf"])
@pytest.mark.parametrize("value", VALUES, ids=str)
def test_values_keep_their_shape(value: dict[str, Any], form: str) -> None:
    block = json.loads(to_otlp_json(received(value, form)))["resourceSpans"][0]
    span = block["scopeSpans"][0]["spans"][0]
    wanted = {"key": "v", "value": value}
    assert wanted in span["attributes"]
    assert wanted in span["events"][0]["attributes"]
    assert wanted in block["resource"]["attributes"]


def test_jaeger_is_told_text_as_jaeger_itself_does() -> None:
    texts = []
    for value in VALUES:
        document = json.loads(to_jaeger_json(received(value, "json")))
        found = document["data"][0]["spans"][0]["tags"]
        texts += [(t["type"], t["value"]) for t in found if t["key"] == "v"]
    assert texts == [
        ("string", '["a",-5]'),
        ("string", "[2,false]"),
        ("string", "[9007199254740993]"),
        ("string", "[]"),
        ("string", '{"a":{},"b":[1]}'),
    ]
