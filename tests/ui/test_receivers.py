"""Receivers of spans: Zipkin's bodies, faults by the specification, pressure."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from typing import Any

import pytest
from django.db import DataError, OperationalError
from django.test import Client, override_settings
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from dashboard.access.addresses import read_networks
from dashboard.actions import received
from dashboard.models import Source, TraceRecord
from dashboard.reads.traces import load_whole
from dashboard.sources.zipkin.protobuf import ListOfSpans
from dashboard.traces.trace import Kind

pytestmark = pytest.mark.django_db(transaction=True)
PROTOBUF, JSON = "application/x-protobuf", "application/json"
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
        (b"\x0a\x03abc", "application/x-protobuf", 400),
        (b"\x0a\x00", "application/x-protobuf", 400),
        (b"\x0a\x00", "application/x-thrift", 415),
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
    assert client.get("/api/v2/spans")["Allow"] == "OPTIONS, POST"
    assert send(client, b"[]").status_code == 202
    with override_settings(SPANBOARD_OTLP_MAX_BYTES=10):
        assert send(client, json.dumps(zipkin_spans()).encode()).status_code == 413
    options = client.options("/api/v2/spans/")
    assert (options.status_code, options["Allow"]) == (204, "OPTIONS, POST")


def test_zipkin_protobuf_is_read_as_its_json(client: Client) -> None:
    message = ListOfSpans()
    for span in zipkin_spans():
        sent = message.spans.add(
            trace_id=bytes.fromhex(TRACE_ID),
            id=bytes.fromhex(span["id"]),
            kind={"CLIENT": 1, "SERVER": 2}[span["kind"]],
            name=span["name"],
            timestamp=span["timestamp"],
            duration=span["duration"],
            shared=span.get("shared", False),
        )
        for name in ("localEndpoint", "remoteEndpoint"):
            if name in span:
                there = getattr(sent, name.replace("E", "_e"))
                there.service_name = span[name]["serviceName"]
                there.ipv4, there.port = bytes([10, 0, 0, 1]), span[name]["port"]
        for key, value in span.get("tags", {}).items():
            sent.tags.add(key=key, value=value)
        for note in span.get("annotations", []):
            sent.annotations.add(**note)
    body = message.SerializeToString()
    answer = client.post("/api/v2/spans", body, content_type="application/x-protobuf")
    assert (answer.status_code, answer.content) == (202, b"")
    digest = TraceRecord.objects.get().digest
    assert send(client, json.dumps(zipkin_spans()).encode()).status_code == 202
    record = TraceRecord.objects.get()
    assert (record.digest, record.version) == (digest, 1)


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
    bad = post(b"\xff\xff")
    assert (bad.status_code, bad["Content-Type"]) == (400, PROTOBUF)
    told = Status.FromString(bad.content)
    assert (told.code, bool(told.message)) == (3, True)
    why = BadRequest()
    assert told.details[0].Unpack(why)
    assert why.field_violations[0].description == told.message


def otlp(client: Client, body: bytes, kind: str = PROTOBUF, **headers: str) -> Any:
    headers["Content-Type"] = kind  # which the client leaves out of an empty body
    return client.post("/v1/traces", body, content_type=kind, headers=headers)


@pytest.mark.parametrize(
    ("body", "kind", "answer"),
    [
        (b"", PROTOBUF, b""),
        (b"{}", JSON, b"{}"),
        (b'{"resourceSpans": []}', JSON, b"{}"),
        (gzip.compress(b""), PROTOBUF, b""),
    ],
)
def test_an_empty_request_is_a_success(
    client: Client, body: bytes, kind: str, answer: bytes
) -> None:
    packed = {"Content-Encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {}
    got = otlp(client, body, kind, **packed)
    assert (got.status_code, got["Content-Type"], got.content) == (200, kind, answer)


def test_unknown_names_are_passed_over_and_told(client: Client) -> None:
    got = otlp(client, b'{"resourceLogs_": []}', JSON).json()
    assert got["partialSuccess"]["rejectedSpans"] == "0"
    assert "resourceLogs_" in got["partialSuccess"]["errorMessage"]


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_packed_bodies_and_charsets(client: Client, pack: Any) -> None:
    name = "gzip" if pack is gzip.compress else "deflate"
    body = protobuf(b"12345678")
    got = otlp(client, pack(body), **{"Content-Encoding": name.upper()})
    assert (got.status_code, TraceRecord.objects.get().span_count) == (200, 1)
    for broken in (body, pack(body)[:-6], b""):
        got = otlp(client, broken, **{"Content-Encoding": name})
        assert (got.status_code, got["Content-Type"]) == (400, PROTOBUF)
    with override_settings(SPANBOARD_OTLP_MAX_INFLATED_BYTES=100):
        got = otlp(client, pack(bytes(5_000)), **{"Content-Encoding": name})
        assert got.status_code == 413
    assert otlp(client, b"{}", "application/json; charset=utf-8").status_code == 200


def test_what_the_receiver_does_not_speak(client: Client) -> None:
    got = otlp(client, b"x", **{"Content-Encoding": "br"})
    assert (got.status_code, got["Content-Type"]) == (415, PROTOBUF)
    assert "gzip" in got["Accept-Encoding"]
    assert otlp(client, b"", JSON).status_code == 400
    assert otlp(client, b"x", "text/plain").json()["message"]
    for method in (client.get, client.head, client.put, client.delete):
        got = method("/v1/traces")
        assert (got.status_code, got["Allow"]) == (405, "OPTIONS, POST")
    got = client.options("/v1/traces")
    assert (got.status_code, got["Allow"]) == (204, "OPTIONS, POST")
    got = client.post("/v1/traces/", protobuf(b"12345678"), content_type=PROTOBUF)
    assert (got.status_code, TraceRecord.objects.count()) == (200, 1)


def two_traces() -> bytes:
    second = protobuf(b"abcdefgh").replace(bytes.fromhex(TRACE_ID), b"good" * 4)
    return protobuf(b"12345678", b"23456789") + second  # messages add up


def test_a_trace_that_can_not_be_stored_loses_only_itself(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = received.ingest

    def picky(source: Source, traces: list[Any], *, replace: bool) -> Any:
        if any(trace.trace_id == TRACE_ID for trace in traces):
            raise DataError("a value that the database does not know")
        return real(source, traces, replace=replace)

    monkeypatch.setattr(received, "ingest", picky)
    got = otlp(client, two_traces())
    told = ExportTraceServiceResponse.FromString(got.content).partial_success
    assert (got.status_code, told.rejected_spans) == (200, 2)
    assert [r.trace_id for r in TraceRecord.objects.all()] == [(b"good" * 4).hex()]


def test_a_store_that_does_not_answer_is_worth_another_try(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(received, "ingest", down)
        got = otlp(client, two_traces())
        assert (got.status_code, got["Retry-After"]) == (503, "2")
        assert Status.FromString(got.content).code == 14
    assert otlp(client, two_traces()).content == b""
    assert TraceRecord.objects.count() == 2


def test_a_body_that_breaks_the_decoder_is_refused_for_good(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(body: bytes) -> Any:
        raise IndexError("a bug")

    monkeypatch.setitem(received.PARSERS, "otlp-protobuf", broken)
    got = otlp(client, two_traces())
    assert (got.status_code, Status.FromString(got.content).code) == (400, 3)


def test_who_may_not_send_is_told_in_the_senders_format(client: Client) -> None:
    far = {"REMOTE_ADDR": "203.0.113.9"}
    answer = client.post(
        "/v1/traces/", protobuf(b"12345678"), content_type=PROTOBUF, **far
    )
    assert (answer.status_code, answer["Content-Type"]) == (401, PROTOBUF)
    assert answer["WWW-Authenticate"].startswith("Bearer")
    told = Status.FromString(answer.content)
    assert (told.code, "--ingest" in told.message) == (16, True)
    answer = client.post("/v1/traces", b"{}", content_type=JSON, **far)
    assert answer.json()["code"] == 16
    answer = client.post("/api/v2/spans", b"[]", content_type=JSON, **far)
    assert (answer.status_code, answer["Content-Type"][:10]) == (401, "text/plain")
    answer = client.get("/metrics", **far)
    assert (answer.status_code, answer.json()["ok"]) == (401, False)
    assert TraceRecord.objects.count() == 0


def test_an_envoy_on_this_machine_needs_no_token_and_a_stranger_behind_it_does(
    client: Client,
) -> None:
    """Envoy adds the machine's own address to what it sends of itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        own = probe.getsockname()[0]

    def post(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return int(otlp(client, b"{}", JSON, **headers).status_code)

    assert post(own) == 200
    for other in ("203.0.113.9", f"{own}, 203.0.113.9", "0.0.0.0", "224.0.0.1", "x"):
        assert post(other) == 401
    with override_settings(SPANBOARD_RECEIVE_FROM=read_networks(["10.0.0.0/8"])):
        assert post(own) == 401


def test_a_zero_byte_in_a_name_is_replaced(client: Client) -> None:
    """PostgreSQL would refuse the whole trace for it."""
    body = protobuf(b"12345678").replace(b"\x01x", b"\x01\0")
    assert otlp(client, body).content == b""
    record = TraceRecord.objects.get()
    assert record.root_operation == "\ufffd"
    assert "u0000" not in json.dumps(record.summary)
    spans = [{**zipkin_spans()[0], "name": "a\0b"}]
    spans[0]["localEndpoint"] = endpoint("\0", 1)
    assert send(client, json.dumps(spans).encode()).status_code == 202
    record = TraceRecord.objects.get(source__kind="zipkin")
    assert (record.root_service, record.root_operation) == ("\ufffd", "a\ufffdb")
