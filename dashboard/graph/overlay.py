"""One trace drawn over the graph: which edges it took, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dashboard.graph.build import READERS, TABLES, Side, id_of, kind_of
from dashboard.graph.calls import Call
from dashboard.graph.contribution import call_keys
from dashboard.traces.trace import Flag, Kind, Trace

Edge = tuple[str, str]
CLIENTS = (int(Kind.CLIENT), int(Kind.PRODUCER))


@dataclass(slots=True)
class Taken:
    """How often a trace took an edge; the longest call in ns."""

    calls: int = 0
    errors: int = 0
    longest_ns: int = 0

    def add(self, other: Taken) -> None:
        """Put another edge's calls to these."""
        self.calls += other.calls
        self.errors += other.errors
        self.longest_ns = max(self.longest_ns, other.longest_ns)


@dataclass(slots=True)
class Overlay:
    """Edges by the ids of a level, and what cannot be drawn without guessing.

    ``callers_missing``: spans that name a caller that is not in the trace.
    ``callees_unknown``: calls that tell nothing of whom they reached.
    """

    edges: dict[Edge, Taken] = field(default_factory=dict)
    nodes: set[str] = field(default_factory=set)
    callers_missing: int = 0
    callees_unknown: int = 0


def call_ends(trace: Trace, call: Call, level: str) -> Edge:
    """The ids of a call's nodes at a level."""
    table = TABLES[level][0]
    (words,) = call_keys(trace, call, table)
    ends = READERS[table](words)

    def name(side: Side, which: str) -> str:
        virtual = ends.virtual == which
        return id_of(level, side, virtual, kind_of(virtual, ends.kind))

    return name(ends.caller, "caller"), name(ends.callee, "callee")


def overlay(trace: Trace, calls: list[Call], level: str) -> Overlay:
    """What one trace adds to the picture of a level."""
    result = Overlay()
    told: set[int] = set()
    for call in calls:
        told.add(call.caller_row)
        edge = (call.caller, call.callee)
        if level != "service":
            edge = call_ends(trace, call, level)
        taken = result.edges.setdefault(edge, Taken())
        taken.add(Taken(1, int(call.error), call.duration_ns))
        result.nodes.update(edge)
    orphans = (trace.flags & Flag.ORPHAN) != 0
    result.callers_missing = int(np.count_nonzero(orphans))
    has_child = np.zeros(len(trace), bool)
    has_child[trace.parent[trace.parent >= 0]] = True
    clients = np.isin(trace.kind, CLIENTS) & ~has_child
    for row in np.flatnonzero(clients).tolist():
        above = int(trace.parent[row])
        attempt = above >= 0 and above in told and trace.kind[above] in CLIENTS
        result.callees_unknown += row not in told and not attempt
    return result


def edge_of_span(trace: Trace, calls: list[Call], row: int) -> list[Call]:
    """The calls that a span made, or that it answers; none for a local span.

    A span that answers a call is asked first for that one.
    """
    answered = [call for call in calls if call.callee_row == row]
    made = [call for call in calls if call.caller_row == row]
    if answered and trace.kind[row] not in CLIENTS:
        return answered
    return made or answered
