"""Builds the service graph of a window from the tables of its rollups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np

from dashboard.graph import attributes as a
from dashboard.graph.contribution import Contribution
from dashboard.graph.measures import Measures
from dashboard.graph.names import namespace_id, node_id
from dashboard.graph.tables import GROUPS, Table, Words, tables_of

# What each level's graph is built from: its edges, and its nodes' requests.
TABLES = {
    "service": ("edge", "service"),
    "namespace": ("edge", "service"),
    "version": ("edge", "service"),
    "operation": ("operation-edge", "entry"),
    "instance": ("instance-edge", "instance"),
}


def levels_for(level: str) -> tuple[str, ...]:
    """The tables that a graph of a level is built from."""
    return tuple(dict.fromkeys((*GROUPS["graph"], *TABLES[level])))


@dataclass(frozen=True, slots=True)
class Side:
    """One end of a call."""

    service: str
    version: str = ""
    namespace: str = ""
    operation: str = ""
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Ends:
    """The key of a call, read."""

    caller: Side
    callee: Side
    virtual: str  # which side sent no spans: "", "caller", "callee"
    kind: str
    asynchronous: bool
    own: bool


def read_edge(words: Words) -> Ends:
    """The key of table ``edge``."""
    caller, callee, from_version, to_version = words[:4]
    return Ends(
        Side(caller, from_version, words[8]),
        Side(callee, to_version, words[9]),
        *_nature(words[4:8]),
    )


def read_operation_edge(words: Words) -> Ends:
    """The key of table ``operation-edge``."""
    return Ends(
        Side(words[0], operation=words[1]),
        Side(words[2], operation=words[3]),
        *_nature(words[4:8]),
    )


def read_instance_edge(words: Words) -> Ends:
    """The key of table ``instance-edge``."""
    return Ends(
        Side(words[0], instance=words[1]),
        Side(words[2], instance=words[3]),
        *_nature(words[4:8]),
    )


def _nature(words: Words) -> tuple[str, str, bool, bool]:
    return words[0], words[1], words[2] == "async", words[3] == "self"


READERS: dict[str, Callable[[Words], Ends]] = {
    "edge": read_edge,
    "operation-edge": read_operation_edge,
    "instance-edge": read_instance_edge,
}


def request_side(level: str, words: Words) -> Side:
    """The node that a key of requests belongs to."""
    if level == "operation":
        return Side(words[0], operation=words[1])
    if level == "instance":
        return Side(words[0], words[2], words[3], instance=words[1])
    return Side(words[0], words[1], words[2])


def id_of(level: str, side: Side, virtual: bool = False, kind: str = "") -> str:
    """The node's id at a level."""
    if level == "service":
        return side.service
    if level == "namespace":
        return namespace_id(side.namespace, virtual, kind)
    part: str = getattr(side, level)
    return node_id(level, side.service, part)


def kind_of(virtual: bool, kind: str) -> str:
    """The kind of a node that sent no spans: a named service is "untraced"."""
    return "untraced" if virtual and kind == "service" else kind


def build_graph(
    tables: Mapping[str, Table], level: str = "service", *, self_calls: bool = False
) -> nx.DiGraph:
    """A directed graph at a level: nodes and edges with the rows of their sums.

    A node is virtual when no service of its name sent spans in the window.
    Self calls (of the level's nodes) are left out unless asked for.
    """
    return _Builder(tables, level, self_calls).graph


class _Builder:
    def __init__(self, tables: Mapping[str, Table], level: str, self_calls: bool):
        self.level, self.self_calls = level, self_calls
        edge_table, request_table = TABLES[level]
        self.edges, self.requests = tables[edge_table], tables[request_table]
        self.read = READERS[edge_table]
        self.graph: nx.DiGraph = nx.DiGraph()
        self.graph.graph[a.LEVEL] = level
        self.ends = {n: self.read(self.edges.words[n]) for n in self.edges.live()}
        self.real = self._real(tables)
        self.kinds: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.number: dict[str, int] = {}
        self._add_requests(tables)
        self._add_edges()
        self._sum_nodes()
        self._name_kinds()

    def _real(self, tables: Mapping[str, Table]) -> set[str]:
        found = set()
        for name in ("presence", "service"):
            table = tables.get(name)
            if table is not None:
                found |= {table.words[n][0] for n in table.live()}
        for ends in self.ends.values():
            if ends.virtual != "caller":
                found.add(ends.caller.service)
            if ends.virtual != "callee":
                found.add(ends.callee.service)
        return found

    def _node(self, side: Side, virtual: bool, kind: str) -> str:
        name = id_of(self.level, side, virtual, kind_of(virtual, kind))
        if name not in self.number:
            self.number[name] = len(self.number)
            mixed = self.level == "namespace"
            self.graph.add_node(
                name,
                **{
                    a.SERVICE: "" if mixed else side.service,
                    a.VERSION: side.version if self.level == "version" else "",
                    a.NAMESPACE: side.namespace,
                    a.OPERATION: side.operation,
                    a.INSTANCE: side.instance,
                    a.KIND: kind_of(virtual, kind),
                    a.VIRTUAL: virtual,
                    a.VERSIONS: [],
                    a.ROW: self.number[name],
                },
            )
        elif side.namespace and not self.graph.nodes[name][a.NAMESPACE]:
            self.graph.nodes[name][a.NAMESPACE] = side.namespace
        return name

    def _add_requests(self, tables: Mapping[str, Table]) -> None:
        table = self.requests
        self.node_of = np.full(len(table), -1, np.int64)
        parts: dict[tuple[str, str], int] = {}
        part_of = np.full(len(table), -1, np.int64)
        for n in table.live():
            side = request_side(self.level, table.words[n])
            name = self._node(side, False, "service")
            self.node_of[n] = self.number[name]
            if self.level == "service" and side.version:
                part_of[n] = parts.setdefault((name, side.version), len(parts))
        for (name, version), row in parts.items():
            self.graph.nodes[name][a.VERSIONS].append((version, row))
        self.graph.graph[a.NODE_OF_KEY] = self.node_of
        self.graph.graph[a.VERSION_SUMS] = table.totals().grouped(part_of, len(parts))
        for service in sorted(self.real):
            # A service whose spans are neither requests nor calls.
            if self.level == "service" and service not in self.number:
                self._node(Side(service), False, "service")

    def _add_edges(self) -> None:
        table, graph = self.edges, self.graph
        edge_of = np.full(len(table), -1, np.int64)
        pair_of = np.full(len(table), -1, np.int64)
        pairs: dict[tuple[str, str, str, str], int] = {}
        counts = table.totals().count
        callers: list[int] = []
        callees: list[int] = []
        for n, ends in self.ends.items():
            sides = []
            for side, which in ((ends.caller, "caller"), (ends.callee, "callee")):
                virtual = ends.virtual == which and side.service not in self.real
                name = self._node(side, virtual, ends.kind)
                if virtual:
                    self.kinds[name][kind_of(True, ends.kind)] += int(counts[n])
                sides.append(name)
            caller, callee = sides
            if (ends.own or caller == callee) and not self.self_calls:
                continue
            if not graph.has_edge(caller, callee):
                graph.add_edge(
                    caller,
                    callee,
                    **{a.ROW: len(callers), a.ASYNC: False, a.PAIRS: []},
                )
                callers.append(self.number[caller])
                callees.append(self.number[callee])
            edge: dict[str, Any] = graph.succ[caller][callee]
            edge_of[n] = edge[a.ROW]
            edge[a.ASYNC] = edge[a.ASYNC] or ends.asynchronous
            if self.level == "service":
                pair = (caller, callee, ends.caller.version, ends.callee.version)
                pair_of[n] = pairs.setdefault(pair, len(pairs))
        for (caller, callee, one, other), row in pairs.items():
            graph.edges[caller, callee][a.PAIRS].append((one, other, row))
        totals = table.totals()
        graph.graph[a.EDGE_OF_KEY] = edge_of
        graph.graph[a.EDGE_SUMS] = totals.grouped(edge_of, len(callers))
        graph.graph[a.PAIR_SUMS] = totals.grouped(pair_of, len(pairs))
        self.callers = np.array(callers, np.int64)
        self.callees = np.array(callees, np.int64)

    def _sum_nodes(self) -> None:
        """A node's requests; where it has none the calls to it, else those from it."""
        size, edges = len(self.number), self.graph.graph[a.EDGE_SUMS]
        found = self.requests.totals().grouped(self.node_of, size)
        for ends in (self.callees, self.callers):
            lacks = found.count == 0
            if not lacks.any() or not len(ends):
                break
            group = np.where(lacks[ends], ends, -1)
            more = edges.grouped(group, size)
            found = Measures.joined([found, more]).grouped(
                np.concatenate((np.arange(size), np.arange(size))), size
            )
        self.graph.graph[a.NODE_SUMS] = found

    def _name_kinds(self) -> None:
        for name, node in self.graph.nodes.items():
            if node[a.VIRTUAL] and name in self.kinds:
                by_kind = self.kinds[name]
                node[a.KIND] = min(by_kind, key=lambda kind: (-by_kind[kind], kind))
            elif self.level != "namespace" and is_gateway(node[a.SERVICE]):
                node[a.KIND] = "gateway"


def is_gateway(service: str) -> bool:
    """Whether a name says that a service lets traffic in."""
    low = service.lower()
    return "gateway" in low or "ingress" in low


def edges_of(found: Contribution) -> list[tuple[str, str, int, int, bool]]:
    """``(caller, callee, calls, errors, virtual)`` sorted, self calls included."""
    return edges_in(build_graph(tables_of(found, GROUPS["graph"]), self_calls=True))


def edges_in(graph: nx.DiGraph) -> list[tuple[str, str, int, int, bool]]:
    """The same of a graph."""
    sums: Measures = graph.graph[a.EDGE_SUMS]
    count, errors = sums.count.tolist(), sums.errors.tolist()
    return sorted(
        (
            caller,
            callee,
            count[edge[a.ROW]],
            errors[edge[a.ROW]],
            graph.nodes[caller][a.VIRTUAL] or graph.nodes[callee][a.VIRTUAL],
        )
        for caller, callee, edge in graph.edges(data=True)
    )


def focus(graph: nx.DiGraph, node: str, up: int, down: int) -> nx.DiGraph:
    """The nodes within so many calls up and down, with all edges among them."""
    if node not in graph:
        return graph
    below = nx.single_source_shortest_path_length(graph, node, down)
    above = nx.single_source_shortest_path_length(graph.reverse(copy=False), node, up)
    return graph.subgraph({*below, *above})
