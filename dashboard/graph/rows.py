"""The columns of one adjusted trace as the search for calls reads them."""

from __future__ import annotations

import numpy as np

from dashboard.graph.mesh import MeshNames
from dashboard.traces.trace import Flag, Int64, Kind, Trace

CLIENTS = (int(Kind.CLIENT), int(Kind.PRODUCER))
SERVERS = (int(Kind.SERVER), int(Kind.CONSUMER))
LOCAL = (int(Kind.UNSET), int(Kind.INTERNAL))
# Plain numbers: an enum's attribute costs too much in a loop over all spans.
SERVER, CLIENT = int(Kind.SERVER), int(Kind.CLIENT)
PRODUCER, CONSUMER = int(Kind.PRODUCER), int(Kind.CONSUMER)


class Rows:
    """Plain lists for looks at one row, arrays for looks at all."""

    def __init__(self, trace: Trace):
        self.trace = trace
        mesh = MeshNames(trace)
        self.services = mesh.service
        self.names = mesh.names
        self.service: list[int] = self.services.tolist()
        self.kind: list[int] = trace.kind.tolist()
        self.parent: list[int] = trace.parent.tolist()
        self.fails = (trace.flags & Flag.ERROR) != 0
        self.failed: list[bool] = self.fails.tolist()
        self.start: list[int] = trace.start_ns.tolist()
        self.end: list[int] = trace.end_ns.tolist()
        version = trace.facts.get("version")
        self.versions: list[int] = [] if version is None else version.tolist()
        used = [self.names[s] for s in np.unique(self.services).tolist()]
        self.known = {name.lower(): name for name in used}
        for plain, name in mesh.aliases.items():
            self.known.setdefault(plain, name)
        self._look_at_children()

    def _look_at_children(self) -> None:
        """Children of each row, and which rows have any that matter."""
        trace, count = self.trace, len(self.trace)
        parent = trace.parent.astype(np.int64)
        self.below = below = np.flatnonzero(parent >= 0)
        self.above = above = parent[below]
        order = np.argsort(above, kind="stable")
        self.children = below[order]
        self.child_rows: list[int] = self.children.tolist()
        self.edges = np.searchsorted(above[order], np.arange(count + 1))
        self.child_edges: list[int] = self.edges.tolist()
        same = self.services[below] == self.services[above]
        self.foreign = ~same  # along ``below``
        kind = trace.kind
        self.is_client = (kind == CLIENT) | (kind == PRODUCER)
        self.spawned = np.zeros(count, bool)
        self.spawned[below] = same & (kind[below] == CLIENT) & (kind[above] == CLIENT)
        # An inner span, an attempt or a loop-back's server: the callee may be deeper.
        self.branching = np.zeros(count, bool)
        self.branching[above[self.foreign | (kind[below] != PRODUCER)]] = True

    def version(self, row: int) -> str:
        """The version that the span in a row runs, if it says so."""
        if not self.versions or self.versions[row] < 0:
            return ""
        return self.trace.fact_values[self.versions[row]]

    def children_of(self, row: int) -> list[int]:
        """Rows of the children, by start."""
        return self.child_rows[self.child_edges[row] : self.child_edges[row + 1]]

    def versions_of(self, rows: Int64) -> list[str]:
        """The versions of many rows."""
        version = self.trace.facts.get("version")
        if version is None:
            return [""] * len(rows)
        names = [*self.trace.fact_values, ""]  # the last one where there is none
        return [names[number] for number in version[rows].tolist()]
