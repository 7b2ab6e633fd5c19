"""Breaks cycles and self-parents, so that every span is in the tree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dashboard.traces.trace import NO_ROW, Flag, Int32, Trace, Warning


def break_cycles(trace: Trace) -> Trace:
    """Cut each cycle at its earliest-starting member (ties: smallest span id).

    Members without a start come last: the start that they get later is not theirs,
    and the cut must be the same when the trace is adjusted again.
    """
    if not _has_cycle(trace.parent):
        return trace
    parent = trace.parent.tolist()
    warnings = list(trace.warnings)
    starts = trace.start_ns.tolist()
    lacks = ((trace.flags & Flag.NO_START) != 0).tolist()
    shared = ((trace.flags & Flag.SHARED) != 0).tolist()

    def rank(row: int) -> tuple[bool, int, str, bool]:
        start = 0 if lacks[row] else starts[row]
        return lacks[row], start, trace.span_ids[row], shared[row]

    state = [0] * len(parent)  # 0 unseen, else the number of the walk
    for start in range(len(parent)):
        row, walk = start, start + 1
        while row >= 0 and state[row] == 0:
            state[row] = walk
            row = parent[row]
        if row < 0 or state[row] != walk:
            continue
        members = [row]
        while parent[members[-1]] != row:
            members.append(parent[members[-1]])
        first = min(members, key=rank)
        parent[first] = NO_ROW
        code = "self-parent" if len(members) == 1 else "cycle"
        warnings.append(Warning(code, first, {"spans": len(members)}, True))
    return replace(trace, parent=np.array(parent, np.int32), warnings=warnings)


def _has_cycle(parent: Int32) -> bool:
    """Pointer doubling: after log2(n) jumps every walk has left the tree."""
    above = parent.astype(np.int64)
    for _ in range(max(len(parent), 1).bit_length()):
        inside = above >= 0
        if not inside.any():
            return False
        above = np.where(inside, above[above], NO_ROW)
    return bool((above >= 0).any())
