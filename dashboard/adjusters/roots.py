"""Chooses the main root of a trace whose parents are linked."""

from __future__ import annotations

import numpy as np

from dashboard.traces.trace import Flag, Trace


def main_root(trace: Trace) -> int:
    """Row of the main root (definitions, "trace name and root"), -1 if empty.

    A true root goes before an orphan, even one that starts earlier or has fewer
    references (a true root may link into other traces); then the fewest
    references, then the earliest start.
    """
    roots = np.flatnonzero(trace.parent < 0).tolist()

    def rank(row: int) -> tuple[int, int, int, str]:
        return (
            int(trace.flags[row] & Flag.ORPHAN),
            len(trace.references_of(row)),
            int(trace.start_ns[row]),
            trace.span_ids[row],
        )

    return min(roots, key=rank, default=-1)
