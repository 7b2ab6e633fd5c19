"""The nodes and edges of a view as exports tell them."""

from __future__ import annotations

from dashboard.graph import attributes as a
from dashboard.graph.export import Edge, Node
from dashboard.graph.measures import Measures
from dashboard.graph.options import GraphOptions
from dashboard.presenters.topology import build_view
from dashboard.presenters.topology_parts import label_of


def export_parts(options: GraphOptions) -> tuple[list[Node], list[Edge]]:
    """Nodes and edges by name."""
    graph = build_view(options).shown
    nodes: Measures = graph.graph[a.NODE_SUMS]
    edges: Measures = graph.graph[a.EDGE_SUMS]
    found = []
    for name, node in sorted(graph.nodes.items()):
        one = nodes.of(node[a.ROW])
        label = label_of(name, node, options.level)
        space = node[a.NAMESPACE]
        found.append(Node(name, label, node[a.KIND], space, one.count, one.errors))
    links = []
    for caller, callee, edge in sorted(
        graph.edges(data=True), key=lambda item: item[:2]
    ):
        one = edges.of(edge[a.ROW])
        links.append(
            Edge(
                caller,
                callee,
                one.count,
                one.errors,
                one.attempts,
                one.p50_ns // 1_000,
                one.p95_ns // 1_000,
                one.p99_ns // 1_000,
                edge[a.ASYNC],
            )
        )
    return found, links
