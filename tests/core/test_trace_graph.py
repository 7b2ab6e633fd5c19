"""A trace as a graph of operations, against plain counting."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import Any

import pytest

from dashboard.adjusters.standard import adjust
from dashboard.analysis.self_time import self_times
from dashboard.graph import trace_graph
from dashboard.graph.trace_graph import call_graph
from dashboard.traces.trace import Flag, Trace
from tests.factories import make_trace


def wild(count: int, seed: int) -> list[dict[str, Any]]:
    """Few operations, so that many spans share a path."""
    chance = random.Random(seed)
    root: dict[str, Any] = {"id": "s0", "operation": "get", "duration": 9_000}
    return [root] + [
        {
            "id": f"s{number}",
            "parent": f"s{chance.randrange(number)}" if chance.random() < 0.95 else "",
            "service": chance.choice("ab"),
            "operation": chance.choice(["get", "put"]),
            "start": chance.randrange(5_000),
            "duration": chance.randrange(4_000),
            "tags": {"error": True} if chance.random() < 0.2 else {},
        }
        for number in range(1, count)
    ]


def keys(trace: Trace, merge: str) -> list[Any]:
    """What each row is merged by, found by walking up."""
    found: list[Any] = []
    for row in range(len(trace)):
        own = (trace.service_name(row), trace.operation_name(row))
        above = int(trace.parent[row])
        if merge == "operation":
            found.append(own)
        else:
            found.append((found[above] if above >= 0 else (), own))
    return found


@pytest.mark.parametrize("merge", ["path", "operation"])
@pytest.mark.parametrize("seed", range(4))
def test_nodes_and_edges_equal_plain_counting(seed: int, merge: Any) -> None:
    trace = adjust(make_trace(wild(90, seed), shuffle=seed))
    own = self_times(trace)
    graph = call_graph(trace, own, merge)
    of_row = keys(trace, merge)
    rows = defaultdict(list)
    for row, key in enumerate(of_row):
        rows[key].append(row)
    assert graph.total == len(rows) == len(graph.nodes)
    by_number = {}
    for node in graph.nodes:
        members = rows[of_row[node.row]]
        by_number[node.number] = of_row[node.row]
        assert node.row == min(members)
        assert node.count == len(members)
        assert node.total_ns == sum(int(trace.duration_ns[r]) for r in members)
        assert node.self_ns == sum(int(own[r]) for r in members)
        assert node.errors == sum(bool(trace.flags[r] & Flag.ERROR) for r in members)
    wanted: Counter[Any] = Counter()
    for row in range(len(trace)):
        above = int(trace.parent[row])
        if above >= 0:
            wanted[of_row[above], of_row[row]] += 1
    assert {
        (by_number[e.caller], by_number[e.callee]): e.count for e in graph.edges
    } == wanted
    if merge == "path":
        for edge in graph.edges:
            caller, callee = (
                next(n for n in graph.nodes if n.number == number)
                for number in (edge.caller, edge.callee)
            )
            assert caller.x < callee.x
            assert caller.below_ns >= callee.below_ns + caller.self_ns


def test_one_trace_gives_one_picture() -> None:
    spans = wild(60, 9)
    pictures = [
        call_graph(trace, self_times(trace), "path")
        for trace in (adjust(make_trace(spans, shuffle=n)) for n in (1, 2))
    ]
    assert pictures[0] == pictures[1]


def test_what_is_left_out_leaves_no_loose_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_graph, "MAX_DRAWN", 10)
    chain = [
        {"id": f"{n}", "parent": f"{n - 1}" if n else "", "start": n, "duration": 100}
        for n in range(500)
    ]
    trace = adjust(make_trace(chain))
    graph = call_graph(trace, self_times(trace), "path")
    assert graph.total == 500
    assert [node.row for node in graph.nodes] == list(range(10))
    assert len(graph.edges) == 9


def test_a_trace_without_spans_has_no_graph() -> None:
    trace = adjust(make_trace([]))
    assert call_graph(trace, self_times(trace), "path").nodes == []
