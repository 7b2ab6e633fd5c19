"""What differs between two graphs: gone, added, slower, more failures, and how surely."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import networkx as nx

from dashboard.analysis.significance import holm, mann_whitney, proportions, rates
from dashboard.graph import attributes as a
from dashboard.graph.measures import NOTHING, Measure, Measures

ALPHA = 0.01
LEAST_CALLS = 10  # of both sides, for latencies
LEAST_RATIO = 1.2  # of latencies and rates: less is not worth telling
LEAST_SHARE = 0.005  # of errors
EXPLAINED = 0.5  # how much of a change below takes weight from the one above
Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; ``edge`` is empty for a node.

    ``effect`` is: of errors the difference of the shares, of latencies and rates
    the ratio after / before (of medians), else 0. ``weight`` orders changes.
    """

    node: str
    edge: Edge | tuple[()]
    change: str
    before: Measure
    after: Measure
    p: float
    p_adjusted: float
    test: str
    effect: float
    weight: float

    @property
    def significant(self) -> bool:
        """Whether it is more than chance, corrected for the number of tests."""
        return self.p_adjusted < ALPHA


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes, the weightiest first, and how many tests were made."""

    changes: list[Change]
    tests: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One side: a graph, and what its counts are counted over.

    ``exposure``: seconds for windows, else requests.
    """

    graph: nx.DiGraph
    exposure: float


def compare(before: Sample, after: Sample, *, with_rates: bool = True) -> Difference:
    """Compare nodes and edges of two graphs of one level."""
    found = list(_changes(before, after, with_rates))
    adjusted = holm([change.p for change in found])
    most = max((max(c.before.count, c.after.count) for c in found), default=1)
    weighed = [
        replace(change, p_adjusted=p, weight=_weight(change, most))
        for change, p in zip(found, adjusted, strict=True)
    ]
    told = [change for change in weighed if _is_worth_telling(change)]
    told = _explain(told, after.graph)
    told.sort(key=lambda c: (not c.significant, -c.weight, c.edge, c.node))
    return Difference(told, len(found))


def _changes(before: Sample, after: Sample, with_rates: bool) -> Iterator[Change]:
    for name in sorted({*before.graph, *after.graph}):
        sides = (_of_node(before.graph, name), _of_node(after.graph, name))
        yield from _of_one(name, (), sides, before, after, with_rates)
    for edge in sorted({*before.graph.edges, *after.graph.edges}):
        sides = (_of_edge(before.graph, edge), _of_edge(after.graph, edge))
        yield from _of_one("", edge, sides, before, after, with_rates)


Side = tuple[Measure, dict[int, int]] | None


def _of_node(graph: nx.DiGraph, name: str) -> Side:
    return _side(graph, a.NODE_SUMS, graph.nodes[name]) if name in graph else None


def _of_edge(graph: nx.DiGraph, edge: Edge) -> Side:
    return _side(graph, a.EDGE_SUMS, graph.edges[edge]) if edge in graph.edges else None


def _side(graph: nx.DiGraph, which: str, item: dict[str, int]) -> Side:
    sums: Measures = graph.graph[which]
    return sums.of(item[a.ROW]), sums.histogram(item[a.ROW])


def _of_one(
    node: str,
    edge: Edge | tuple[()],
    sides: tuple[Side, Side],
    before: Sample,
    after: Sample,
    with_rates: bool,
) -> Iterator[Change]:
    one, other = sides
    old, new = one[0] if one else NOTHING, other[0] if other else NOTHING

    def made(change: str, p: float, test: str, effect: float) -> Change:
        return Change(node, edge, change, old, new, p, p, test, effect, 0.0)

    p = rates(old.count, before.exposure, new.count, after.exposure)
    if one is None or other is None:
        yield made("added" if one is None else "gone", p, "poisson", 0.0)
        return
    if with_rates:
        ratio = _ratio(old.count / before.exposure, new.count / after.exposure)
        yield made("more_calls" if ratio > 1 else "fewer_calls", p, "poisson", ratio)
    p, test = proportions(old.errors, old.count, new.errors, new.count)
    more = new.error_share - old.error_share
    yield made("more_errors" if more > 0 else "fewer_errors", p, test, more)
    if min(old.count, new.count) >= LEAST_CALLS:
        p, chance = mann_whitney(one[1], other[1])
        ratio = _ratio(old.p50_ns, new.p50_ns)
        if (chance - 0.5) * (ratio - 1) <= 0:  # the medians say nothing of the kind
            ratio = _ratio(old.p95_ns, new.p95_ns)
        yield made("slower" if chance > 0.5 else "faster", p, "mann-whitney", ratio)


def _ratio(old: float, new: float) -> float:
    return new / old if old and new else 1.0


def _is_worth_telling(change: Change) -> bool:
    """Whether a difference is large enough to matter, whatever its certainty."""
    if change.change in ("added", "gone"):
        return True
    if change.change in ("more_errors", "fewer_errors"):
        return abs(change.effect) >= LEAST_SHARE
    if change.change in ("slower", "more_calls"):
        return change.effect >= LEAST_RATIO
    return change.effect <= 1 / LEAST_RATIO


def _weight(change: Change, most: int) -> float:
    """How much a change matters: its size, by how much traffic it concerns."""
    calls = max(change.before.count, change.after.count)
    if change.change in ("added", "gone"):
        size = 0.5
    elif change.change in ("more_errors", "fewer_errors"):
        size = min(1.0, 3 * abs(change.effect))
    else:
        size = min(1.0, abs(math.log2(change.effect or 1.0)) / 4)
        if change.change in ("more_calls", "fewer_calls"):
            size /= 3
    if change.change in ("more_errors", "slower", "gone"):
        size *= 1.5  # what got worse is looked for first
    if change.edge:
        size *= 1.1  # an edge says more than its node
    return size * (0.3 + 0.7 * math.sqrt(calls / max(most, 1)))


def _explain(found: list[Change], graph: nx.DiGraph) -> list[Change]:
    """Take weight from changes that come from further down.

    A caller is slower, or fails, when what it calls is: the last one is the news.
    """
    worse = {c.edge: c for c in found if c.edge and c.significant}
    result = []
    for change in found:
        end = change.edge[1] if change.edge else change.node
        below = [
            worse[edge]
            for edge in (graph.out_edges(end) if end in graph else ())
            if edge in worse and edge != change.edge
        ]
        if any(_comes_from(change, other) for other in below):
            change = replace(change, weight=change.weight * (1 - EXPLAINED))
        result.append(change)
    return result


def _comes_from(change: Change, below: Change) -> bool:
    if change.change != below.change:
        return False
    if change.change in ("slower", "faster"):
        own = change.after.p50_ns - change.before.p50_ns
        under = below.after.p50_ns - below.before.p50_ns
        return abs(under) >= EXPLAINED * abs(own)
    return change.change in ("more_errors", "fewer_errors", "more_calls", "fewer_calls")


def union(before: nx.DiGraph, after: nx.DiGraph) -> nx.DiGraph:
    """The graph after, with the nodes and edges that are gone (as they were before)."""
    result = after.copy()
    result.graph = dict(after.graph)
    shift = {}
    for which in (a.NODE_SUMS, a.EDGE_SUMS, a.VERSION_SUMS, a.PAIR_SUMS):
        shift[which] = len(after.graph[which])
        result.graph[which] = Measures.joined([after.graph[which], before.graph[which]])
    for name, node in before.nodes.items():
        if name not in after:
            moved = {
                **node,
                a.ROW: node[a.ROW] + shift[a.NODE_SUMS],
                a.VERSIONS: [
                    (version, row + shift[a.VERSION_SUMS])
                    for version, row in node[a.VERSIONS]
                ],
            }
            result.add_node(name, **moved)
    for caller, callee, edge in before.edges(data=True):
        if not after.has_edge(caller, callee):
            moved = {
                **edge,
                a.ROW: edge[a.ROW] + shift[a.EDGE_SUMS],
                a.PAIRS: [
                    (one, other, row + shift[a.PAIR_SUMS])
                    for one, other, row in edge[a.PAIRS]
                ],
            }
            result.add_edge(caller, callee, **moved)
    return result
