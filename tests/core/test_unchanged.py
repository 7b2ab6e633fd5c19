"""Traces of an answer whose bytes are known are not decoded again."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from benchmarks.make import jaeger_trace
from dashboard.actions import asking
from dashboard.actions.windows import Window, joined
from dashboard.sources.jaeger.parse import parse_new, parse_v1


def answer(*traces: object) -> bytes:
    return json.dumps({"data": traces}).encode()


def marks_of_first(trace: dict[str, Any]) -> tuple[str, int]:
    return trace["traceID"], min(span["startTime"] for span in trace["spans"])


def test_only_what_is_new_or_grown_is_read() -> None:
    first, second = jaeger_trace(9, 1), jaeger_trace(9, 2)
    found, unchanged, marks = parse_new(answer(first, second), {})
    wanted = [first["traceID"], second["traceID"]]
    assert [trace.trace_id for trace in found.traces] == wanted
    assert ([told[0] for _, told in marks], unchanged) == (wanted, [])
    known = dict(marks)
    grown = dict(second, spans=[*second["spans"], *jaeger_trace(1, 3)["spans"]])
    found, unchanged, marks = parse_new(answer(first, grown), known)
    assert unchanged == [marks_of_first(first)]
    assert [len(trace) for trace in found.traces] == [10]
    assert [told[0] for _, told in marks] == [second["traceID"]]


def test_new_traces_are_read_as_ever() -> None:
    body = answer(jaeger_trace(9, 1), {"spans": 3}, jaeger_trace(5, 2))
    fresh, _, _ = parse_new(body, {})
    plain = parse_v1(body)
    assert [t.span_ids for t in fresh.traces] == [t.span_ids for t in plain.traces]
    assert [t.details for t in fresh.traces] == [t.details for t in plain.traces]
    assert fresh.problems == plain.problems


def test_a_dense_window_is_cut_into_parts_that_cover_it() -> None:
    window = Window(0, 600_000_000)
    parts = window.dense_parts(590_000_000, 592_000_000, 0.5)
    assert parts is not None
    assert (parts[0].start_us, parts[-1].end_us) == (0, 600_000_000)
    for one, other in itertools.pairwise(parts):
        assert one.end_us == other.start_us
    assert parts[-1].start_us == 591_000_000
    assert {part.end_us - part.start_us for part in parts[1:-1]} == {1_000_000}


def test_without_density_there_are_no_parts() -> None:
    window = Window(0, 600_000_000)
    for oldest_us, newest_us in ((1, 599_000_000), (5, 5), (-5, 700_000_000)):
        assert window.dense_parts(oldest_us, newest_us, 0.5) is None


def test_what_was_learnt_of_a_dense_source_is_asked_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asking, "_lengths", {(1, "reviews"): 1_000_000})
    stretch = (0, 600_000_000)
    windows = asking.pieces(1, "reviews", stretch)
    assert windows[0] == Window(599_000_000, 600_000_000)
    assert joined((w.start_us, w.end_us) for w in windows) == [stretch]
    assert len(windows) == asking.AT_ONCE + 1
    assert asking.pieces(1, "ratings", stretch) == [Window(*stretch)]
