"""Attributes that tell two groups of traces apart: causes first, nothing without one."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.ranking import KINDS, first_is, trial
from dashboard.analysis.ranking import Name, rank
from dashboard.traces.trace import Trace
from tests.factories import make_trace


def group(count: int, **tags: Any) -> list[Trace]:
    """Traces of one span with these tags; a callable is asked for each trace."""
    return [
        make_trace(
            [
                {
                    "id": "01",
                    "service": "web",
                    "tags": {k: v(n) if callable(v) else v for k, v in tags.items()},
                }
            ],
            f"{n + 1:032x}",
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_cause_is_ranked_first(kind: str) -> None:
    for seed in range(4):
        ranking, cause = trial(1_000 + seed, kind, 200)
        assert cause is not None
        assert first_is(ranking, cause), (seed, cause, ranking.claimed[:2])


def test_without_a_cause_nothing_is_claimed() -> None:
    for seed in range(6):
        ranking, _ = trial(1_000 + seed, "", 200)
        assert ranking.tests > 50
        assert not ranking.claimed, (seed, ranking.claimed[0])


def test_ids_and_unique_values_are_not_tested_and_named() -> None:
    tags = {"order.id": lambda n: f"o{n}", "note": lambda n: f"text {n}"}
    found = rank(group(20, side="a", **tags), group(20, side="b", **tags))
    assert found.skipped == [("web", "note"), ("web", "order.id")]
    assert found.claimed[0].name.key == "side"


def test_a_number_that_moves_is_found_by_its_medians() -> None:
    found = rank(
        group(30, bytes=lambda n: 100 + n), group(30, bytes=lambda n: 1_000 + n)
    )
    (one,) = found.claimed
    assert one.numeric
    assert (one.name, one.effect) == (Name("web", "bytes", ""), 1.0)
    assert (one.a_median, one.b_median) == (114, 1014)


def test_what_the_same_traces_have_is_one_finding_and_symptoms_come_last() -> None:
    a = group(20, zone="x", **{"http.status_code": 200, "build.long.name": "1"})
    b = group(20, zone="y", **{"http.status_code": 500, "build.long.name": "2"})
    found = rank(a, b).claimed
    assert found[0].name == Name("web", "zone", "y")
    assert [name.key for name in found[0].same] == [
        "build.long.name",
        "http.status_code",
    ]
    failing = {"http.status_code": 500}
    mixed = group(19, zone="y", **failing) + group(1, zone="x", **failing)
    keys = [one.name.key for one in rank(a, mixed).claimed]
    assert keys.index("http.status_code") > keys.index("zone")


def test_keys_that_made_the_groups_explain_nothing() -> None:
    a, b = group(20, version="v2", pod="p2"), group(20, version="v3", pod="p3")
    assert rank(a, b).claimed
    assert not rank(a, b, defining={"version"}).ranked


def test_few_traces_are_not_judged() -> None:
    found = rank(group(4, zone="x"), group(40, zone="y"))
    assert (found.a_traces, found.b_traces, found.ranked) == (4, 40, [])
