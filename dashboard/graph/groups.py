"""Groups of nodes: by namespace or by community, closed into one node each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import networkx as nx
import numpy as np

from dashboard.graph import attributes as a
from dashboard.graph.measures import Measures
from dashboard.graph.names import GROUP

MANY_NODES, MANY_EDGES = 250, 600
MAX_GROUPS = 80
SHARED = "(shared)"  # not traced, called from several groups
NONE = "(none)"
EVERY = "*"
Shape = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which group each node is in; ``by`` is "", "namespace" or "community"."""

    by: str
    of: Mapping[str, str]


def shape_of(graph: nx.DiGraph) -> Shape:
    """Nodes and edges between two, sorted: equal for graphs of equal shape."""
    return (
        tuple(sorted(graph.nodes)),
        tuple(sorted((u, v) for u, v in graph.edges if u != v)),
    )


def is_large(graph: nx.DiGraph) -> bool:
    """Whether a graph is grouped unless somebody wants otherwise."""
    return bool(
        graph.number_of_nodes() > MANY_NODES or graph.number_of_edges() > MANY_EDGES
    )


def grouping(graph: nx.DiGraph, wanted: str) -> Grouping:
    """The grouping in force for ``auto``, ``none``, ``namespace``, ``community``."""
    if wanted == "none" or (wanted == "auto" and not is_large(graph)):
        return Grouping("", {})
    if wanted != "community" and graph.graph[a.LEVEL] != "namespace":
        of = by_namespace(graph)
        if wanted == "namespace" or _is_useful(graph, of):
            if wanted == "namespace" or len(set(of.values())) <= MAX_GROUPS:
                return Grouping("namespace", of)
            return Grouping("community", _joined(graph, of))
    near = communities(shape_of(graph))
    if len(set(near.values())) > MAX_GROUPS:
        near = _joined(graph, near)
    return Grouping("community", near)


def _is_useful(graph: nx.DiGraph, of: Mapping[str, str]) -> bool:
    """Whether most services say their namespace, and not all the same."""
    real = [n for n, node in graph.nodes.items() if not node[a.VIRTUAL]]
    named = [of[n] for n in real if of[n] not in (NONE, SHARED)]
    return len(set(named)) > 1 and 2 * len(named) > len(real)


def by_namespace(graph: nx.DiGraph) -> dict[str, str]:
    """Each node's namespace; what sends no spans goes with its only callers."""
    found: dict[str, str] = {}
    for name, node in graph.nodes.items():
        if node[a.NAMESPACE]:
            found[name] = node[a.NAMESPACE]
        elif not node[a.VIRTUAL]:
            found[name] = NONE
    for name in graph.nodes:
        if name not in found:
            near = {found.get(other, NONE) for other in nx.all_neighbors(graph, name)}
            found[name] = near.pop() if len(near) == 1 else SHARED
    return found


@lru_cache(maxsize=32)
def communities(shape: Shape) -> Mapping[str, str]:
    """Louvain communities, each named after its best connected member."""
    nodes, edges = shape
    graph = nx.Graph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    degree = dict(graph.degree())
    alone = [name for name in nodes if not degree[name]]
    graph.remove_nodes_from(alone)
    found = dict.fromkeys(alone, NONE)
    for members in nx.community.louvain_communities(graph, seed=1, threshold=1e-4):
        title = min(members, key=lambda name: (-degree[name], name))
        found.update(dict.fromkeys(members, title))
    return found


def _joined(graph: nx.DiGraph, of: Mapping[str, str]) -> Mapping[str, str]:
    """Too many groups: communities of groups."""
    edges = {(of[u], of[v]) for u, v in graph.edges if of[u] != of[v]}
    larger = communities((tuple(sorted(set(of.values()))), tuple(sorted(edges))))
    return {name: larger[group] for name, group in of.items()}


def is_open(group: str, opened: tuple[str, ...]) -> bool:
    """Whether a group's members are shown."""
    return group in opened or EVERY in opened


def quotient(
    graph: nx.DiGraph, found: Grouping, opened: tuple[str, ...], self_calls: bool
) -> nx.DiGraph:
    """The graph with closed groups as one node each; sums are added up."""
    shown = {
        name: name if is_open(group, opened) else GROUP + group
        for name, group in found.of.items()
    }
    result = nx.DiGraph()
    result.graph.update(graph.graph)
    members = Counter(found.of.values())
    number: dict[str, int] = {}
    node_of = np.full(len(graph.graph[a.NODE_SUMS]), -1, np.int64)
    namespaces: dict[str, set[str]] = defaultdict(set)
    for name, node in graph.nodes.items():
        target, group = shown[name], found.of[name]
        row = number.setdefault(target, len(number))
        node_of[node[a.ROW]] = row
        if target == name:
            result.add_node(name, **{**node, a.ROW: row, a.GROUP: group})
        elif target not in result:
            result.add_node(target, **_closed(group, row, members[group]))
        namespaces[target].add(node[a.NAMESPACE])
    for name, spaces in namespaces.items():
        if result.nodes[name][a.KIND] == "group" and len(spaces) == 1:
            result.nodes[name][a.NAMESPACE] = spaces.pop()
    edge_of = np.full(len(graph.graph[a.EDGE_SUMS]), -1, np.int64)
    made_edges = 0
    for u, v, edge in graph.edges(data=True):
        caller, callee = shown[u], shown[v]
        inside = caller == callee
        if inside and (u != v or caller != u) and not self_calls:
            continue
        if not result.has_edge(caller, callee):
            whole = caller == u and callee == v
            pairs = edge[a.PAIRS] if whole else []
            result.add_edge(
                caller,
                callee,
                **{a.ROW: made_edges, a.ASYNC: False, a.PAIRS: pairs, a.INNER: 0},
            )
            made_edges += 1
        made = result.edges[caller, callee]
        edge_of[edge[a.ROW]] = made[a.ROW]
        made[a.ASYNC] = made[a.ASYNC] or edge[a.ASYNC]
        made[a.INNER] += not (caller == u and callee == v)
    nodes: Measures = graph.graph[a.NODE_SUMS]
    edges: Measures = graph.graph[a.EDGE_SUMS]
    result.graph[a.NODE_SUMS] = nodes.grouped(node_of, len(number))
    result.graph[a.EDGE_SUMS] = edges.grouped(edge_of, made_edges)
    return result


def _closed(group: str, row: int, members: int) -> dict[str, object]:
    return {
        a.SERVICE: "",
        a.VERSION: "",
        a.NAMESPACE: "",
        a.OPERATION: "",
        a.INSTANCE: "",
        a.KIND: "group",
        a.VIRTUAL: False,
        a.VERSIONS: [],
        a.GROUP: group,
        a.MEMBERS: members,
        a.ROW: row,
    }
