"""Self time: what a span spent without its children."""

from __future__ import annotations

import numpy as np

from dashboard.traces.trace import Int64, Trace


def self_times(trace: Trace) -> Int64:
    """Self time of each row in ns (definitions, "self time"), never below 0.

    The duration minus the union of the children's intervals, each cut to the
    parent: parallel children count once, what lies outside counts nothing.
    """
    covered = [0] * len(trace)
    reached = trace.start_ns.tolist()
    start, end = reached.copy(), trace.end_ns.tolist()
    parents = trace.parent.tolist()
    # Display order sorts siblings by start, so one pass sweeps each family.
    for row, above in enumerate(parents):
        if above < 0:
            continue
        last = min(end[row], end[above])
        first = max(start[row], reached[above])
        if last > first:
            covered[above] += last - first
            reached[above] = last
    return np.maximum(trace.duration_ns - np.array(covered, np.int64), 0)
