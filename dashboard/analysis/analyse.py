"""The standard questions about one adjusted trace, answered together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dashboard.adjusters.roots import main_root
from dashboard.analysis.critical_path import CriticalPath, find_critical_path
from dashboard.analysis.self_time import self_times
from dashboard.traces.trace import Flag, Int64, Trace


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is concluded from a trace; rows are those of the adjusted trace."""

    self_ns: Int64
    critical: CriticalPath
    root: int  # row of the main root, -1 for an empty trace
    start_ns: int  # earliest start of any span
    duration_ns: int  # latest end minus earliest start
    error_count: int  # failed spans
    orphan_count: int
    services: dict[str, int]  # spans of each service
    first_error: int  # row where the first error began, or -1
    errors_below: np.ndarray  # whether a descendant of the row failed


def analyse(trace: Trace) -> Analysis:
    """Analyse an adjusted trace; all figures use raw times."""
    count = len(trace)
    if not count:
        none = np.empty(0, np.int64)
        path = find_critical_path(trace, -1)
        return Analysis(none, path, -1, 0, 0, 0, 0, {}, -1, none.astype(bool))
    root = main_root(trace)
    failed = (trace.flags & Flag.ERROR) != 0
    before = np.concatenate(([0], np.cumsum(failed)))
    rows = np.arange(count)
    below = before[rows + trace.subtree] - before[rows + 1] > 0
    start_ns = int(trace.start_ns.min())
    counts = np.bincount(trace.service, minlength=len(trace.services)).tolist()
    return Analysis(
        self_ns=self_times(trace),
        critical=find_critical_path(trace, root),
        root=root,
        start_ns=start_ns,
        duration_ns=int(trace.end_ns.max()) - start_ns,
        error_count=int(failed.sum()),
        orphan_count=int(((trace.flags & Flag.ORPHAN) != 0).sum()),
        services={
            name: number
            for name, number in zip(trace.services, counts, strict=True)
            if number
        },
        first_error=_first_error(trace, failed & ~below),
        errors_below=below,
    )


def _first_error(trace: Trace, began: np.ndarray) -> int:
    """Of the failed spans with no failure below, the one that ended first."""
    rows = np.flatnonzero(began)
    if not len(rows):
        return -1
    ends = trace.end_ns[rows]
    first = rows[ends == ends.min()].tolist()
    return min(first, key=lambda row: (trace.start_ns[row], trace.span_ids[row]))
