"""One trace's graph of operations as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dashboard.graph.trace_graph import Merge, call_graph
from dashboard.presenters.colors import monogram, slots
from dashboard.traces.trace import Int64, Trace

MAX_NAME = 500  # characters


def graph_of(trace: Trace, self_ns: Int64, merge: Merge) -> dict[str, Any]:
    """Nodes with their places, edges with counts; ``total`` nodes in all."""
    found = call_graph(trace, self_ns, merge)
    colours = slots(trace.services)
    return {
        "by": merge,
        "spans": len(trace),
        "total": found.total,
        "self_ns": int(self_ns.sum()),
        "nodes": [
            {
                **asdict(node),
                "service": node.service[:MAX_NAME],
                "operation": node.operation[:MAX_NAME],
                "slot": colours[node.service],
                "monogram": monogram(node.service),
            }
            for node in found.nodes
        ],
        "edges": [asdict(edge) for edge in found.edges],
    }
