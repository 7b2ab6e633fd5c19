"""What the payload tells beyond the spans: pairs, folds and missing parents."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from dashboard.analysis.folding import find_folds
from dashboard.analysis.missing import MissingParent, find_missing
from dashboard.analysis.pairs import pair_distances
from dashboard.traces.trace import Trace

MAX_PLACEHOLDERS = 500
Columns = list[tuple[str, np.ndarray]]


def pair_columns(trace: Trace) -> Columns:
    """``pair``: the distance to the row of a call's other half, 0 for none."""
    return [("pair", pair_distances(trace).astype("<i4"))]


def fold_columns(trace: Trace, unit: int, least: int) -> Columns:
    """Groups of equal siblings; times in ``unit`` nanoseconds, rows as differences."""
    folds = find_folds(trace, least)
    rows = folds.rows
    steps = np.diff(rows, prepend=0)
    steps[folds.first] = rows[folds.first]
    return [
        ("repeatCount", folds.count.astype("<u4")),
        ("repeatMin", narrow(folds.shortest_ns // unit)),
        ("repeatMedian", narrow(folds.median_ns // unit)),
        ("repeatMax", narrow(folds.longest_ns // unit)),
        ("repeatTotal", narrow(folds.total_ns // unit)),
        ("repeatWall", narrow(folds.wall_ns // unit)),
        ("repeatMembers", steps.astype("<u4")),
    ]


def placeholders(
    trace: Trace, origin_ns: int, unit: int, growing: bool
) -> tuple[Columns, dict[str, Any]]:
    """Absent parents for the header, and which row hangs under which of them."""
    shown, total = find_missing(trace, MAX_PLACEHOLDERS)
    pairs = sorted((row, n) for n, one in enumerate(shown) for row in one.rows)
    flat = np.array(pairs, "<u4").reshape(-1, 2)
    columns = [
        ("orphanRow", np.ascontiguousarray(flat[:, 0])),
        ("orphanOf", np.ascontiguousarray(flat[:, 1])),
    ]
    state = ("open", _("still open")) if growing else ("missing", _("missing"))
    listed = [
        {
            "id": one.span_id,
            "start": (one.start_ns - origin_ns) // unit,
            "end": (one.end_ns - origin_ns) // unit,
            "service": one.service,
            "name": one.name or _("unknown caller"),
            "why": reason_text(one),
            "count": len(one.rows),
            "state": state[0],
            "state_text": state[1],
        }
        for one in shown
    ]
    return columns, {"placeholders": listed, "placeholder_total": total}


def reason_text(one: MissingParent) -> str:
    """Where the name of an absent parent comes from."""
    return {
        "remote.service": _("The name is what the callee noted of its caller."),
        "peer.service": _("The name is what the callee noted of its caller."),
        "node": _("The name belongs to the address that called."),
        "address": _("Only the address that called is known."),
        "own": _("Most likely a span of the same service as the span below it."),
    }.get(one.reason, "")


def narrow(times: np.ndarray) -> np.ndarray:
    """Times in the narrowest type that holds them all: 4 bytes, else a double.

    A double holds microseconds exactly for 285 years; a trace of over 35.8
    minutes needs it.
    """
    if not len(times) or (times.min() >= -(2**31) and times.max() < 2**31):
        return times.astype("<i4")
    return times.astype("<f8")
