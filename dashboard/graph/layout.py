"""Places services left to right, callers before callees; stable for one shape."""

from __future__ import annotations

import logging
from collections import defaultdict
from functools import lru_cache

import networkx as nx

log = logging.getLogger(__name__)
COLUMN, ROW = 1.0, 1.0
try:
    import fast_sugiyama
except ImportError:  # no wheel for this machine: the plain layering below serves
    fast_sugiyama = None
Positions = dict[str, tuple[float, float]]


def place(graph: nx.DiGraph) -> Positions:
    """Positions (column, row) of all nodes; equal for graphs of equal shape."""
    nodes = tuple(sorted(graph.nodes))
    edges = tuple(sorted((u, v) for u, v in graph.edges if u != v))
    return dict(_place(nodes, edges))


@lru_cache(maxsize=256)
def _place(
    nodes: tuple[str, ...], edges: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, tuple[float, float]], ...]:
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    parts = sorted(
        nx.weakly_connected_components(graph), key=lambda part: (-len(part), min(part))
    )
    result: Positions = {}
    top = 0.0
    for part in parts:
        layers = _layers(graph.subgraph(sorted(part)))
        height = max(len(layer) for layer in layers)
        for column, layer in enumerate(layers):
            # Each column is centred on the tallest one.
            shift = (height - len(layer)) / 2
            for place_in_layer, name in enumerate(layer):
                y = top + shift + place_in_layer
                result[name] = (column * COLUMN, y * ROW)
        top += height + 0.4
    return tuple(sorted(result.items()))


def _layers(graph: nx.DiGraph) -> list[list[str]]:
    """Columns of names, each in the order that crosses least."""
    order = _sugiyama(graph)
    column = _columns(graph)
    layers: dict[int, list[str]] = defaultdict(list)
    for name in sorted(graph.nodes):
        layers[column[name]].append(name)
    found = [layers[number] for number in sorted(layers)]
    if order:
        for layer in found:
            layer.sort(key=lambda name: (order.get(name, 0.0), name))
        return found
    return _barycentres(graph, found)


def _columns(graph: nx.DiGraph) -> dict[str, int]:
    """Longest distance from a root, cycles condensed."""
    condensed = nx.condensation(graph)
    level: dict[int, int] = {}
    for component in nx.topological_sort(condensed):
        above = [level[p] for p in condensed.predecessors(component)]
        level[component] = max(above, default=-1) + 1
    mapping: dict[str, int] = condensed.graph["mapping"]
    return {name: level[mapping[name]] for name in graph.nodes}


def _sugiyama(graph: nx.DiGraph) -> dict[str, float]:
    """Order across the columns by the Rust layouter, or nothing."""
    if fast_sugiyama is None or graph.number_of_edges() == 0:
        return {}
    try:
        found = fast_sugiyama.from_edges(sorted(graph.edges)).to_dict()
        return {name: float(x) for name, (x, _) in found.items()}
    except Exception:  # a foreign extension; any fault of it must not cost the page
        log.warning("fast-sugiyama failed; the plain layering is used", exc_info=True)
        return {}


def _barycentres(graph: nx.DiGraph, layers: list[list[str]]) -> list[list[str]]:
    """Four sweeps of the barycentre rule."""
    for sweep in range(4):
        forward = sweep % 2 == 0
        for layer in layers if forward else reversed(layers):
            at = {name: i for found in layers for i, name in enumerate(found)}
            near = graph.predecessors if forward else graph.successors
            middle = {
                name: sum(at[other] for other in near(name))
                / max(len(list(near(name))), 1)
                if any(True for _ in near(name))
                else at[name]
                for name in layer
            }
            layer.sort(key=lambda name: (middle[name], name))
    return layers
