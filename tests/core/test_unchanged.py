"""Traces of an answer whose bytes are known are not decoded again."""

from __future__ import annotations

import json

from benchmarks.make import jaeger_trace
from dashboard.sources.jaeger.parse import parse_new, parse_v1


def answer(*traces: object) -> bytes:
    return json.dumps({"data": traces}).encode()


def test_only_what_is_new_or_grown_is_read() -> None:
    first, second = jaeger_trace(9, 1), jaeger_trace(9, 2)
    found, unchanged, marks = parse_new(answer(first, second), {})
    wanted = [first["traceID"], second["traceID"]]
    assert [trace.trace_id for trace in found.traces] == wanted
    assert ([trace_id for trace_id, _ in marks], unchanged) == (wanted, [])
    known = {mark: trace_id for trace_id, mark in marks}
    grown = dict(second, spans=[*second["spans"], *jaeger_trace(1, 3)["spans"]])
    found, unchanged, marks = parse_new(answer(first, grown), known)
    assert unchanged == [first["traceID"]]
    assert [len(trace) for trace in found.traces] == [10]
    assert [trace_id for trace_id, _ in marks] == [second["traceID"]]


def test_new_traces_are_read_as_ever() -> None:
    body = answer(jaeger_trace(9, 1), {"spans": 3}, jaeger_trace(5, 2))
    fresh, _, _ = parse_new(body, {})
    plain = parse_v1(body)
    assert [t.span_ids for t in fresh.traces] == [t.span_ids for t in plain.traces]
    assert [t.details for t in fresh.traces] == [t.details for t in plain.traces]
    assert fresh.problems == plain.problems
