"""The critical path: the chain of intervals that tiles a root's interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dashboard.traces.trace import Int32, Int64, Kind, Trace

CONSUMER, PRODUCER = int(Kind.CONSUMER), int(Kind.PRODUCER)


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """Sections in order of time: row ``row[k]`` from ``start_ns[k]`` to ``end_ns[k]``."""

    row: Int32
    start_ns: Int64
    end_ns: Int64


def find_critical_path(trace: Trace, root: int) -> CriticalPath:
    """Walk back from the root's end (definitions, "critical path").

    The child that finishes last at or before the cursor is on the path; between
    its end and the cursor the parent itself is. Children are cut to their
    parent; a CONSUMER under a PRODUCER never blocks; of children that end
    together the longest is taken. Sections are disjoint, have no gaps and add
    up to the root's duration. Iterative, so any depth works.
    """
    if root < 0 or not len(trace):
        empty = np.empty(0, np.int64)
        return CriticalPath(np.empty(0, np.int32), empty, empty)
    start, end = trace.start_ns.tolist(), trace.end_ns.tolist()
    subtree = trace.subtree.tolist()
    kind = trace.kind.tolist()
    ids = trace.span_ids
    rows: list[int] = []
    starts: list[int] = []
    ends: list[int] = []
    work = [(root, start[root], end[root])]
    while work:
        row, low, high = work.pop()
        children = []
        child, stop = row + 1, row + subtree[row]
        while child < stop:
            first, last = max(start[child], low), min(end[child], high)
            blocks = kind[child] != CONSUMER or kind[row] != PRODUCER
            if last > first and blocks:
                children.append((-last, first, ids[child], child))
            child += subtree[child]
        children.sort()
        cursor = high
        for minus_last, first, _, child in children:
            last = -minus_last
            if last > cursor:
                continue
            if last < cursor:
                rows.append(row)
                starts.append(last)
                ends.append(cursor)
            work.append((child, first, last))
            cursor = first
            if cursor <= low:
                break
        if cursor > low:
            rows.append(row)
            starts.append(low)
            ends.append(cursor)
    order = np.argsort(np.array(starts, np.int64), kind="stable")
    return CriticalPath(
        np.array(rows, np.int32)[order],
        np.array(starts, np.int64)[order],
        np.array(ends, np.int64)[order],
    )
