"""Tells where the logs of a span do not follow one another in time."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from dashboard.traces.details import log_times_ns
from dashboard.traces.trace import Flag, Trace, Warning


def check_log_order(trace: Trace) -> Trace:
    """Warn of each span whose source gave its logs in another order than time's.

    Nothing is moved here: logs are sorted by time, equal times in the order of
    the source, wherever they are read (``traces.details.read_details``).
    """
    warnings = []
    for row in np.flatnonzero(trace.flags & Flag.LOGS).tolist():
        times = log_times_ns(trace.details[row])
        late = sum(b < a for a, b in itertools.pairwise(times))
        if late:
            values = {"count": len(times)}
            warnings.append(Warning("logs-out-of-order", row, values, True))
    if not warnings:
        return trace
    return replace(trace, warnings=[*trace.warnings, *warnings])
