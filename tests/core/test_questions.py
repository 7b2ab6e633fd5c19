"""Questions about a graph, against answers found the slow way."""

from __future__ import annotations

import random

import networkx as nx
import pytest

from dashboard.graph.build import build_graph, levels_for
from dashboard.graph.contribution import Contribution, Tally
from dashboard.graph.histogram import bucket_of
from dashboard.graph.questions import (
    busiest_path,
    cycles,
    dominated,
    entries,
    parts,
    ranks,
    slowest_path,
    unreached,
)
from dashboard.graph.tables import tables_of


def graph_of(*calls: tuple[str, str, int, int]) -> nx.DiGraph:
    """Caller, callee, calls, duration in ms."""
    found = Contribution()
    for caller, callee, count, ms in calls:
        key = (caller, callee, "", "", "", "service", "", "", "", "")
        buckets = {bucket_of(ms * 1_000_000): count}
        found.at("edge", 1, key).add(Tally(count, 0, count, 1, buckets))
    return build_graph(tables_of(found, levels_for("service")))


def drawn(seed: int) -> nx.DiGraph:
    rng = random.Random(seed)
    names = [f"s{n}" for n in range(rng.randrange(2, 25))]
    calls = {tuple(rng.sample(names, 2)) for _ in range(rng.randrange(1, 40))}
    return graph_of(*((u, v, rng.randrange(1, 9), 1) for u, v in sorted(calls)))


@pytest.mark.parametrize("seed", range(30))
def test_what_stops_with_a_node_is_what_no_entry_reaches_without_it(seed: int) -> None:
    graph = drawn(seed)
    found, roots = dominated(graph), entries(graph)
    for name in graph:
        left = graph.subgraph(set(graph) - {name})
        reached = {r for r in roots if r != name}
        for root in list(reached):
            reached |= nx.descendants(left, root)
        assert found.get(name, []) == sorted(set(left) - reached)


@pytest.mark.parametrize("seed", range(30))
def test_cycles_are_real_and_paths_are_paths(seed: int) -> None:
    graph = drawn(seed)
    for cycle in cycles(graph):
        assert cycle.example[0] == cycle.example[-1]
        assert set(cycle.example) <= set(cycle.members)
        assert nx.is_path(graph, cycle.example)
    for nodes, value in (busiest_path(graph), slowest_path(graph)):
        assert bool(nodes) == bool(value)
        if nodes:
            assert nx.is_path(graph, nodes)
            assert nodes[0] in entries(graph)


@pytest.mark.parametrize("seed", range(20))
def test_no_path_of_a_graph_without_circles_is_busier(seed: int) -> None:
    graph = drawn(seed)
    graph.remove_edges_from([e for e in graph.edges if int(e[0][1:]) > int(e[1][1:])])
    calls = graph.graph["edge_sums"].count
    best = 0
    for root in entries(graph):
        for leaf in [n for n in graph if not graph.out_degree(n)]:
            for path in nx.all_simple_edge_paths(graph, root, leaf):
                least = [calls[graph.edges[e]["row"]] for e in path]
                best = max(best, int(min(least, default=0)))
    assert busiest_path(graph)[1] == best


def test_an_example_system() -> None:
    graph = graph_of(
        ("gateway", "shop", 100, 50),
        ("gateway", "login", 10, 90),
        ("shop", "cart", 60, 20),
        ("cart", "shop", 5, 5),
        ("cart", "db", 55, 10),
        ("shop", "ads", 90, 40),
        ("login", "db", 10, 80),
        ("job", "mail", 3, 1),
    )
    assert entries(graph) == ["gateway", "job"]
    assert dominated(graph) == {
        "gateway": ["ads", "cart", "db", "login", "shop"],
        "shop": ["ads", "cart"],
        "job": ["mail"],
    }
    assert [c.example for c in cycles(graph)] == [["cart", "shop", "cart"]]
    assert busiest_path(graph) == (["gateway", "shop", "ads"], 90)
    nodes, p95_ns = slowest_path(graph)
    assert nodes == ["gateway", "login", "db"]
    assert abs(p95_ns - 90e6) < 5e6
    found = unreached(graph)
    assert (found.roots, found.nodes) == (["gateway"], ["job", "mail"])
    by_name = {rank.node: rank for rank in ranks(graph)}
    assert (by_name["shop"].fan_in, by_name["shop"].fan_out) == (2, 2)
    assert (by_name["shop"].calls_in, by_name["shop"].calls_out) == (105, 150)
    groups, modularity = parts(graph)
    assert sorted(name for members in groups.values() for name in members) == sorted(
        graph
    )
    assert modularity > 0


def test_an_empty_graph_answers_nothing() -> None:
    graph = graph_of()
    assert (entries(graph), dominated(graph), cycles(graph)) == ([], {}, [])
    assert busiest_path(graph) == slowest_path(graph) == ([], 0)
    assert unreached(graph).nodes == []
    assert parts(graph) == ({}, 0.0)
