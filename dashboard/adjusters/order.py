"""Puts rows in display order and fills depth and subtree; nothing recursive."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dashboard.traces.trace import FEW, NO_ROW, Int64, Trace


def order_rows(trace: Trace) -> Trace:
    """Depth first, siblings by start, ties in the order of the input."""
    count = len(trace)
    if not count:
        return trace
    if count <= FEW:
        return _order_few(trace)
    parent = trace.parent.astype(np.int64)
    depth = np.where(parent >= 0, 1, 0)
    for above_now in _jumps(parent):
        inside = above_now >= 0
        depth[inside] += depth[above_now[inside]]
    size = _sizes(parent, depth)
    # Siblings by start: offset of each = sizes of those before it.
    siblings = np.lexsort((trace.start_ns, parent))
    family = parent[siblings]
    ends = np.cumsum(size[siblings])
    before = ends - size[siblings]
    first = np.concatenate(([True], family[1:] != family[:-1]))
    before -= np.maximum.accumulate(np.where(first, before, 0))
    place = np.empty(count, np.int64)
    place[siblings] = before
    place[parent >= 0] += 1
    for above_now in _jumps(parent):
        inside = above_now >= 0
        place[inside] += place[above_now[inside]]
    rows = np.empty(count, np.int64)
    rows[place] = np.arange(count)
    in_order = bool((rows[1:] > rows[:-1]).all())
    return _moved(trace, rows, in_order, depth[rows], size[rows])


def _moved(
    trace: Trace, rows: Int64, in_order: bool, depth: Int64, size: Int64
) -> Trace:
    ordered = trace if in_order else trace.take(rows)
    ordered.depth = depth.astype(np.int32)
    ordered.subtree = size.astype(np.int32)
    moved = ordered.parent
    ordered.parent = np.where(moved >= 0, moved, NO_ROW).astype(np.int32)
    return ordered


def _order_few(trace: Trace) -> Trace:
    """The same by plain lists, which are faster than arrays for few rows."""
    parent, start = trace.parent.tolist(), trace.start_ns.tolist()
    count = len(parent)
    children: dict[int, list[int]] = {}
    by_start = sorted(range(count), key=start.__getitem__)
    for row in reversed(by_start):  # the first child comes last, where it is taken
        children.setdefault(parent[row], []).append(row)
    rows: list[int] = []
    depth = [0] * count
    work = children.get(NO_ROW, [])
    while work:
        row = work.pop()
        rows.append(row)
        below = children.get(row)
        if below is not None:
            level = depth[row] + 1
            for child in below:
                depth[child] = level
            work += below
    size = [1] * count
    for row in reversed(rows):
        if parent[row] >= 0:
            size[parent[row]] += size[row]
    return _moved(
        trace,
        np.array(rows, np.int64),
        rows == list(range(count)),
        np.array([depth[row] for row in rows], np.int64),
        np.array([size[row] for row in rows], np.int64),
    )


def _jumps(parent: Int64) -> Iterator[Int64]:
    """Parents, then grandparents, then those four levels up, and so on to the top.

    What is added along these jumps is added once for each ancestor, in as many
    steps as the depth has binary digits.
    """
    above = parent
    while (above >= 0).any():
        yield above
        inside = above >= 0
        above = np.where(inside, above[above], NO_ROW)


def _sizes(parent: Int64, depth: Int64) -> Int64:
    """Rows in the subtree of each row, its own included; deepest first."""
    parents = parent.tolist()
    size = [1] * len(parents)
    for row in np.argsort(-depth, kind="stable").tolist():
        above = parents[row]
        if above >= 0:
            size[above] += size[row]
    return np.array(size, np.int64)
