"""Self time and the critical path, by example and by invariant."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.adjusters.standard import adjust
from dashboard.analysis.analyse import analyse
from dashboard.traces.trace import Trace
from tests.factories import START_US, make_trace, rows_by_id

Section = tuple[str, int, int]


def sections(trace: Trace) -> list[Section]:
    path = analyse(trace).critical
    return [
        (trace.span_ids[row], start // 1000 - START_US, end // 1000 - START_US)
        for row, start, end in zip(
            path.row.tolist(), path.start_ns.tolist(), path.end_ns.tolist(), strict=True
        )
    ]


def test_parallel_children_are_subtracted_once_and_cut_to_the_parent() -> None:
    trace = adjust(
        make_trace(
            [
                {"id": "01", "duration": 100},
                {"id": "02", "parent": "01", "start": 10, "duration": 40},
                {"id": "03", "parent": "01", "start": 30, "duration": 40},
                {"id": "04", "parent": "01", "start": 90, "duration": 500},
                {"id": "05", "parent": "01", "start": 900, "duration": 5},
            ]
        )
    )
    assert analyse(trace).self_ns[0] == 30_000


def test_calls_that_touch_in_one_microsecond_are_all_on_the_path() -> None:
    spans = [{"id": "00", "duration": 5_000}] + [
        {"id": f"0{i}", "parent": "00", "start": (i - 1) * 1_000, "duration": 1_000}
        for i in range(1, 6)
    ]
    found = sections(adjust(make_trace(spans)))
    assert found == [(f"0{i}", (i - 1) * 1_000, i * 1_000) for i in range(1, 6)]


def test_the_path_of_an_orphan_root_is_shown() -> None:
    trace = adjust(make_trace([{"id": "01", "parent": "99", "duration": 10}]))
    assert sections(trace) == [("01", 0, 10)]


def test_a_consumer_under_a_producer_never_blocks() -> None:
    trace = adjust(
        make_trace(
            [
                {"id": "01", "kind": "producer", "duration": 100},
                {
                    "id": "02",
                    "parent": "01",
                    "kind": "consumer",
                    "start": 10,
                    "duration": 80,
                },
            ]
        )
    )
    assert sections(trace) == [("01", 0, 100)]


def test_of_children_that_end_together_the_longest_is_taken() -> None:
    trace = adjust(
        make_trace(
            [
                {"id": "01", "duration": 100},
                {"id": "02", "parent": "01", "start": 50, "duration": 40},
                {"id": "03", "parent": "01", "start": 20, "duration": 70},
            ]
        )
    )
    assert [s[0] for s in sections(trace)] == ["01", "03", "01"]


@st.composite
def trees(draw: Callable[..., int]) -> list[dict[str, object]]:
    count = draw(st.integers(1, 25))
    kinds = ["client", "server", "producer", "consumer", "unset"]
    return [
        {
            "id": f"{i + 1:02x}",
            "parent": "" if i == 0 else f"{draw(st.integers(1, i)):02x}",
            "service": f"s{draw(st.integers(0, 3))}",
            "kind": kinds[draw(st.integers(0, 4))],
            "start": draw(st.integers(-50, 400)),
            "duration": draw(st.integers(0, 300)),
        }
        for i in range(count)
    ]


@settings(max_examples=150, deadline=None)
@given(trees(), st.integers(0, 100))
def test_the_path_tiles_the_root_and_ignores_the_order_of_the_input(
    spans: list[dict[str, object]], seed: int
) -> None:
    trace = adjust(make_trace(spans))
    analysis = analyse(trace)
    path = analysis.critical
    root = analysis.root
    assert int((path.end_ns - path.start_ns).sum()) == int(trace.duration_ns[root])
    at = int(trace.start_ns[root])
    for row, start, end in zip(
        path.row.tolist(), path.start_ns.tolist(), path.end_ns.tolist(), strict=True
    ):
        assert start == at
        assert end > start
        assert trace.start_ns[row] <= start
        assert end <= trace.end_ns[row]
        at = end
    mixed = adjust(make_trace(spans, shuffle=seed))
    assert sections(mixed) == sections(trace)
    own = {trace.span_ids[r]: int(v) for r, v in enumerate(analysis.self_ns)}
    other = analyse(mixed)
    assert {mixed.span_ids[r]: int(v) for r, v in enumerate(other.self_ns)} == own


@pytest.mark.parametrize("seed", range(3))
def test_self_time_equals_a_plain_union(seed: int) -> None:
    chance = random.Random(seed)
    spans = [{"id": "00", "duration": 1_000}] + [
        {
            "id": f"{i:02x}",
            "parent": "00",
            "start": chance.randrange(-100, 1_100),
            "duration": chance.randrange(200),
        }
        for i in range(1, 60)
    ]
    trace = adjust(make_trace(spans))
    covered = set()
    for span in spans[1:]:
        covered |= set(
            range(
                max(int(span["start"]), 0),
                min(int(span["start"]) + int(span["duration"]), 1_000),
            )
        )
    assert (
        analyse(trace).self_ns[rows_by_id(trace)["00"]]
        == (1_000 - len(covered)) * 1_000
    )
