"""Reads of the rollups: kept or not, folded or not, long or short, the same sums."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from dashboard.actions.ingest import ingest
from dashboard.actions.retention import enforce_retention
from dashboard.actions.rollups import current_minute, fold_rollups
from dashboard.actions.sources import ensure_source
from dashboard.graph.contribution import Contribution, Tally
from dashboard.graph.tables import GROUP_OF, Table, step_of
from dashboard.models import RollupBlock, RollupDelta, TraceRecord
from dashboard.reads.band import read_band, read_minutes, stored_minutes
from dashboard.reads.rollups import (
    forget_windows,
    read_window,
    read_window_sums,
)
from tests.factories import make_trace

pytestmark = pytest.mark.django_db(transaction=True)
LEVELS = tuple(GROUP_OF)


def trace(number: int, back_minutes: int) -> Any:
    rng = random.Random(number)
    late = -back_minutes * 60_000_000
    callee = rng.choice(["shop", "cart", "pay"])
    return make_trace(
        [
            {"id": "01", "service": "web", "kind": "server", "start": late},
            {
                "id": "02",
                "parent": "01",
                "service": "web",
                "kind": "client",
                "start": late + 10,
            },
            {
                "id": "03",
                "parent": "02",
                "service": callee,
                "kind": "server",
                "start": late + 20,
                "duration": rng.randrange(1, 900_000),
                "tags": {"error": rng.random() < 0.2},
            },
        ],
        f"{number + 1:032x}",
    )


def by_key(table: Table) -> dict[tuple[str, ...], Tally]:
    sums = table.totals()
    return {
        table.words[n]: Tally(
            int(sums.count[n]),
            int(sums.errors[n]),
            int(sums.attempts[n]),
            int(sums.sum_ns[n]),
            sums.histogram(n),
        )
        for n in table.live()
    }


def checked(minutes: int) -> int:
    """Compare the fast read of a window with the plain one; gives its calls."""
    last = current_minute()
    first = last - minutes + 1
    found = read_window_sums(first, last, levels=LEVELS).tables
    wanted: dict[str, dict[tuple[str, ...], Tally]] = {level: {} for level in LEVELS}
    for level, _minute, key, tally in read_window(first, last).items():
        wanted[level].setdefault(key, Tally()).add(tally)
    for level in LEVELS:
        assert by_key(found[level]) == wanted[level], level
    table = found["service"]
    every = np.ones(len(table), bool)
    steps = table.by_step(every, first, last)
    assert steps.count.sum() == table.totals().count.sum()
    assert steps.number.sum() == table.totals().number.sum()
    minute_sums = read_minutes(first, last)
    assert sum(count for count, _ in minute_sums.values()) == steps.count.sum()
    assert sum(failed for _, failed in minute_sums.values()) == steps.errors.sum()
    return int(found["edge"].totals().count.sum())


def test_windows_of_any_length_hold_the_same_sums_folded_or_not() -> None:
    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    back = [random.Random(n).randrange(0, 1_200) for n in range(120)]
    traces = [trace(n, minutes) for n, minutes in enumerate(back)]
    for begin in range(0, len(traces), 30):
        ingest(source, traces[begin : begin + 30], replace=True)
        for minutes in (30, 200, 400, 1_300):
            checked(minutes)
        if begin == 30:
            fold_rollups()
    assert step_of(0, 1_299) > 1
    fold_rollups()
    assert checked(1_300) == checked(1_300) == 120
    forget_windows()
    assert checked(1_300) == 120


def test_what_has_changed_is_read_again_and_nothing_else() -> None:
    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    ingest(source, [trace(n, 100 + n) for n in range(20)], replace=True)
    fold_rollups()
    last = current_minute()
    window = read_window_sums(last - 300, last)
    assert read_window_sums(last - 300, last) is window
    ingest(source, [trace(50, 3)], replace=True)
    again = read_window_sums(last - 300, last)
    assert again is not window
    assert again.folded is window.folded
    fold_rollups()
    assert checked(301) == 21
    # A late span changes an old block in place.
    ingest(
        source,
        [
            make_trace(
                [
                    {
                        "id": "09",
                        "service": "late",
                        "kind": "server",
                        "start": -6_000_000_000,
                    }
                ],
                f"{777:032x}",
            )
        ],
        replace=True,
    )
    fold_rollups()
    assert checked(301) == 21


def test_old_minutes_become_hours_and_days_without_a_change_of_sums() -> None:
    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    days = [0, 1, 2, 3, 9, 10, 12]
    ingest(
        source, [trace(n, day * 1_440 + 7) for n, day in enumerate(days)], replace=True
    )
    assert checked(14 * 1_440) == 7
    fold_rollups()
    assert set(RollupBlock.objects.values_list("span_minutes", flat=True)) == {
        1,
        60,
        1440,
    }
    assert checked(14 * 1_440) == 7
    first, last = stored_minutes() or (0, 0)
    points = read_band(first, last)
    assert {point.minutes for point in points} >= {60, 1440}
    assert sum(point.requests for point in points) == 14


def test_blocks_of_the_version_before_are_read_beside_new_ones() -> None:
    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    ingest(source, [trace(1, 3)], replace=True)
    old = Contribution()
    minute = current_minute() - 3
    old.at("edge", minute, ("x", "y", "", "", "", "service", "", "", "", "")).add(
        Tally(4, 1, 4, 10, {7: 4})
    )
    RollupBlock.objects.create(
        source=source, span_minutes=1, minute=minute, payload=old.to_bytes()
    )
    fold_rollups()
    assert checked(30) == 5
    assert RollupDelta.objects.count() == 0


def test_removing_records_leaves_the_sums() -> None:
    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    ingest(source, [trace(n, 2) for n in range(5)], replace=True)
    TraceRecord.objects.update(arrived_at=timezone.now() - timedelta(days=90))
    assert enforce_retention() == 5
    assert checked(30) == 5
