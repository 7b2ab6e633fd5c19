"""One bad value loses only itself: ids that are numbers, tags among bad ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashboard.adjusters.standard import adjust
from dashboard.sources.detect import decode
from dashboard.traces.details import read_details


def body(*spans: dict[str, Any]) -> bytes:
    """A Jaeger answer of one trace."""
    made = [
        {
            "traceID": "cd" * 16,
            "operationName": "op",
            "startTime": 1_700_000_000_000_000,
            "duration": 5,
            "processID": "p1",
            **span,
        }
        for span in spans
    ]
    trace = {
        "traceID": "cd" * 16,
        "spans": made,
        "processes": {"p1": {"serviceName": "shop", "tags": []}},
    }
    return json.dumps({"data": [trace]}).encode()


def test_numeric_ids_are_kept_and_still_join_parent_and_child() -> None:
    references = [{"refType": "CHILD_OF", "traceID": "cd" * 16, "spanID": 255}]
    content = body(
        {"spanID": 255}, {"spanID": -1, "references": references}, {"spanID": "ab"}
    )
    found = decode(content)
    assert not found.problems
    trace = adjust(found.traces[0])
    assert sorted(trace.span_ids) == ["00000000000000ff", "ab", "f" * 16]
    child = trace.span_ids.index("f" * 16)
    assert trace.span_ids[trace.parent[child]] == "00000000000000ff"
    told = {w.row for w in trace.warnings if w.code == "numeric-id"}
    assert told == {child, trace.span_ids.index("00000000000000ff")}


@pytest.mark.parametrize("value", [True, 0, 2**128, 1.5, None, {}, []])
def test_what_is_no_id_loses_its_span_and_says_so(value: Any) -> None:
    found = decode(body({"spanID": value}, {"spanID": "ab"}))
    assert found.traces[0].span_ids == ["ab"]
    assert [p.code for p in found.problems] == ["not-a-span"]


GOOD = {"key": "http.status_code", "type": "int64", "value": 503}


@pytest.mark.parametrize(
    "bad",
    [
        {"key": 7, "type": "string", "value": "x"},
        {"key": None, "type": "string", "value": "x"},
        "not a tag",
        12,
    ],
)
def test_a_bad_tag_leaves_the_others(bad: Any) -> None:
    trace = decode(body({"spanID": "ab", "tags": [bad, GOOD]})).traces[0]
    tags = {tag.key: tag.value for tag in read_details(trace.details[0]).tags}
    assert tags["http.status_code"] == 503
    assert trace.fact("http.status_code", 0) == "503"
    assert [w.code for w in trace.warnings] == ["repaired-tags"]


def test_a_byte_that_is_no_utf8_leaves_the_other_tags() -> None:
    tags = [{"key": "note", "type": "string", "value": "MARK"}, GOOD]
    content = body({"spanID": "ab", "tags": tags}).replace(b"MARK", b"a\xffb")
    trace = decode(content).traces[0]
    found = {tag.key: tag.value for tag in read_details(trace.details[0]).tags}
    assert found == {"note": "a\ufffdb", "http.status_code": 503}
    assert trace.fact("http.status_code", 0) == "503"


JAEGER_DAMAGE = [
    ("operationName", None, "no-operation"),
    ("operationName", 7, "no-operation"),
    ("startTime", None, "start-inherited"),
    ("startTime", "soon", "bad-number"),
    ("duration", None, "missing-duration"),
    ("duration", -5, "bad-duration"),
    ("duration", [], "bad-number"),
    ("processID", None, "missing-process"),
    ("tags", "text", "unreadable-tags"),
    ("tags", [None, 5], "repaired-tags"),
    ("logs", {"a": 1}, "unreadable-logs"),
    ("references", 7, "bad-reference"),
    ("references", [{"refType": "CHILD_OF"}], "bad-reference"),
]
OTLP_DAMAGE = [
    ("name", None, "no-operation"),
    ("startTimeUnixNano", None, "start-inherited"),
    ("startTimeUnixNano", {}, "bad-number"),
    ("endTimeUnixNano", None, "missing-duration"),
    ("endTimeUnixNano", "5", "bad-duration"),
    ("endTimeUnixNano", "x", "bad-number"),
    ("attributes", 5, "unreadable-tags"),
    ("events", "no", "unreadable-logs"),
    ("links", {"a": 1}, "bad-reference"),
    ("parentSpanId", "no id", "bad-reference"),
    ("kind", 99, "bad-kind"),
]
ZIPKIN_DAMAGE = [
    ("name", None, "no-operation"),
    ("timestamp", None, "missing-start"),
    ("timestamp", "x", "bad-number"),
    ("duration", None, "missing-duration"),
    ("duration", -4, "bad-duration"),
    ("tags", [], "unreadable-tags"),
    ("annotations", 5, "unreadable-logs"),
    ("parentId", [], "bad-reference"),
    ("id", 255, "numeric-id"),
]


def told(content: bytes) -> tuple[list[int], set[str]]:
    """Spans of each trace, and the codes of all warnings after adjusting."""
    found = decode(content)
    traces = [adjust(trace) for trace in found.traces]
    return [len(t) for t in traces], {w.code for t in traces for w in t.warnings}


@pytest.mark.parametrize(("key", "value", "code"), JAEGER_DAMAGE)
def test_jaegers_repairs_are_told(key: str, value: Any, code: str) -> None:
    bad = {"spanID": "02", key: value}
    content = json.loads(body({"spanID": "01"}, bad, {"spanID": "03"}))
    counts, codes = told(json.dumps(content).encode())
    assert counts == [3]
    assert code in codes
    if value is None:  # left out is the same as null
        del content["data"][0]["spans"][1][key]
        assert told(json.dumps(content).encode()) == (counts, codes)


@pytest.mark.parametrize(("key", "value", "code"), OTLP_DAMAGE)
def test_otlps_repairs_are_told(key: str, value: Any, code: str) -> None:
    good = {
        "traceId": "cd" * 16,
        "spanId": "01" * 8,
        "name": "op",
        "kind": 2,
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": "1700000000000000500",
    }
    spans = [good, good | {"spanId": "02" * 8, key: value}, good | {"spanId": "03" * 8}]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "a"}}]}
    block = {"resource": resource, "scopeSpans": [{"spans": spans}]}
    counts, codes = told(json.dumps({"resourceSpans": [block]}).encode())
    assert counts == [3]
    assert code in codes


@pytest.mark.parametrize(("key", "value", "code"), ZIPKIN_DAMAGE)
def test_zipkins_repairs_are_told(key: str, value: Any, code: str) -> None:
    good = {
        "traceId": "cd" * 8,
        "id": "01" * 8,
        "name": "op",
        "timestamp": 1_700_000_000_000_000,
        "duration": 5,
        "localEndpoint": {"serviceName": "a"},
    }
    spans = [good, good | {"id": "02" * 8, key: value}, good | {"id": "03" * 8}]
    counts, codes = told(json.dumps(spans).encode())
    assert counts == [3]
    assert code in codes


def test_good_spans_get_no_warning() -> None:
    assert told(body({"spanID": "01"}, {"spanID": "02", "duration": 0}))[1] == set()


def test_a_service_without_a_name_is_told_once() -> None:
    content = body({"spanID": "01"}, {"spanID": "02"}).replace(b'"shop"', b"null")
    (trace,) = decode(content).traces
    assert [(w.code, w.row) for w in trace.warnings] == [("no-service", -1)]
    assert trace.services == ["unknown-service"]


def test_logs_out_of_order_are_told_and_shown_by_time() -> None:
    def logs(*times: int) -> list[dict[str, Any]]:
        return [{"timestamp": at, "fields": []} for at in times]

    content = body(
        {"spanID": "01", "logs": logs(30, 10, 20)},
        {"spanID": "02", "logs": logs(10, 10, 20)},
        {"spanID": "03"},
    )
    trace = adjust(adjust(decode(content).traces[0]))
    (warning,) = trace.warnings
    assert (warning.code, trace.span_ids[warning.row]) == ("logs-out-of-order", "01")
    row = trace.span_ids.index("01")
    assert [log.at_ns for log in read_details(trace.details[row]).logs] == [
        10_000,
        20_000,
        30_000,
    ]
