"""Where a duration stands among others."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from dashboard.adjusters.standard import adjust
from dashboard.graph.histogram import BUCKETS, bucket_of
from dashboard.graph.slowness import (
    Known,
    operations_by_time,
    pack_known,
    place,
    unpack_known,
    without_own,
)
from tests.factories import START_US, make_trace


def minute() -> int:
    """The minute in which made traces begin."""
    return START_US // 60_000_000


def histogram(durations: list[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for value in durations:
        found[bucket_of(value)] = found.get(bucket_of(value), 0) + 1
    return found


@pytest.mark.parametrize("seed", range(10))
def test_a_place_agrees_with_the_sorted_durations_within_a_bucket(seed: int) -> None:
    chance = random.Random(seed)
    others = [int(chance.lognormvariate(16, 2)) + 1 for _ in range(500)]
    own = int(chance.lognormvariate(16, 3)) + 1
    found = place(histogram(others), own)
    assert found is not None
    assert found.faster <= sum(o < own for o in others) <= found.faster + found.alike
    assert found.count == 500
    for share, (middle, around) in (
        (0.5, found.p50_ns),
        (0.95, found.p95_ns),
        (0.99, found.p99_ns),
    ):
        exact = sorted(others)[max(0, -(-int(share * 500) // 1) - 1)]
        assert abs(middle - exact) <= around * 1.01 + 1
    assert sum(count for _, _, count in found.bars) == 500
    assert len(found.bars) <= 40
    assert all(a[1] == b[0] for a, b in pairwise(found.bars))
    low, high, _ = found.bars[found.bar]
    assert low < own <= high


@pytest.mark.parametrize("own", [0, 1, 10**15])
def test_extremes_have_a_bar(own: int) -> None:
    found = place({0: 10, BUCKETS - 1: 10}, own)
    assert found is not None
    assert 0 <= found.bar < len(found.bars) <= 40
    assert sum(count for _, _, count in found.bars) == 20


def test_nineteen_calls_say_nothing() -> None:
    assert place({40: 19}, 1_000) is None
    assert place({}, 1_000) is None


def test_own_spans_are_taken_out_where_they_were_counted() -> None:
    trace = adjust(
        make_trace([{"id": "1", "service": "a", "operation": "x", "duration": 5}])
    )
    key = ("a", "x")
    bucket = bucket_of(5_000)
    counted = Known({key: {bucket: 3}}, minute() - 1, minute() + 1, holds_own=True)
    assert without_own(counted, trace, key) == {bucket: 2}
    outside = Known({key: {bucket: 3}}, minute() + 1, minute() + 9, holds_own=True)
    assert without_own(outside, trace, key) == {bucket: 3}
    copied = Known({key: {bucket: 3}}, minute() - 1, minute() + 1)
    assert without_own(copied, trace, key) == {bucket: 3}


def test_what_is_packed_comes_back_under_the_copys_names() -> None:
    spans = [
        {"id": "1", "service": "a", "operation": "x", "duration": 50},
        {"id": "2", "parent": "1", "service": "b", "operation": "y", "duration": 5},
    ]
    trace = adjust(make_trace(spans))
    known = Known({("a", "x"): {70: 4}, ("b", "y"): {9: 2, 3: 1}}, 5, 9)
    rows = operations_by_time(trace, 10)
    assert [name for name, _ in rows] == [("a", "x"), ("b", "y")]
    arrays = pack_known(known, trace, rows)
    trace.operations[trace.operations.index("y")] = "***"
    found = unpack_known(arrays, trace, [("a", "x"), ("b", "***"), ("b", "y")])
    assert found is not None
    assert found.histograms == {
        ("a", "x"): {70: 4},
        ("b", "***"): {9: 2, 3: 1},
        ("b", "y"): {},
    }
    assert (found.first_minute, found.last_minute) == (5, 9)
    assert found.captured
    assert unpack_known({}, trace, [("a", "x")]) is None
