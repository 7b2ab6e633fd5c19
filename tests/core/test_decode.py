"""Decoders: every format, and one bad value that loses only itself."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from benchmarks.traffic import bodies
from dashboard.adjusters.standard import adjust
from dashboard.analysis.analyse import analyse
from dashboard.presenters.analysis_format import analysis_document
from dashboard.sources.detect import decode
from dashboard.sources.jaeger.export import to_jaeger_json
from dashboard.sources.otlp.export import to_otlp_json
from dashboard.sources.zipkin.export import to_zipkin_json
from dashboard.traces import codec
from dashboard.traces.details import read_details
from dashboard.traces.errors import BadTracePayload
from dashboard.traces.ids import normalise_trace_id, trace_key
from dashboard.traces.trace import Kind, Trace

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
BODIES = [
    path.read_bytes()
    for path in (
        FIXTURES / "jaeger-api/v2.13/v1-traces.body",
        FIXTURES / "jaeger-api/v2.13/v1-trace-raw.body",
        FIXTURES / "jaeger-api/head/v3-traces.body",
        FIXTURES / "mesh/zipkin/zipkin-retry.json",
    )
]


def span(**changes: Any) -> dict[str, Any]:
    return {
        "traceID": "ab" * 16,
        "spanID": "01" * 8,
        "operationName": "get",
        "references": [],
        "startTime": 1_790_000_000_000_000,
        "duration": 10,
        "tags": [],
        "logs": [],
        "processID": "p1",
        **changes,
    }


def body(*spans: Any) -> bytes:
    trace = {
        "traceID": "ab" * 16,
        "spans": list(spans),
        "processes": {"p1": {"serviceName": "a", "tags": []}},
    }
    return json.dumps({"data": [trace]}).encode()


def test_both_query_apis_give_the_same_trace() -> None:
    old = decode((FIXTURES / "jaeger-api/v2.13/v1-traces.body").read_bytes())
    new = decode((FIXTURES / "jaeger-api/head/v3-traces.body").read_bytes())

    def facts(decoded: Any) -> dict[str, Any]:
        found = {}
        for raw in decoded.traces:
            trace = adjust(raw)
            analysis = analyse(trace)
            found[trace_key(trace.trace_id)] = (
                len(trace),
                analysis.error_count,
                analysis.services,
                trace.service_name(analysis.root),
            )
        return found

    assert facts(old) == facts(new)


@pytest.mark.parametrize(
    "change",
    [
        {"references": None, "logs": None, "tags": None, "warnings": None},
        {"startTime": None},
        {"startTime": "soon"},
        {"startTime": 1.5},
        {"duration": -5},
        {"duration": None},
        {"operationName": None},
        {"processID": "gone"},
        {"tags": [None, 5, {"key": None, "value": 1}]},
        {"tags": "text"},
        {"references": [None, {"refType": "CHILD_OF"}, 7]},
        {"logs": [None, {"timestamp": "x", "fields": None}]},
        {"startTime": 10**30},
        {"operationName": "\ud800"},
        {"tags": [{"key": "n", "type": "float64", "value": float("nan")}]},
    ],
)
def test_one_bad_value_loses_only_itself(change: dict[str, Any]) -> None:
    decoded = decode(
        body(span(), span(spanID="02" * 8, **change), span(spanID="03" * 8))
    )
    (trace,) = decoded.traces
    assert trace.span_ids == ["01" * 8, "02" * 8, "03" * 8]
    document = analysis_document([trace])
    assert document["traces"][0]["spanCount"] == 3
    json.dumps(document)


def test_a_tag_nested_a_hundred_thousand_levels_loses_only_itself() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    text = body(span(), span(spanID="02" * 8, tags=[{"key": "deep", "value": "HERE"}]))
    (trace,) = decode(text.replace(b'"HERE"', deep.encode())).traces
    assert len(trace) == 2
    assert "nested too deeply" in str(read_details(trace.details[1]).tags)
    with pytest.raises(BadTracePayload):
        decode(text.replace(b'"HERE"', b"[" * 100_000))


@pytest.mark.parametrize("wrapped", [True, False])
def test_one_trace_without_a_list_is_read(wrapped: bool) -> None:
    (one,) = json.loads(body(span()))["data"]
    document = {"data": one} if wrapped else one
    assert len(decode(json.dumps(document).encode()).traces[0]) == 1


def test_a_null_span_and_a_null_trace_are_told() -> None:
    decoded = decode(body(span(), None))
    assert len(decoded.traces[0]) == 1
    assert [p.code for p in decoded.problems] == ["not-a-span"]
    assert decode(b'{"data": [null]}').traces == []
    assert decode(b'{"data": [{"traceID": "1", "spans": null}]}').traces == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"", "empty"),
        (b"<html>sign in</html>", "web page"),
        (b'{"data": [{"traceID": "1", "spans": [', "cut off"),
        (b"\x00\x01\x02", "format is not known"),
        (b'{"hello": 1}', "no traces"),
        (b"\x1f\x8bbroken", "gzip"),
        (b'[{"traceId":"1","id":"2","binaryAnnotations":[]}]', "v1"),
    ],
)
def test_what_is_no_trace_is_refused_with_a_sentence(text: bytes, word: str) -> None:
    with pytest.raises(BadTracePayload, match=word):
        decode(text)


def test_a_gzip_bomb_is_refused() -> None:
    with pytest.raises(BadTracePayload, match="grows beyond"):
        decode(gzip.compress(b" " * 3_000_000), max_bytes=1_000_000)


def test_gzip_is_read() -> None:
    assert len(decode(gzip.compress(body(span()))).traces[0]) == 1


def test_units_given_wrong_are_told_and_never_scaled() -> None:
    (trace,) = decode(body(span(startTime=1_790_000_000_000))).traces
    assert "unit-suspect" in [w.code for w in trace.warnings]
    assert trace.start_ns[0] == 1_790_000_000_000_000


def otlp_message() -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    block = message.resource_spans.add()
    block.resource.attributes.add(key="service.name").value.string_value = "a"
    found = block.scope_spans.add()
    found.scope.name = "lib"
    one = found.spans.add()
    one.trace_id, one.span_id = bytes(range(16)), bytes(range(1, 9))
    one.name, one.kind = "get", 2
    one.start_time_unix_nano, one.end_time_unix_nano = (
        1_790_000_000_000_000_001,
        1_790_000_000_000_000_401,
    )
    one.attributes.add(key="n").value.int_value = 2**60
    one.attributes.add(key="x").value.double_value = float("nan")
    one.status.code = 2
    one.status.message = "no"
    event = one.events.add(name="exception", time_unix_nano=1_790_000_000_000_000_100)
    event.attributes.add(key="list").value.array_value.values.add().string_value = "v"
    link = one.links.add(trace_id=bytes(range(1, 17)), span_id=bytes(range(2, 10)))
    link.attributes.add(key="why").value.string_value = "batch"
    return message


def test_protobuf_keeps_nanoseconds_and_links() -> None:
    (trace,) = decode(otlp_message().SerializeToString()).traces
    assert trace.duration_ns[0] == 400
    details = read_details(trace.details[0])
    assert details.logs[0].at_ns == 1_790_000_000_000_000_100
    (link,) = trace.references_of(0)
    assert (link.kind, link.tags[0].value) == ("FOLLOWS_FROM", "batch")
    assert trace.fact("otel.status_code", 0) == "ERROR"


def test_otlp_json_and_back_loses_nothing() -> None:
    (trace,) = decode(otlp_message().SerializeToString()).traces
    (again,) = decode(to_otlp_json([trace])).traces
    assert again.duration_ns.tolist() == trace.duration_ns.tolist()
    assert again.kind.tolist() == trace.kind.tolist()
    assert read_details(again.details[0]) == read_details(trace.details[0])
    assert again.references_of(0) == trace.references_of(0)


def test_jaeger_json_and_back_is_the_same_analysis() -> None:
    traces = [adjust(t) for t in decode(BODIES[0]).traces]
    again = decode(to_jaeger_json(traces)).traces
    assert analysis_document(again) == analysis_document(traces)


def test_zipkin_json_and_back_is_the_same_analysis() -> None:
    traces = decode(BODIES[3]).traces
    again = decode(to_zipkin_json([adjust(t) for t in traces]), format="zipkin").traces
    assert analysis_document(again) == analysis_document(traces)


def test_the_stored_form_gives_back_the_same() -> None:
    for raw in decode(BODIES[1]).traces:
        trace = adjust(raw)
        again, _ = codec.decode_columns(codec.encode_columns(trace))
        blob = codec.encode_details(trace)
        again.details = codec.decode_all_details(blob)
        assert analysis_document([again]) == analysis_document([trace])
        assert [codec.read_detail(blob, row) for row in range(len(trace))] == list(
            trace.details
        )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("4BF92F", "4bf92f"),
        ("S/kvNXezTaajzpKdDg5HNg==", "4bf92f3577b34da6a3ce929d0e0e4736"),
    ],
)
def test_ids_are_read_in_hex_and_base64(text: str, wanted: str) -> None:
    assert normalise_trace_id(text) == wanted


def test_a_malformed_id_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="32 hexadecimal"):
        normalise_trace_id("not an id!")


def test_ids_of_64_and_128_bits_are_equal_by_value() -> None:
    assert trace_key("00000000000000004BF9") == trace_key("4bf9")


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(BODIES) - 1), st.integers(0, 2**32))
def test_mutated_bodies_raise_nothing_but_the_documented_error(
    which: int, seed: int
) -> None:
    chance = random.Random(seed)
    content = bytearray(BODIES[which])
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(len(content))
        kind = chance.randrange(4)
        if kind == 0:
            content[place] = chance.randrange(256)
        elif kind == 1:
            del content[place : place + chance.randrange(1, 40)]
        elif kind == 2:
            content[place:place] = chance.choice(
                [b"null", b"NaN", b"-1", b"[[[[", b'"', b"1e999", b"\\ud800"]
            )
        else:
            del content[max(place, 10) :]
    try:
        decoded = decode(bytes(content))
    except BadTracePayload:
        return
    json.dumps(analysis_document(decoded.traces))


US = 1_790_000_000_000_000  # microseconds


def otlp_json(**change: Any) -> bytes:
    one = {
        "traceId": "ab" * 16,
        "spanId": "cd" * 8,
        "name": "get",
        "kind": 3,
        "startTimeUnixNano": str(US * 1_000),
        "endTimeUnixNano": str(US * 1_000 + 500),
    }
    return json.dumps(
        {"resourceSpans": [{"scopeSpans": [{"spans": [one | change]}]}]}
    ).encode()


def zipkin_json(**change: Any) -> bytes:
    one = {
        "traceId": "ab" * 8,
        "id": "cd" * 8,
        "name": "get",
        "timestamp": US,
        "duration": 5,
        "localEndpoint": {"serviceName": "a"},
    }
    return json.dumps([one | change]).encode()


def suspects(content: bytes) -> list[str]:
    (trace,) = decode(content).traces
    return [str(w.values["unit"]) for w in trace.warnings if w.code == "unit-suspect"]


def test_wrong_units_of_every_format_are_told() -> None:
    assert suspects(body(span(startTime=US * 1_000))) == ["ns"]
    assert suspects(body(span(startTime=US // 1_000))) == ["ms"]
    assert suspects(body(span(startTime=US))) == []
    assert suspects(zipkin_json(timestamp=US * 1_000)) == ["ns"]
    assert suspects(zipkin_json(timestamp=US // 1_000)) == ["ms"]
    assert suspects(zipkin_json()) == []
    assert suspects(otlp_json(startTimeUnixNano=str(US))) == ["µs"]
    assert suspects(otlp_json(startTimeUnixNano=str(US // 1_000))) == ["ms"]
    assert suspects(otlp_json()) == []
    (trace,) = decode(otlp_json(startTimeUnixNano=str(US))).traces
    assert trace.start_ns[0] == US  # as it was given


@pytest.mark.parametrize(
    "kind", [3, "3", "SPAN_KIND_CLIENT", "span_kind_client", "CLIENT"]
)
@pytest.mark.parametrize("code", [2, "2", "STATUS_CODE_ERROR", "ERROR"])
def test_enums_are_read_by_name_and_number(kind: Any, code: Any) -> None:
    (trace,) = decode(otlp_json(kind=kind, status={"code": code})).traces
    assert trace.kind[0] == Kind.CLIENT
    assert trace.fact("otel.status_code", 0) == "ERROR"
    assert not [w.code for w in trace.warnings if w.code == "bad-kind"]


def test_a_kind_that_is_none_is_told() -> None:
    (trace,) = decode(otlp_json(kind="SPAN_KIND_FRIEND")).traces
    assert trace.kind[0] == Kind.UNSET
    assert "bad-kind" in [w.code for w in trace.warnings]
    (trace,) = decode(otlp_json(kind="SPAN_KIND_UNSPECIFIED")).traces
    assert "bad-kind" not in [w.code for w in trace.warnings]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda found: found,
        lambda found: {"batches": found["resourceSpans"]},
        lambda found: {"trace": found},
        lambda found: {"trace": {"batches": found["resourceSpans"]}},
        lambda found: {"result": found},
        lambda found: [found],
    ],
)
def test_every_wrapping_of_otlp_is_read(wrap: Any) -> None:
    content = json.dumps(wrap(json.loads(otlp_json()))).encode()
    (trace,) = decode(content).traces
    assert trace.span_ids == ["cd" * 8]


@pytest.mark.parametrize("between", ["", "\n", "\r\n\r\n", ","])
def test_chunks_of_a_stream_are_read(between: str) -> None:
    chunks = [
        json.dumps({"result": json.loads(otlp_json(spanId=f"{n:016x}"))})
        for n in (1, 2, 3)
    ]
    (trace,) = decode(between.join(chunks).encode()).traces
    assert len(trace) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"binaryAnnotations": []},
        {"annotations": [{"timestamp": US, "value": "sr", "endpoint": {}}]},
    ],
)
def test_zipkin_v1_is_refused_with_a_hint(change: dict[str, Any]) -> None:
    with pytest.raises(BadTracePayload, match="Zipkin v1"):
        decode(zipkin_json(**change))


def test_zipkin_spans_whose_tags_use_jaegers_words_are_zipkins() -> None:
    tags = {"traceID": "x", "spanID": "y", "processes": "z"}
    assert decode(zipkin_json(tags=tags)).format == "zipkin"


def test_plain_protobuf_spans_are_read_as_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [body for body, _ in bodies(150, 50, 3)]
    fast = [decode(body).traces for body in found]
    # No kind is plain: all spans take the way field by field.
    monkeypatch.setattr("dashboard.sources.otlp.protobuf.LAST_KIND", -1)
    for traces, body in zip(fast, found, strict=True):
        for one, other in zip(traces, decode(body).traces, strict=True):
            assert columns_of(one) == columns_of(other)


def columns_of(trace: Trace) -> dict[str, Any]:
    found = {name: getattr(trace, name) for name in Trace.__slots__}
    found["facts"] = {key: column.tolist() for key, column in trace.facts.items()}
    for name, column in found.items():
        if isinstance(column, np.ndarray):
            found[name] = (column.dtype, column.tolist())
    return found
