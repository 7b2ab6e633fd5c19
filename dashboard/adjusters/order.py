"""Puts rows in display order and fills depth and subtree; nothing recursive."""

from __future__ import annotations

import numpy as np

from dashboard.traces.trace import NO_ROW, Trace


def order_rows(trace: Trace) -> Trace:
    """Depth first, siblings by start, ties in the order of the input."""
    count = len(trace)
    if not count:
        return trace
    parent = trace.parent.astype(np.int64)
    depth = np.where(parent >= 0, 1, 0)
    above = parent.copy()
    while True:
        inside = above >= 0
        if not inside.any():
            break
        depth[inside] += depth[above[inside]]
        above[inside] = above[above[inside]]
    by_depth = np.argsort(depth, kind="stable").tolist()
    parents = parent.tolist()
    size = [1] * count
    for row in reversed(by_depth):
        if parents[row] >= 0:
            size[parents[row]] += size[row]
    # Siblings by start: offset of each = sizes of those before it.
    siblings = np.lexsort((trace.start_ns, parent))
    offset = [0] * count
    last, total = -2, 0
    for row in siblings.tolist():
        if parents[row] != last:
            last, total = parents[row], 0
        offset[row] = total
        total += size[row]
    position = [0] * count
    for row in by_depth:
        above_row = parents[row]
        base = position[above_row] + 1 if above_row >= 0 else 0
        position[row] = base + offset[row]
    place = np.array(position, np.int64)
    rows = np.empty(count, np.int64)
    rows[place] = np.arange(count)
    if (rows[1:] > rows[:-1]).all():
        ordered = trace
    else:
        ordered = trace.take(rows)
    ordered.depth = depth[rows].astype(np.int32)
    ordered.subtree = np.array(size, np.int32)[rows]
    moved = ordered.parent
    ordered.parent = np.where(moved >= 0, moved, NO_ROW).astype(np.int32)
    return ordered
