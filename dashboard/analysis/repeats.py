"""Repeated siblings: many calls of one kind from one span, such as 300 SELECTs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dashboard.analysis.statistics import exact_sum
from dashboard.traces.trace import Flag, Trace

LEAST = 5


@dataclass(frozen=True, slots=True)
class Repeat:
    """Children of one span with the same service and operation."""

    parent: int  # row
    first: int  # row of the earliest of them
    rows: tuple[int, ...]  # all of them, by start
    total_ns: int  # sum of their durations
    wall_ns: int  # from the first start to the last end
    errors: int
    serial: bool  # each began only after the one before had ended


def find_repeats(trace: Trace, least: int = LEAST) -> list[Repeat]:
    """Groups of at least ``least`` equal siblings, longest wall time first.

    Roots have no parent and are no siblings. Times are raw. One sort, so that
    100,000 children of one span cost no more than 100,000 spans elsewhere.
    """
    below = np.flatnonzero(trace.parent >= 0)
    if not len(below):
        return []
    end = trace.end_ns[below]  # of equal starts the shortest first, whatever the input
    keys = (end, trace.start_ns[below], trace.operation[below])
    order = below[np.lexsort((*keys, trace.service[below], trace.parent[below]))]
    columns = np.stack(
        [trace.parent[order], trace.service[order], trace.operation[order]]
    )
    cuts = np.flatnonzero((columns[:, 1:] != columns[:, :-1]).any(axis=0)) + 1
    edges = np.concatenate(([0], cuts, [len(order)]))
    end_ns = trace.end_ns
    found = []
    for place in np.flatnonzero(np.diff(edges) >= least).tolist():
        rows = order[edges[place] : edges[place + 1]]
        start, end = trace.start_ns[rows], end_ns[rows]
        found.append(
            Repeat(
                parent=int(trace.parent[rows[0]]),
                first=int(rows[0]),
                rows=tuple(rows.tolist()),
                total_ns=exact_sum(trace.duration_ns[rows]),
                wall_ns=int(end.max() - start[0]),
                errors=int(((trace.flags[rows] & Flag.ERROR) != 0).sum()),
                serial=bool((start[1:] >= np.maximum.accumulate(end)[:-1]).all()),
            )
        )
    found.sort(key=lambda one: (-one.wall_ns, one.first))
    return found
