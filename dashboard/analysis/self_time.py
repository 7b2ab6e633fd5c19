"""Self time: what a span spent without its children."""

from __future__ import annotations

import numpy as np

from dashboard.traces.trace import FEW, Int64, Trace


def self_times(trace: Trace) -> Int64:
    """Self time of each row in ns (definitions, "self time"), never below 0.

    The duration minus the union of the children's intervals, each cut to the
    parent: parallel children count once, what lies outside counts nothing.
    """
    count = len(trace)
    if count <= FEW:
        return _swept(trace)
    below = np.flatnonzero(trace.parent >= 0)
    # Display order sorts siblings by start, and a stable sort keeps that.
    below = below[np.argsort(trace.parent[below], kind="stable")]
    above = trace.parent[below].astype(np.int64)
    if not len(below):
        return np.maximum(trace.duration_ns, 0)
    start, end = trace.start_ns, trace.end_ns
    origin = int(start.min())
    first = np.maximum(start[below], start[above]) - origin
    last = np.minimum(end[below], end[above]) - origin
    new = np.concatenate(([True], above[1:] != above[:-1]))
    family = np.cumsum(new) - 1
    width = int(end.max()) - origin + 1
    if width * (int(family[-1]) + 1) >= 2**62:
        return _swept(trace)
    # How far the siblings before have reached: one running maximum over all
    # families, each lifted above the one before it.
    lift = family * width
    reached = np.maximum.accumulate(np.maximum(last, 0) + lift)
    before = np.concatenate(([0], reached[:-1])) - lift
    before[new] = 0
    fresh = np.maximum(last - np.maximum(first, before), 0)
    covered = np.zeros(count, np.int64)
    steps = np.flatnonzero(new)
    covered[above[steps]] = np.add.reduceat(fresh, steps)
    return np.maximum(trace.duration_ns - covered, 0)


def _swept(trace: Trace) -> Int64:
    """The same row by row: for few, and times too far apart for a running maximum."""
    covered = [0] * len(trace)
    reached = trace.start_ns.tolist()
    start, end = reached.copy(), trace.end_ns.tolist()
    for row, above in enumerate(trace.parent.tolist()):
        if above < 0:
            continue
        last = min(end[row], end[above])
        first = max(start[row], reached[above])
        if last > first:
            covered[above] += last - first
            reached[above] = last
    return np.maximum(trace.duration_ns - np.array(covered, np.int64), 0)
