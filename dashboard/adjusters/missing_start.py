"""Gives spans without a start one that does not stretch the time axis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dashboard.traces.trace import Flag, Trace, Warning


def fill_starts(trace: Trace) -> Trace:
    """A span without a start inherits its parent's; a root its descendants' first.

    ``NO_START`` stays set, so that a later parent can give its start.
    """
    missing = (trace.flags & Flag.NO_START) != 0
    if not missing.any():
        return trace
    parent = trace.parent.tolist()
    start = trace.start_ns.tolist()
    lacks = missing.tolist()
    children: dict[int, list[int]] = {}
    for row, above in enumerate(parent):
        children.setdefault(above, []).append(row)
    order = list(children.get(-1, []))
    for row in order:
        order.extend(children.get(row, ()))
    earliest: list[int] = [0] * len(parent)
    for row in reversed(order):
        own = 0 if lacks[row] else start[row]
        below = [earliest[c] for c in children.get(row, ()) if earliest[c]]
        earliest[row] = min([own, *below]) if own else min(below, default=0)
    known = [value for value, gone in zip(start, lacks, strict=True) if not gone]
    floor = min(known, default=0)
    warnings = list(trace.warnings)
    for row in order:
        if lacks[row]:
            above = parent[row]
            start[row] = start[above] if above >= 0 else earliest[row] or floor
            warnings.append(Warning("start-inherited", row, {}, True))
    return replace(trace, start_ns=np.array(start, np.int64), warnings=warnings)
