"""Differences of graphs: real ones are found, chance is not."""

from __future__ import annotations

import math
import random
from collections import Counter

import networkx as nx
import pytest

from dashboard.analysis.significance import holm, mann_whitney, proportions, rates
from dashboard.graph.build import build_graph, levels_for
from dashboard.graph.contribution import Contribution, Tally
from dashboard.graph.diff import Difference, Sample, compare, union
from dashboard.graph.histogram import bucket_of
from dashboard.graph.tables import tables_of

# caller, callee: calls, share that fails, median in ms
System = dict[tuple[str, str], tuple[int, float, float]]
SYSTEM: System = {
    ("web", "shop"): (600, 0.02, 40),
    ("shop", "cart"): (500, 0.01, 20),
    ("shop", "ads"): (400, 0.0, 10),
    ("cart", "db"): (900, 0.0, 5),
    ("web", "login"): (150, 0.05, 15),
}


def drawn(system: System, seed: int) -> nx.DiGraph:
    rng = random.Random(seed)
    found = Contribution()
    for (caller, callee), (calls, share, ms) in system.items():
        count = round(rng.gauss(calls, math.sqrt(calls)))
        failed = sum(rng.random() < share for _ in range(count))
        times = [rng.lognormvariate(math.log(ms * 1e6), 0.4) for _ in range(count)]
        buckets = Counter(bucket_of(int(ns)) for ns in times)
        key = (caller, callee, "", "", "", "service", "", "", "", "")
        tally = Tally(count, failed, count, int(sum(times)), dict(buckets))
        found.at("edge", 1, key).add(tally)
        found.at("service", 1, (callee, "", "")).add(tally)
    return build_graph(tables_of(found, levels_for("service")))


def differ(before: System, after: System, seed: int = 1) -> Difference:
    one, other = drawn(before, seed), drawn(after, seed + 1000)
    return compare(Sample(one, 600.0), Sample(other, 600.0))


@pytest.mark.parametrize("seed", range(25))
def test_chance_is_not_told_as_a_change(seed: int) -> None:
    found = differ(SYSTEM, SYSTEM, seed)
    assert not [c for c in found.changes if c.significant]
    assert found.tests > 20


@pytest.mark.parametrize(
    ("edge", "now", "change"),
    [
        (("shop", "cart"), (500, 0.15, 20), "more_errors"),
        (("web", "login"), (150, 0.0, 60), "slower"),
        (("shop", "ads"), (400, 0.0, 5), "faster"),
        (("cart", "db"), (9000, 0.0, 5), "more_calls"),
        (("shop", "ads"), (40, 0.0, 10), "fewer_calls"),
    ],
)
def test_a_real_change_comes_first(
    edge: tuple[str, str], now: tuple[int, float, float], change: str
) -> None:
    found = differ(SYSTEM, {**SYSTEM, edge: now})
    first = found.changes[0]
    assert (first.edge, first.change, first.significant) == (edge, change, True)


def test_added_and_gone_are_told() -> None:
    after = {k: v for k, v in SYSTEM.items() if k != ("shop", "ads")}
    after["shop", "mail"] = (80, 0.0, 9)
    found = differ(SYSTEM, after)
    told = {(c.edge or c.node): c.change for c in found.changes if c.significant}
    assert told["shop", "ads"] == told["ads"] == "gone"
    assert told["shop", "mail"] == told["mail"] == "added"


def test_one_call_less_than_chance_would_miss_is_not_significant() -> None:
    before = {**SYSTEM, ("shop", "rare"): (1, 0.0, 9)}
    found = differ(before, SYSTEM, 4)
    rare = [c for c in found.changes if c.edge == ("shop", "rare")]
    assert not any(c.significant for c in rare)


def test_the_cause_goes_before_what_it_causes() -> None:
    after = {
        **SYSTEM,
        ("cart", "db"): (900, 0.0, 45),
        ("shop", "cart"): (500, 0.01, 60),
        ("web", "shop"): (600, 0.02, 80),
    }
    edges = [c.edge for c in differ(SYSTEM, after).changes if c.edge]
    assert edges[0] == ("cart", "db")


def test_the_union_holds_what_is_gone_with_its_figures() -> None:
    after = {k: v for k, v in SYSTEM.items() if k != ("shop", "ads")}
    one, other = drawn(SYSTEM, 1), drawn(after, 2)
    both = union(one, other)
    assert set(both.edges) == set(one.edges)
    row = both.edges["shop", "ads"]["row"]
    assert both.graph["edge_sums"].of(row) == one.graph["edge_sums"].of(
        one.edges["shop", "ads"]["row"]
    )


def test_fisher_agrees_with_a_count_of_all_tables() -> None:
    rng = random.Random(3)
    for _ in range(60):
        n, m = rng.randrange(1, 15), rng.randrange(1, 15)
        a, b = rng.randrange(n + 1), rng.randrange(m + 1)
        total, failed = n + m, a + b
        chances = [
            math.comb(n, x) * math.comb(m, failed - x) / math.comb(total, failed)
            for x in range(max(0, failed - m), min(n, failed) + 1)
        ]
        observed = math.comb(n, a) * math.comb(m, b) / math.comb(total, failed)
        exact = sum(c for c in chances if c <= observed * (1 + 1e-7))
        assert proportions(a, n, b, m)[0] == pytest.approx(min(exact, 1.0), abs=1e-9)


def test_the_z_test_takes_over_smoothly() -> None:
    exact, name = proportions(20, 1000, 38, 1000)
    assert name == "fisher"
    approximate, name = proportions(21, 1050, 40, 1050)
    assert name == "z"
    assert 0.005 < approximate < exact < 0.04


def test_mann_whitney_by_histogram_is_that_of_the_values() -> None:
    rng = random.Random(8)
    before = [rng.randrange(12) for _ in range(40)]
    after = [rng.randrange(3, 14) for _ in range(30)]
    wins = sum((y > x) + (y == x) / 2 for x in before for y in after)
    p, chance = mann_whitney(Counter(before), Counter(after))
    assert chance == pytest.approx(wins / (40 * 30))
    shuffled, hits = before + after, 0
    for _ in range(2_000):
        rng.shuffle(shuffled)
        one, other = shuffled[:40], shuffled[40:]
        mixed = sum((y > x) + (y == x) / 2 for x in one for y in other)
        hits += abs(mixed - 600) >= abs(wins - 600)
    assert p == pytest.approx(hits / 2_000, abs=0.01)


def test_rates_know_their_exposure() -> None:
    assert rates(100, 600, 10, 60) > 0.5
    assert rates(100, 600, 40, 60) < 1e-6
    assert rates(0, 600, 5, 600) == pytest.approx(1 / 32)
    assert rates(0, 0, 5, 600) == 1.0


def test_holm_is_at_least_the_raw_value_and_at_most_bonferroni() -> None:
    raw = [0.001, 0.02, 0.5, 0.004]
    adjusted = holm(raw)
    assert adjusted == pytest.approx([0.004, 0.04, 0.5, 0.012])
    assert holm([]) == []
