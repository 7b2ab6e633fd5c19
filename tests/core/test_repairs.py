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
