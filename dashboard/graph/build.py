"""Builds the service graph of a window from its rollups."""

from __future__ import annotations

from typing import Any

import networkx as nx

from dashboard.graph import attributes as a
from dashboard.graph.contribution import Contribution, Tally


def build_graph(found: Contribution, *, self_calls: bool = False) -> nx.DiGraph:
    """A directed graph of services: nodes and edges with their sums.

    A node is virtual when no service of its name sent spans in the window.
    Self calls are left out unless asked for.
    """
    graph: nx.DiGraph = nx.DiGraph()
    real: set[str] = set()
    for level, _, key, tally in found.items():
        if level == "service":
            name, version, namespace = key
            node = _node(graph, name)
            real.add(name)
            node[a.REQUESTS].add(tally)
            if namespace:
                node[a.NAMESPACE] = namespace
            if version:
                node[a.VERSIONS].setdefault(version, Tally()).add(tally)
        elif level == "operation":
            real.add(key[0])
            _node(graph, key[0])
    for level, _, key, tally in found.items():
        if level != "edge":
            continue
        caller, callee, caller_version, callee_version, virtual, kind, asyn, own = key
        if own and not self_calls:
            continue
        _node(graph, caller)
        _node(graph, callee)
        if virtual:
            side = caller if virtual == "caller" else callee
            if side not in real:
                graph.nodes[side][a.KIND] = kind
        if not graph.has_edge(caller, callee):
            graph.add_edge(caller, callee, tally=Tally(), pairs={}, asynchronous=False)
        edge: dict[str, Any] = graph.edges[caller, callee]
        edge["tally"].add(tally)
        edge["asynchronous"] = edge["asynchronous"] or bool(asyn)
        pair = (caller_version, callee_version)
        edge["pairs"].setdefault(pair, Tally()).add(tally)
    for name, node in graph.nodes.items():
        node[a.VIRTUAL] = name not in real
        if name in real and not graph.in_degree(name) and graph.out_degree(name):
            node[a.KIND] = "gateway" if "gateway" in name else "service"
    return graph


def _node(graph: nx.DiGraph, name: str) -> dict[str, Any]:
    if name not in graph:
        graph.add_node(
            name,
            **{a.REQUESTS: Tally(), a.VERSIONS: {}, a.NAMESPACE: "", a.KIND: "service"},
        )
    found: dict[str, Any] = graph.nodes[name]
    return found


def edges_of(found: Contribution) -> list[tuple[str, str, int, int, bool]]:
    """``(caller, callee, calls, errors, virtual)`` sorted, self calls included."""
    graph = build_graph(found, self_calls=True)
    return sorted(
        (
            caller,
            callee,
            edge["tally"].count,
            edge["tally"].errors,
            graph.nodes[caller][a.VIRTUAL] or graph.nodes[callee][a.VIRTUAL],
        )
        for caller, callee, edge in graph.edges(data=True)
    )


def focus(graph: nx.DiGraph, service: str, hops: int) -> nx.DiGraph:
    """The services within ``hops`` calls up or down, with all edges among them."""
    if service not in graph:
        return graph
    down = nx.single_source_shortest_path_length(graph, service, hops)
    up = nx.single_source_shortest_path_length(graph.reverse(copy=False), service, hops)
    return graph.subgraph({*down, *up}).copy()
