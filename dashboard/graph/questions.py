"""Questions about a service graph, answered with networkx."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import networkx as nx

from dashboard.graph import attributes as a
from dashboard.graph.groups import communities, shape_of
from dashboard.graph.measures import Measures

START = "\0start"  # no service has this name: options take zero bytes out
Edge = tuple[str, str]


def entries(graph: nx.DiGraph) -> list[str]:
    """Where traffic comes in: what no other node calls.

    Of nodes that call one another in a circle without any caller outside, all.
    """
    condensed = nx.condensation(graph)
    return sorted(
        name
        for number, before in condensed.in_degree()
        if not before
        for name in condensed.nodes[number]["members"]
    )


def dominated(graph: nx.DiGraph) -> dict[str, list[str]]:
    """For each node what only it leads to: unreachable from all entries without it.

    By dominators from one virtual entry over all; nodes that nothing depends on
    are left out.
    """
    if not graph:
        return {}
    rooted = nx.DiGraph(graph.edges)
    rooted.add_nodes_from(graph)
    rooted.add_edges_from((START, name) for name in entries(graph))
    below: dict[str, list[str]] = {}
    for name, above in nx.immediate_dominators(rooted, START).items():
        if name != START and above not in (None, START):
            below.setdefault(above, []).append(name)
    return {name: _all_below(name, below) for name in below}


def _all_below(name: str, below: dict[str, list[str]]) -> list[str]:
    found = list(below.get(name, ()))
    for other in found:  # grows while it is walked
        found.extend(below.get(other, ()))
    return sorted(found)


@dataclass(frozen=True, slots=True)
class Cycle:
    """Nodes that call one another in a circle, with a shortest example."""

    members: list[str]
    example: list[str]  # begins and ends with the same node


def cycles(graph: nx.DiGraph) -> list[Cycle]:
    """Strongly connected components of two nodes or more, the largest first."""
    found = []
    for component in nx.strongly_connected_components(graph):
        if len(component) < 2:
            continue
        members = sorted(component)
        inner = graph.subgraph(component)
        first = members[0]
        back = nx.single_target_shortest_path(inner, first)
        example = min(
            (back[other] for other in inner.successors(first) if other != first),
            key=lambda path: (len(path), path),
        )
        found.append(Cycle(members, [first, *example]))
    return sorted(found, key=lambda cycle: (-len(cycle.members), cycle.members))


@dataclass(frozen=True, slots=True)
class Rank:
    """How many others a node is called by and calls, and how often."""

    node: str
    fan_in: int
    fan_out: int
    calls_in: int
    calls_out: int


def ranks(graph: nx.DiGraph) -> list[Rank]:
    """All nodes, those with most callers first."""
    sums: Measures = graph.graph[a.EDGE_SUMS]
    calls = sums.count.tolist()
    found = []
    for name in graph:
        into = [e for u, _, e in graph.in_edges(name, data=True) if u != name]
        out = [e for _, v, e in graph.out_edges(name, data=True) if v != name]
        calls_in = sum(calls[edge[a.ROW]] for edge in into)
        calls_out = sum(calls[edge[a.ROW]] for edge in out)
        found.append(Rank(name, len(into), len(out), calls_in, calls_out))
    return sorted(found, key=lambda r: (-r.fan_in, -r.fan_out, r.node))


def busiest_path(graph: nx.DiGraph) -> tuple[list[str], int]:
    """The way from an entry to a leaf whose least used call is used most, and how often."""
    calls = graph.graph[a.EDGE_SUMS].count.tolist()

    def weight(edge: Edge) -> int:
        return int(calls[graph.edges[edge][a.ROW]])

    return _widest(graph, weight)


def slowest_path(graph: nx.DiGraph) -> tuple[list[str], int]:
    """The way along the slowest calls (p95), and the p95 of its first call in ns.

    It begins with the slowest call out of an entry and follows the slowest call of
    each callee. Times along it are not added up: a call lasts as long as what is
    under it.
    """
    sums: Measures = graph.graph[a.EDGE_SUMS]
    p95 = sums.percentile(0.95)[0].tolist()
    condensed = nx.condensation(graph)
    of = condensed.graph["mapping"]

    def slowest(names: Iterable[str]) -> Edge | None:
        return max(
            (
                edge
                for name in names
                for edge in graph.out_edges(name)
                if of[edge[0]] != of[edge[1]]
            ),
            key=lambda edge: (p95[graph.edges[edge][a.ROW]], edge),
            default=None,
        )

    steps: list[Edge] = []
    edge = slowest(entries(graph))
    while edge is not None:
        steps.append(edge)
        edge = slowest(condensed.nodes[of[edge[1]]]["members"])
    if not steps:
        return [], 0
    return _joined(graph, steps), int(p95[graph.edges[steps[0]][a.ROW]])


def _widest(graph: nx.DiGraph, weight: Callable[[Edge], int]) -> tuple[list[str], int]:
    """Over the condensed graph, in topological order."""
    condensed = nx.condensation(graph)
    of = condensed.graph["mapping"]
    between: dict[tuple[int, int], Edge] = {}
    for edge in sorted(graph.edges):
        pair = (of[edge[0]], of[edge[1]])
        if pair[0] != pair[1] and (
            pair not in between or weight(edge) > weight(between[pair])
        ):
            between[pair] = edge
    best: dict[int, tuple[int, int]] = {}  # least and total calls on the way here
    came: dict[int, Edge] = {}
    for number in nx.topological_sort(condensed):
        for before in condensed.predecessors(number):
            edge = between[before, number]
            calls = weight(edge)
            least, total = best.get(before, (calls, 0))
            found = (min(least, calls), total + calls)
            if number not in best or found > best[number]:
                best[number], came[number] = found, edge
    leaves = [n for n in condensed if not condensed.out_degree(n) and n in best]
    if not leaves:
        return [], 0
    last = max(leaves, key=lambda n: (best[n], -n))
    steps, at = [], last
    while at in came:
        steps.append(came[at])
        at = of[came[at][0]]
    steps.reverse()
    return _joined(graph, steps), best[last][0]


def _joined(graph: nx.DiGraph, steps: list[Edge]) -> list[str]:
    """The nodes along some edges, by the shortest way inside circles."""
    found = list(steps[0])
    for caller, callee in steps[1:]:
        if caller != found[-1]:
            found += nx.shortest_path(graph, found[-1], caller)[1:]
        found.append(callee)
    return found


@dataclass(frozen=True, slots=True)
class Unreached:
    """What cannot be reached from where traffic should come in."""

    roots: list[str]
    nodes: list[str]


def unreached(graph: nx.DiGraph) -> Unreached:
    """What the gateways do not reach; without gateways, the entries of the largest part."""
    roots = [n for n, node in graph.nodes.items() if node[a.KIND] == "gateway"]
    if not roots and graph:
        parts = nx.weakly_connected_components(graph)
        main = max(parts, key=lambda part: (len(part), min(part)))
        roots = [name for name in entries(graph) if name in main]
    reached = set(roots)
    for root in roots:
        reached |= nx.descendants(graph, root)
    return Unreached(sorted(roots), sorted(set(graph) - reached))


def parts(graph: nx.DiGraph) -> tuple[dict[str, list[str]], float]:
    """Communities by name with their members, and the modularity (0: no structure)."""
    found: dict[str, list[str]] = {}
    for name, group in communities(shape_of(graph)).items():
        found.setdefault(group, []).append(name)
    plain = nx.Graph((u, v) for u, v in graph.edges if u != v)
    plain.add_nodes_from(graph)
    if not plain.number_of_edges():
        return found, 0.0
    return found, float(nx.community.modularity(plain, found.values()))
