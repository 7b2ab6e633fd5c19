"""Statistics and repeated siblings, against plain counting."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from dashboard.adjusters.standard import adjust
from dashboard.analysis.repeats import find_repeats
from dashboard.analysis.self_time import self_times
from dashboard.analysis.statistics import (
    nearest_rank,
    statistics_by,
    statistics_by_fact,
    statistics_by_tag,
)
from dashboard.graph.contribution import contribution
from dashboard.sources.detect import decode
from dashboard.traces.trace import Flag
from tests.factories import make_trace


@pytest.mark.parametrize(
    ("values", "percent", "wanted"),
    [
        ([7], 50, 7),
        ([1, 2], 50, 1),
        ([1, 2, 3], 50, 2),
        ([15, 20, 35, 40, 50], 30, 20),
        ([15, 20, 35, 40, 50], 100, 50),
        (list(range(1, 101)), 95, 95),
        (list(range(1, 101)), 99, 99),
        (list(range(1, 21)), 95, 19),
    ],
)
def test_nearest_rank(values: list[int], percent: float, wanted: int) -> None:
    assert nearest_rank(np.array(values, np.int64), percent) == wanted


def wild(count: int, seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    root: dict[str, Any] = {"id": "s0", "duration": 9_000}
    return [root] + [
        {
            "id": f"s{number}",
            "parent": f"s{chance.randrange(number)}",
            "service": chance.choice("abc"),
            "operation": chance.choice(["get", "put"]),
            "start": chance.randrange(5_000),
            "duration": chance.randrange(4_000),
            "tags": {"error": True} if chance.random() < 0.2 else {},
        }
        for number in range(1, count)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_groups_equal_plain_counting_in_any_order(seed: int) -> None:
    trace = adjust(make_trace(wild(80, seed)))
    own = self_times(trace)
    groups: dict[str, list[int]] = defaultdict(list)
    for row in range(len(trace)):
        groups[f"{trace.service_name(row)}\t{trace.operation_name(row)}"].append(row)
    found = statistics_by(trace, own, "operation")
    assert {one.name for one in found} == set(groups)
    assert [one.self_ns for one in found] == sorted(
        (one.self_ns for one in found), reverse=True
    )
    for one in found:
        rows = groups[one.name]
        durations = sorted(int(trace.duration_ns[row]) for row in rows)
        assert one.count == len(rows)
        assert one.total_ns == sum(durations)
        assert one.self_ns == sum(int(own[row]) for row in rows)
        assert (one.min_ns, one.max_ns) == (durations[0], durations[-1])
        assert one.mean_ns == sum(durations) / len(durations)
        assert one.errors == sum(bool(trace.flags[r] & Flag.ERROR) for r in rows)
        assert one.percentiles_ns[50] == durations[(len(durations) + 1) // 2 - 1]
    assert sum(one.count for one in statistics_by(trace, own, "service")) == 80
    again = adjust(make_trace(wild(80, seed), shuffle=seed))
    assert statistics_by(again, self_times(again), "operation") == found


def test_groups_by_a_tag_keep_spans_without_it() -> None:
    spans = [
        {"id": "a", "duration": 10},
        {"id": "b", "parent": "a", "duration": 2, "tags": {"http.status_code": 503}},
        {"id": "c", "parent": "a", "duration": 3, "tags": {"http.status_code": 503}},
        {"id": "d", "parent": "a", "duration": 1, "tags": {"http.status_code": 200}},
    ]
    trace = adjust(make_trace(spans))
    found = statistics_by_fact(trace, self_times(trace), "http.status_code")
    assert {one.name: one.count for one in found} == {"": 1, "503": 2, "200": 1}
    with pytest.raises(KeyError):
        statistics_by_fact(trace, self_times(trace), "grpc.status_code")


def queries(count: int, gap: int, duration: int) -> list[dict[str, Any]]:
    return [{"id": "r", "duration": 10_000_000}] + [
        {
            "id": f"q{number}",
            "parent": "r",
            "operation": "SELECT",
            "start": number * gap,
            "duration": duration,
            "tags": {"error": True} if number == 3 else {},
        }
        for number in range(count)
    ]


def test_equal_siblings_are_one_repeat_with_their_figures() -> None:
    spans = [*queries(300, 20, 10), {"id": "x", "parent": "r", "operation": "other"}]
    for shuffle in (None, 1, 2):
        trace = adjust(make_trace(spans, shuffle=shuffle))
        (found,) = find_repeats(trace)
        assert len(found.rows) == 300
        assert trace.span_ids[found.parent] == "r"
        assert trace.span_ids[found.first] == "q0"
        assert found.total_ns == 300 * 10_000
        assert found.wall_ns == (299 * 20 + 10) * 1_000
        assert found.errors == 1
        assert found.serial
    (at_once,) = find_repeats(adjust(make_trace(queries(300, 5, 10))))
    assert not at_once.serial


def test_few_siblings_cousins_and_roots_are_no_repeat() -> None:
    assert find_repeats(adjust(make_trace(queries(4, 20, 10)))) == []
    roots = [{"id": f"r{n}", "operation": "same"} for n in range(9)]
    assert find_repeats(adjust(make_trace(roots))) == []
    cousins = roots + [
        {"id": f"c{n}", "parent": f"r{n}", "operation": "same"} for n in range(9)
    ]
    assert find_repeats(adjust(make_trace(cousins))) == []
    assert find_repeats(adjust(make_trace([]))) == []


def test_groups_by_any_tag_take_a_spans_own_before_its_process() -> None:
    spans: list[dict[str, Any]] = [
        {"id": "a", "duration": 10, "process": {"zone": "x"}},
        {"id": "b", "parent": "a", "duration": 2, "tags": {"zone": "y"}},
        {"id": "c", "parent": "a", "duration": 3, "tags": {"other": "zone"}},
        {"id": "d", "parent": "a", "duration": 1, "tags": {"zone": 7}},
    ]
    trace = adjust(make_trace(spans))
    found = statistics_by_tag(trace, self_times(trace), "zone")
    assert {one.name: one.total_ns for one in found} == {
        "x": 10_000,
        "y": 2_000,
        "": 3_000,
        "7": 1_000,
    }
    none = statistics_by_tag(trace, self_times(trace), "nowhere")
    assert [(one.name, one.count) for one in none] == [("", 4)]


def test_a_tag_whose_key_is_escaped_is_found() -> None:
    content = (
        b'{"data":[{"traceID":"ab","spans":[{"traceID":"ab","spanID":"1",'
        b'"operationName":"o","startTime":1790000000000000,"duration":5,'
        b'"tags":[{"key":"z\\u006fne","type":"string","value":"y"}]}]}]}'
    )
    trace = adjust(decode(content).traces[0])
    (found,) = statistics_by_tag(trace, self_times(trace), "zone")
    assert found.name == "y"


def test_sums_beyond_64_bits_are_exact() -> None:
    huge = 2**61 // 1_000
    spans = [{"id": str(n), "operation": "o", "duration": huge} for n in range(9)]
    trace = adjust(make_trace(spans))
    (found,) = statistics_by(trace, self_times(trace), "operation")
    assert found.total_ns == found.self_ns == 9 * huge * 1_000
    tallies = {level: t for level, _, _, t in contribution(trace, []).items()}
    assert tallies["operation"].sum_ns == 9 * huge * 1_000
