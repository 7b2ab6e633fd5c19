"""Few rows take plain lists, many take arrays: both must come to the same."""

from __future__ import annotations

import random

import numpy as np
import pytest

from benchmarks.make import body_of
from benchmarks.traffic import bodies
from dashboard.adjusters import order
from dashboard.adjusters.standard import adjust
from dashboard.analysis import self_time
from dashboard.sources.detect import decode
from dashboard.traces import facts, trace
from dashboard.traces.trace import Trace

SIZES = (1, 2, 5, 20, 90)


def test_facts_of_few_rows_are_those_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies_of = [body_of(6, size) for size in SIZES]
    bodies_of += [body for body, _ in bodies(60, 30, 2)]
    few = [one for body in bodies_of for one in decode(body).traces]
    monkeypatch.setattr(facts, "FEW", 0)
    many = [one for body in bodies_of for one in decode(body).traces]
    for one, other in zip(few, many, strict=True):
        assert list(one.facts) == list(other.facts)
        assert one.fact_values == other.fact_values
        for key, column in one.facts.items():
            assert column.tolist() == other.facts[key].tolist()
            assert column.dtype == other.facts[key].dtype


def made(seed: int) -> list[Trace]:
    found = [one for size in SIZES for one in decode(body_of(6, size)).traces]
    chance = random.Random(seed)
    for one in found:  # ties between siblings, and children that leave their parents
        one.start_ns = one.start_ns // 10**9 * 10**9
        moved = [chance.choice([0, 0, 1, 3]) * 10**6 for _ in range(len(one))]
        one.start_ns = one.start_ns + np.array(moved, np.int64)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_few_rows_are_adjusted_like_many(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made(seed)
    few = [adjust(one) for one in found]
    few_self = [self_time.self_times(one).tolist() for one in few]
    for module in (order, self_time, trace):
        monkeypatch.setattr(module, "FEW", 0)
    many = [adjust(one) for one in found]
    many_self = [self_time.self_times(one).tolist() for one in many]
    for one, other in zip(few, many, strict=True):
        assert one.span_ids == other.span_ids
        for name in ("parent", "depth", "subtree", "flags", "start_ns", "kind"):
            left, right = getattr(one, name), getattr(other, name)
            assert (left.dtype, left.tolist()) == (right.dtype, right.tolist())
        assert one.warnings == other.warnings
    assert few_self == many_self
