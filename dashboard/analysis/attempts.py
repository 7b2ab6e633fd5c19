"""Attempts: the same call made again because it failed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dashboard.traces.trace import Flag, Kind, Trace

CALLS = (int(Kind.CLIENT), int(Kind.SERVER))
SLACK_NS = 1_500_000  # by which proxies on one host disagree
MAX_LOOKED_AT = 2_000  # groups of siblings with a failure


@dataclass(frozen=True, slots=True)
class Attempts:
    """Siblings of one service and operation of which all but the last failed.

    ``caller`` is the row that tried: their parent; or its own service where the
    attempts are client halves.
    """

    caller: int
    rows: tuple[int, ...]  # by start
    succeeded: bool


def find_attempts(trace: Trace) -> list[Attempts]:
    """Calls that were tried again, in display order.

    Attempts follow one another: none starts before the one before has ended, as
    far as a millisecond and a half of slack between proxies allows. A server half
    whose caller went away (``DC``) counts as a failed attempt.
    """
    rows = np.flatnonzero((trace.parent >= 0) & np.isin(trace.kind, CALLS))
    if len(rows) < 2:
        return []
    failed = (trace.flags & Flag.ERROR) != 0
    failed |= _gone(trace)
    key = trace.parent[rows].astype(np.int64) * len(trace.services)
    key += trace.service[rows]
    _, place = np.unique(key, return_inverse=True)
    key = place.reshape(-1).astype(np.int64) * len(trace.operations)
    key += trace.operation[rows]
    _, group, size = np.unique(key, return_inverse=True, return_counts=True)
    group = group.reshape(-1)
    bad = np.bincount(group, weights=failed[rows], minlength=len(size))
    wanted = np.flatnonzero((size >= 2) & (bad >= size - 1))[:MAX_LOOKED_AT]
    if not len(wanted):
        return []
    rows = rows[np.isin(group, wanted)]
    members: dict[tuple[int, int, int], list[int]] = {}
    for row in rows.tolist():
        at = (
            int(trace.parent[row]),
            int(trace.service[row]),
            int(trace.operation[row]),
        )
        members.setdefault(at, []).append(row)
    return [
        Attempts(
            tries[0] if trace.kind[tries[0]] == Kind.CLIENT else above,
            tuple(tries),
            not failed[tries[-1]],
        )
        for (above, _, _), tries in members.items()
        if _in_turn(trace, tries) and failed[tries[:-1]].all()
    ]


def _in_turn(trace: Trace, rows: list[int]) -> bool:
    start = trace.start_ns[rows]
    end = start + trace.duration_ns[rows]
    return bool((start[1:] >= end[:-1] - SLACK_NS).all())


def _gone(trace: Trace) -> np.ndarray:
    column = trace.facts.get("response_flags")
    if column is None:
        return np.zeros(len(trace), bool)
    table = np.array(["DC" in text.split(",") for text in trace.fact_values] + [False])
    return table[column] & (trace.kind == Kind.SERVER)
