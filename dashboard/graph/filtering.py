"""Expressions applied to the nodes and edges of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import networkx as nx

from dashboard.graph import attributes as a
from dashboard.graph.expression import Expression
from dashboard.graph.measures import Measure

FAILING_SHARE = 0.05
ATTRIBUTES = {
    "service": a.SERVICE,
    "namespace": a.NAMESPACE,
    "version": a.VERSION,
    "operation": a.OPERATION,
    "instance": a.INSTANCE,
    "kind": a.KIND,
}
Edge = tuple[str, str]


def _figure(word: str, measure: Measure, seconds: float) -> float:
    if word == "errors":
        return measure.error_share
    if word == "failed":
        return measure.errors
    if word == "rate":
        return measure.count / seconds
    if word == "calls":
        return measure.count
    return int(getattr(measure, f"{word}_ns"))


@dataclass(frozen=True, slots=True)
class _Reader:
    """A graph, the window's length and the group of each node."""

    graph: nx.DiGraph
    seconds: float
    group_of: Mapping[str, str]

    def texts(self, name: str, word: str) -> tuple[str, ...]:
        """What a word about a node may mean."""
        node = self.graph.nodes[name]
        if word == "group":
            return (self.group_of.get(name, ""),)
        if word == "name":
            return (name, node[a.SERVICE])
        if word == "version" and node[a.VERSIONS]:
            return tuple(version for version, _ in node[a.VERSIONS])
        if word == "service" and not node[a.SERVICE]:
            return (name,)
        return (node[ATTRIBUTES[word]],)


@dataclass(frozen=True, slots=True)
class NodeSubject:
    """A node."""

    reader: _Reader
    name: str

    def number(self, word: str) -> float | None:
        """A figure of its requests; attempts are of calls only."""
        if word == "attempts":
            return None
        graph = self.reader.graph
        measure = graph.graph[a.NODE_SUMS].of(graph.nodes[self.name][a.ROW])
        return _figure(word, measure, self.reader.seconds)

    def texts(self, word: str) -> tuple[str, ...] | None:
        """Its names and kinds."""
        if word in ("caller", "callee"):
            return None
        return self.reader.texts(self.name, word)

    def flag(self, word: str) -> bool | None:
        """Whether it fails, or sent no spans."""
        if word == "async":
            return None
        if word == "virtual":
            return bool(self.reader.graph.nodes[self.name][a.VIRTUAL])
        return (self.number("errors") or 0.0) >= FAILING_SHARE


@dataclass(frozen=True, slots=True)
class EdgeSubject:
    """An edge."""

    reader: _Reader
    edge: Edge

    def number(self, word: str) -> float | None:
        """A figure of its calls."""
        graph = self.reader.graph
        measure = graph.graph[a.EDGE_SUMS].of(graph.edges[self.edge][a.ROW])
        if word == "attempts":
            return float(measure.attempts)
        return _figure(word, measure, self.reader.seconds)

    def texts(self, word: str) -> tuple[str, ...] | None:
        """Those of its ends."""
        caller, callee = self.edge
        if word in ("caller", "callee"):
            return self.reader.texts(caller if word == "caller" else callee, "name")
        return (*self.reader.texts(caller, word), *self.reader.texts(callee, word))

    def flag(self, word: str) -> bool | None:
        """Whether it is asynchronous, fails, or has an end that sent no spans."""
        graph = self.reader.graph
        if word == "async":
            return bool(graph.edges[self.edge][a.ASYNC])
        if word == "virtual":
            return any(graph.nodes[end][a.VIRTUAL] for end in self.edge)
        return (self.number("errors") or 0.0) >= FAILING_SHARE


@dataclass(slots=True)
class Found:
    """The nodes and edges of which an expression is true."""

    nodes: set[str] = field(default_factory=set)
    edges: set[Edge] = field(default_factory=set)


def find(
    graph: nx.DiGraph,
    wanted: Expression,
    seconds: float,
    group_of: Mapping[str, str] | None = None,
) -> Found:
    """What an expression is true of; ``seconds`` is the length of the window."""
    reader = _Reader(graph, seconds, group_of or {})
    return Found(
        {name for name in graph if wanted.matches(NodeSubject(reader, name))},
        {edge for edge in graph.edges if wanted.matches(EdgeSubject(reader, edge))},
    )


def without(graph: nx.DiGraph, hidden: Found) -> nx.DiGraph:
    """The graph without what was found; a node takes its edges with it."""
    left = graph.subgraph([name for name in graph if name not in hidden.nodes]).copy()
    left.remove_edges_from(hidden.edges)
    return left
