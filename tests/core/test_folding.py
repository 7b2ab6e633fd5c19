"""Folds of equal siblings, distances of pairs, absent parents."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from dashboard.adjusters.standard import adjust
from dashboard.analysis.folding import find_folds
from dashboard.analysis.missing import find_missing
from dashboard.analysis.pairs import clients_above, pair_distances, pair_spans
from dashboard.traces.trace import Flag, Kind, Trace
from tests.factories import START_US, make_trace, rows_by_id

Span = dict[str, Any]


def calls(count: int, **more: Any) -> list[Span]:
    return [
        {
            "id": f"q{number}",
            "parent": "r",
            "service": "db",
            "operation": "SELECT",
            "start": number * 20,
            "duration": number + 1,
            **more,
        }
        for number in range(count)
    ]


def trace_of(spans: list[Span], shuffle: int | None = None) -> Trace:
    return adjust(make_trace(spans, shuffle=shuffle))


def groups(trace: Trace, least: int = 5) -> list[list[str]]:
    folds = find_folds(trace, least)
    return [
        [trace.span_ids[row] for row in folds.members(group)]
        for group in range(len(folds))
    ]


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_equal_siblings_fold_with_their_figures(seed: int | None) -> None:
    root = {"id": "r", "duration": 100_000}
    trace = trace_of([root, *calls(300)], seed)
    folds = find_folds(trace, 5)
    assert len(folds) == 1
    assert [trace.span_ids[r] for r in folds.members(0)] == [
        f"q{n}" for n in range(300)
    ]
    assert int(folds.shortest_ns[0]) == 1_000
    assert int(folds.longest_ns[0]) == 300_000
    assert int(folds.median_ns[0]) == 150_500
    assert int(folds.total_ns[0]) == sum(range(1, 301)) * 1_000
    assert int(folds.wall_ns[0]) == (299 * 20 + 300) * 1_000


def test_a_failed_call_and_an_odd_one_stay_outside() -> None:
    spans = [{"id": "r", "duration": 100_000}, *calls(20)]
    spans[4]["tags"] = {"error": True}
    spans.append({"id": "deep", "parent": "q9", "operation": "connect"})
    (found,) = groups(trace_of(spans))
    assert len(found) == 18
    assert not {"q3", "q9"} & set(found)


def test_what_repeats_with_children_folds_with_them() -> None:
    spans = [{"id": "r", "duration": 100_000}, *calls(6)]
    for number in range(6):
        spans += [
            {"id": f"c{number}-{leaf}", "parent": f"q{number}", "operation": "row"}
            for leaf in range(5)
        ]
    found = groups(trace_of(spans))
    assert found[0] == [f"q{n}" for n in range(6)]
    assert len(found) == 7  # the loop, and the rows in each of its turns
    assert sorted(len(one) for one in found) == [5] * 6 + [6]


def test_few_roots_cousins_and_nothing_do_not_fold() -> None:
    assert groups(trace_of([{"id": "r", "duration": 9_000}, *calls(4)])) == []
    assert groups(trace_of([{"id": "r", "duration": 9_000}, *calls(4)]), 0) == []
    roots = [{"id": f"r{n}", "operation": "same"} for n in range(9)]
    assert groups(trace_of(roots)) == []
    cousins = [
        {"id": f"c{n}", "parent": f"r{n}", "operation": "same"} for n in range(9)
    ]
    assert groups(trace_of(roots + cousins)) == []
    assert groups(trace_of([])) == []


def shape(trace: Trace, row: int) -> tuple[Any, ...]:
    """The subtree as a sorted list of labels with relative depths."""
    rows = range(row, row + int(trace.subtree[row]))
    return tuple(
        sorted(
            (
                int(trace.depth[r] - trace.depth[row]),
                int(trace.service[r]),
                int(trace.operation[r]),
                bool(trace.flags[r] & Flag.ERROR),
            )
            for r in rows
        )
    )


@pytest.mark.parametrize("seed", range(20))
def test_folds_are_those_of_a_slow_and_plain_count(seed: int) -> None:
    chance = random.Random(seed)
    spans: list[Span] = [{"id": "0", "duration": 10**6}]
    spans += [
        {
            "id": str(number),
            "parent": str(chance.randrange(max(1, number // 4))),
            "service": chance.choice("ab"),
            "operation": chance.choice("xy"),
            "start": chance.randrange(1_000),
            "duration": chance.randrange(1, 900),
            "tags": {"error": True} if chance.random() < 0.1 else {},
        }
        for number in range(1, 200)
    ]
    trace = trace_of(spans)
    expected = defaultdict(list)
    for row, above in enumerate(trace.parent.tolist()):
        if above >= 0:
            expected[above, shape(trace, row)].append(row)
    wanted = sorted(rows for rows in expected.values() if len(rows) >= 3)
    folds = find_folds(trace, 3)
    found = [folds.members(n).tolist() for n in range(len(folds))]
    assert found == wanted
    assert found
    for group, rows in enumerate(found):
        lengths = trace.duration_ns[rows].tolist()
        assert int(folds.median_ns[group]) == int(statistics.median(lengths))
        assert int(folds.total_ns[group]) == sum(lengths)


def test_a_chain_of_100000_folds_nothing_and_ends() -> None:
    spans = [
        {"id": str(n), "parent": str(n - 1) if n else "", "operation": "same"}
        for n in range(100_000)
    ]
    spans[0]["kind"] = "client"
    spans[-1]["kind"] = "server"
    trace = trace_of(spans)
    assert len(find_folds(trace, 5)) == 0
    assert clients_above(trace)[-1] == 0
    assert pair_distances(trace)[0] == 99_999


def test_pairs_point_at_each_other_and_attempts_at_their_client() -> None:
    spans: list[Span] = [
        {"id": "c1", "service": "a", "kind": "client", "duration": 100},
        {"id": "s1", "parent": "c1", "service": "b", "kind": "server"},
        {"id": "c2", "parent": "s1", "service": "b", "kind": "client"},
        {"id": "t1", "parent": "c2", "service": "c", "kind": "server", "start": 1},
        {"id": "t2", "parent": "c2", "service": "c", "kind": "server", "start": 2},
        {"id": "l", "parent": "t2", "service": "c"},
    ]
    trace = trace_of(spans)
    at = rows_by_id(trace)
    pair = pair_distances(trace)
    assert pair[at["c1"]] == at["s1"] - at["c1"]
    assert pair[at["s1"]] == at["c1"] - at["s1"]
    assert pair[at["c2"]] == 0
    assert pair[at["t1"]] == at["c2"] - at["t1"]
    assert pair[at["t2"]] == at["c2"] - at["t2"]
    assert pair[at["l"]] == 0


def climb(trace: Trace, server: int) -> int:
    """The rule of a pair, span by span."""
    clients, servers = (Kind.CLIENT, Kind.PRODUCER), (Kind.SERVER, Kind.CONSUMER)
    above = int(trace.parent[server])
    first = above
    while above >= 0 and trace.kind[above] not in (*clients, *servers):
        if trace.service[above] != trace.service[first]:
            return -1
        above = int(trace.parent[above])
    if above < 0 or trace.kind[above] not in clients:
        return -1
    return above if trace.service[above] == trace.service[first] else -1


@pytest.mark.parametrize("seed", range(20))
def test_pairs_are_those_of_the_rule(seed: int) -> None:
    chance = random.Random(seed)
    kinds = ["client", "server", "internal", "unset", "producer", "consumer"]
    spans: list[Span] = [{"id": "0", "kind": "client", "duration": 10**6}]
    spans += [
        {
            "id": str(number),
            "parent": str(chance.randrange(max(0, number - 4), number)),
            "service": chance.choice("aaab"),
            "kind": chance.choice(kinds),
            "start": number,
        }
        for number in range(1, 300)
    ]
    trace = trace_of(spans)
    wanted = {
        row: above
        for row in range(len(trace))
        if trace.kind[row] in (Kind.SERVER, Kind.CONSUMER)
        and (above := climb(trace, row)) >= 0
    }
    assert {pair.server: pair.client for pair in pair_spans(trace)} == wanted
    assert wanted


def test_an_absent_parent_is_told_by_its_children() -> None:
    spans: list[Span] = [
        {"id": "r", "service": "gateway", "duration": 1_000},
        {
            "id": "s1",
            "parent": "gone",
            "service": "reviews",
            "kind": "server",
            "start": 50,
            "duration": 10,
            "tags": {"remote.service": "productpage"},
        },
        {
            "id": "s2",
            "parent": "gone",
            "service": "details",
            "kind": "server",
            "start": 20,
            "duration": 15,
        },
        {"id": "c", "parent": "lost", "service": "web", "kind": "client", "start": 70},
        {"id": "u", "parent": "void", "service": "web", "start": 80},
    ]
    trace = trace_of(spans)
    found = {one.span_id: one for one in find_missing(trace, 9)[0]}
    assert set(found) == {"gone", "lost", "void"}
    gone = found["gone"]
    assert [trace.span_ids[r] for r in gone.rows] == ["s2", "s1"]
    assert gone.start_ns == (START_US + 20) * 1_000
    assert gone.end_ns == (START_US + 60) * 1_000
    assert (gone.name, gone.reason) == ("productpage", "remote.service")
    assert (found["lost"].name, found["lost"].reason) == ("web", "own")
    assert (found["void"].name, found["void"].reason) == ("", "")


def test_envoys_addresses_name_the_absent_caller() -> None:
    def node(name: str, address: str) -> str:
        return f"sidecar~{address}~{name}-v1.default~default.svc.cluster.local"

    spans: list[Span] = [
        {
            "id": "p",
            "service": "productpage.default",
            "kind": "client",
            "duration": 900,
            "tags": {"node_id": node("productpage", "127.0.20.11")},
        },
        {
            "id": "s",
            "parent": "gone",
            "service": "reviews.default",
            "kind": "server",
            "tags": {
                "node_id": node("reviews", "127.0.20.13"),
                "peer.address": "127.0.20.11",
            },
        },
        {
            "id": "x",
            "parent": "far",
            "service": "reviews.default",
            "kind": "server",
            "tags": {
                "node_id": node("reviews", "127.0.20.13"),
                "peer.address": "192.0.2.9:41000",
            },
        },
    ]
    found = {one.span_id: one for one in find_missing(trace_of(spans), 9)[0]}
    assert (found["gone"].service, found["gone"].reason) == (
        "productpage.default",
        "node",
    )
    assert (found["far"].service, found["far"].name) == ("", "192.0.2.9:41000")
    assert found["far"].reason == "address"


def test_a_parent_named_by_a_follows_from_counts_as_absent() -> None:
    from tests.factories import TRACE_ID

    spans: list[Span] = [
        {"id": "r", "duration": 1_000},
        {"id": "f", "references": [("FOLLOWS_FROM", TRACE_ID, "gone")]},
        {"id": "g", "references": [("FOLLOWS_FROM", "f" * 32, "elsewhere")]},
    ]
    (found,), total = find_missing(trace_of(spans), 9)
    assert total == 1
    assert found.span_id == "gone"
    assert np.array_equal(found.rows, [rows_by_id(trace_of(spans))["f"]])
