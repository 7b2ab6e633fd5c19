"""The standard corrections in their order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dashboard.adjusters.clock_skew import adjust_clock_skew
from dashboard.adjusters.cycles import break_cycles
from dashboard.adjusters.deduplicate import deduplicate
from dashboard.adjusters.errors import mark_errors
from dashboard.adjusters.log_order import check_log_order
from dashboard.adjusters.missing_start import fill_starts
from dashboard.adjusters.order import order_rows
from dashboard.adjusters.parents import link_parents
from dashboard.traces.trace import Flag, Trace

DEFAULT_SKEW_NS = 60 * 10**9
STRUCTURAL = Flag.ORPHAN | Flag.MOVED | Flag.ERROR | Flag.WARNED


def adjust(trace: Trace, max_skew_ns: int = DEFAULT_SKEW_NS) -> Trace:
    """The corrected trace in display order; adjusting twice changes nothing.

    ``max_skew_ns`` is the largest clock-skew correction; 0 leaves clocks alone.
    """
    keep = np.uint16(0xFFFF & ~int(STRUCTURAL))
    trace = replace(
        trace,
        flags=trace.flags & keep,
        warnings=[w for w in trace.warnings if not w.structural],
        parent=np.empty(0, np.int32),
        depth=np.empty(0, np.int32),
        subtree=np.empty(0, np.int32),
        skew_ns=None,
    )
    trace = deduplicate(trace)
    trace = link_parents(trace)  # before cycles: makes the parent column
    trace = break_cycles(trace)  # before everything that walks the tree
    trace = fill_starts(trace)  # before the order, which sorts by start
    trace = order_rows(trace)
    trace = mark_errors(trace)
    trace = check_log_order(trace)
    trace = adjust_clock_skew(trace, max_skew_ns)
    for warning in trace.warnings:
        if warning.row >= 0:
            trace.flags[warning.row] |= Flag.WARNED
    return trace
