"""Receivers of spans: Zipkin's bodies, faults by the specification, pressure."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from typing import Any

import pytest
from django.test import AsyncClient, Client, override_settings
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from dashboard.models import Source, TraceRecord
from dashboard.reads.traces import load_whole
from dashboard.traces.trace import Kind
from dashboard.views.api import otlp, receiving

pytestmark = pytest.mark.django_db(transaction=True)
PROTOBUF = "application/x-protobuf"
TRACE_ID = "5b8aa5a2d2c872e8321cf37308d69df2"


def endpoint(name: str, port: int) -> dict[str, Any]:
    return {"serviceName": name, "ipv4": "10.0.0.1", "port": port}


def zipkin_spans() -> list[dict[str, Any]]:
    """A call as Zipkin's reporters send it: both halves under one id."""
    at = 1_795_600_000_000_000
    half = {"traceId": TRACE_ID, "id": "51d42c2f1f0a3ba0", "name": "get /cart"}
    return [
        {
            **half,
            "kind": "CLIENT",
            "timestamp": at,
            "duration": 900,
            "localEndpoint": endpoint("shop", 1),
            "remoteEndpoint": endpoint("cart", 2),
            "tags": {"http.method": "GET"},
            "annotations": [{"timestamp": at + 5, "value": "ws"}],
        },
        {
            **half,
            "kind": "SERVER",
            "timestamp": at + 100,
            "duration": 700,
            "shared": True,
            "localEndpoint": endpoint("cart", 2),
        },
    ]


def send(client: Client, body: bytes, **headers: str) -> Any:
    return client.post(
        "/api/v2/spans", body, content_type="application/json", headers=headers
    )


def test_zipkin_spans_in_pieces_make_one_trace_of_their_own_source(
    client: Client,
) -> None:
    first, second = zipkin_spans()
    packed = gzip.compress(json.dumps([first]).encode())
    answer = send(client, packed, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.content) == (202, b"")
    for _ in range(2):  # a reporter may send again
        assert send(client, json.dumps([second]).encode()).status_code == 202
    record = TraceRecord.objects.get()
    assert (record.source.name, record.source.kind) == ("Zipkin", "zipkin")
    trace = load_whole(record)
    assert sorted(trace.kind.tolist()) == [Kind.SERVER, Kind.CLIENT]
    assert set(trace.span_ids) == {"51d42c2f1f0a3ba0"}
    assert {trace.service_name(row) for row in range(2)} == {"shop", "cart"}
    # The same spans by OTLP are another source's record of the same trace.
    assert Source.objects.count() == 1


def test_one_bad_zipkin_span_loses_only_itself(client: Client) -> None:
    body = json.dumps([*zipkin_spans(), {"name": "no id"}]).encode()
    answer = send(client, body)
    assert (answer.status_code, answer["X-Spanboard-Rejected"]) == (202, "1")
    assert TraceRecord.objects.get().span_count == 2


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"[", "application/json", 400),
        (b'{"a": 1}', "application/json", 400),
        (b'[{"traceId":"1","id":"2","binaryAnnotations":[]}]', "application/json", 400),
        (b"\x0a\x00", "application/x-protobuf", 415),
    ],
)
def test_what_is_no_zipkin_v2_is_refused_in_words(
    client: Client, body: bytes, kind: str, status: int
) -> None:
    answer = client.post("/api/v2/spans", body, content_type=kind)
    assert answer.status_code == status
    assert len(answer.content.decode()) > 20
    assert answer["Content-Type"].startswith("text/plain")
    assert TraceRecord.objects.count() == 0


def test_zipkin_wants_post_and_keeps_the_limits(client: Client) -> None:
    assert client.get("/api/v2/spans")["Allow"] == "POST"
    assert send(client, b"[]").status_code == 202
    with override_settings(SPANBOARD_OTLP_MAX_BYTES=10):
        assert send(client, json.dumps(zipkin_spans()).encode()).status_code == 413
    with override_settings(SPANBOARD_OTLP_MAX_WAITING=0):
        busy = send(client, b"[]")
    assert (busy.status_code, busy["Retry-After"]) == (503, "1")


def protobuf(*ids: bytes) -> bytes:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number, span_id in enumerate(ids, 1):
        span = spans.add(name="x", span_id=span_id, trace_id=bytes.fromhex(TRACE_ID))
        span.start_time_unix_nano = 1_795_600_000_000_000_000 + number
        span.end_time_unix_nano = 1_795_600_000_000_001_000
    return bytes(request.SerializeToString())


def test_protobuf_requests_get_protobuf_answers(client: Client) -> None:
    def post(body: bytes) -> Any:
        return client.post("/v1/traces", body, content_type=PROTOBUF)

    answer = post(protobuf(b"12345678", b"short"))
    assert (answer.status_code, answer["Content-Type"]) == (200, PROTOBUF)
    message = ExportTraceServiceResponse.FromString(answer.content)
    assert message.partial_success.rejected_spans == 1
    assert "bad-id" in message.partial_success.error_message
    whole = post(protobuf(b"12345678"))
    assert not ExportTraceServiceResponse.FromString(whole.content).HasField(
        "partial_success"
    )
    with override_settings(SPANBOARD_OTLP_MAX_WAITING=0):
        busy = post(protobuf(b"12345678"))
    for answer, status, code in ((post(b"\xff\xff"), 400, 3), (busy, 503, 14)):
        assert (answer.status_code, answer["Content-Type"]) == (status, PROTOBUF)
        told = Status.FromString(answer.content)
        assert told.code == code
        assert told.message


def test_under_pressure_requests_are_refused_and_none_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two may wait; while they do, the third is told to come again."""
    gate = threading.Event()
    real = otlp.parse_protobuf

    def slow(body: bytes) -> Any:
        assert gate.wait(20)
        return real(body)

    monkeypatch.setattr(otlp, "parse_protobuf", slow)

    async def talk() -> list[int]:
        client = AsyncClient()

        async def post(number: int) -> Any:
            body = protobuf(number.to_bytes(8, "big"))
            return await client.post("/v1/traces", body, content_type=PROTOBUF)

        early = [asyncio.create_task(post(number)) for number in (1, 2)]
        while receiving.waiting() < 2:
            await asyncio.sleep(0.01)
        refused = await post(3)
        assert refused["Retry-After"] == "1"
        gate.set()
        answers = [await task for task in early]
        again = await post(3)
        return [a.status_code for a in (refused, *answers, again)]

    with override_settings(SPANBOARD_OTLP_MAX_WAITING=2):
        assert asyncio.run(talk()) == [503, 200, 200, 200]
    assert TraceRecord.objects.get().span_count == 3
    assert receiving.waiting() == 0
