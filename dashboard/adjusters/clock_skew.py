"""Finds one clock offset per host, so that calls lie inside their callers.

Raw times stay as they are: the correction is a column of its own, used where
bars are drawn and nowhere else.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from dashboard.adjusters.roots import main_root
from dashboard.traces.trace import Flag, Int64, Kind, Trace, Warning

NO_LIMIT = 2**62
CONSUMER, PRODUCER = int(Kind.CONSUMER), int(Kind.PRODUCER)


def adjust_clock_skew(trace: Trace, max_skew_ns: int) -> Trace:
    """Fill ``skew_ns`` (definitions, "clock skew"); 0 means no correction.

    Hosts are told apart by their own tags, else by instance, else by service:
    within one service without host information one clock is assumed. Each host
    gets one offset that satisfies all its calls (the middle of the allowed
    range, 0 where 0 is allowed); where none does, each call gets its own, with
    a warning. Corrections beyond ``max_skew_ns`` are only warned about.
    """
    if len(trace) == 0 or max_skew_ns < 0:
        return trace
    if _all_inside(trace):
        return trace
    host, names = _hosts(trace)
    if len(names) < 2:
        return trace
    calls = _calls(trace, host)
    if ((calls.low <= 0) & (calls.high >= 0)).all():
        return trace  # every call lies inside its caller as it is
    offset, conflicting = _offsets(trace, host, calls)
    skew = offset[host]
    if conflicting:
        _per_call(trace, host, conflicting, skew)
    too_far = np.abs(skew) > max_skew_ns
    warnings = trace.warnings
    for row in np.flatnonzero(skew).tolist():
        delta_us = int(skew[row]) // 1_000
        values = {"delta_us": delta_us, "host": names[host[row]]}
        if too_far[row]:
            warnings.append(Warning("clock-skew-too-large", row, values, True))
        elif int(host[row]) in conflicting:
            warnings.append(Warning("clock-skew-per-call", row, values, True))
        else:
            warnings.append(Warning("clock-skew", row, values, True))
    skew[too_far] = 0
    if skew.any():
        trace.skew_ns = skew
        trace.flags[skew != 0] |= np.uint16(Flag.MOVED)
    return trace


@dataclass(frozen=True, slots=True)
class Calls:
    """Blocking calls between hosts; ``low`` to ``high`` are the offsets of the
    callee against the caller that put it inside, ``NO_LIMIT`` where all do."""

    above: Int64  # caller's row
    below: Int64  # callee's row
    low: Int64
    high: Int64


def _all_inside(trace: Trace) -> bool:
    """Whether every span lies inside its parent, whatever their clocks."""
    below = np.flatnonzero(trace.parent >= 0)
    above = trace.parent[below]
    start, end = trace.start_ns, trace.end_ns
    inside = (start[below] >= start[above]) & (end[below] <= end[above])
    return bool(inside.all())


def _hosts(trace: Trace) -> tuple[Int64, list[str]]:
    """A number per row that says whose clock it used, and the hosts' names."""
    host, pod = _column(trace, "host"), _column(trace, "pod")
    # A host's own name goes before its instance's, that before its service's.
    pod = np.where(host >= 0, -1, pod)
    service = np.where(host >= 0, -1, trace.service.astype(np.int64))
    width = len(trace.fact_values) + 1
    code = ((service + 1) * width + host + 1) * width + pod + 1
    found, number = np.unique(code, return_inverse=True)
    values, names = trace.fact_values, []
    for one in found.tolist():
        at_pod, rest = one % width - 1, one // width
        at_host, of_service = rest % width - 1, rest // width - 1
        if at_host >= 0:
            names.append(values[at_host])
        elif at_pod >= 0:
            names.append(f"{trace.services[of_service]} {values[at_pod]}")
        else:
            names.append(trace.services[of_service])
    return number.astype(np.int64), names


def _column(trace: Trace, key: str) -> Int64:
    found = trace.facts.get(key)
    if found is None:
        return np.full(len(trace), -1, np.int64)
    return found.astype(np.int64)


def _calls(trace: Trace, host: Int64) -> Calls:
    """Parent and child on different hosts whose call blocks."""
    parent = trace.parent.astype(np.int64)
    apart = (parent >= 0) & (host[parent] != host)
    apart &= (trace.kind != CONSUMER) & (trace.kind[parent] != PRODUCER)
    for row, references in trace.references.items():
        if apart[row] and all(ref.kind == "FOLLOWS_FROM" for ref in references):
            apart[row] = False
    below = np.flatnonzero(apart)
    above = parent[below]
    low = trace.start_ns[above] - trace.start_ns[below]
    high = trace.end_ns[above] - trace.end_ns[below]
    longer = low > high
    # Longer and earlier: starts are aligned. Longer, not earlier: nothing is known.
    earlier = trace.start_ns[below] < trace.start_ns[above]
    return Calls(
        above,
        below,
        np.where(longer & ~earlier, -NO_LIMIT, low),
        np.where(longer, np.where(earlier, low, NO_LIMIT), high),
    )


def _offsets(trace: Trace, host: Int64, calls: Calls) -> tuple[Int64, set[int]]:
    """One offset per host, and the hosts whose calls contradict each other."""
    count = int(host.max()) + 1
    offset = np.zeros(count, np.int64)
    known = np.zeros(count, bool)
    root = main_root(trace)
    known[host[root]] = True
    caller, callee = host[calls.above], host[calls.below]
    of_callee, of_caller = _groups(callee, count), _groups(caller, count)
    conflicting: set[int] = set()
    for call in _decisive(trace, calls, caller * count + callee, root):
        known[caller[call]] = True  # above it is nothing to compare with: 0
        settled = int(callee[call])
        if known[settled]:
            continue
        low, high = -NO_LIMIT, NO_LIMIT
        one = of_callee[settled]
        one = one[known[caller[one]] & (calls.high[one] < NO_LIMIT)]
        if len(one):
            other = offset[caller[one]]
            low = int((calls.low[one] + other).max())
            high = int((calls.high[one] + other).min())
        two = of_caller[settled]
        two = two[known[callee[two]] & (calls.high[two] < NO_LIMIT)]
        if len(two):
            other = offset[callee[two]]
            low = max(low, int((other - calls.high[two]).max()))
            high = min(high, int((other - calls.low[two]).min()))
        known[settled] = True
        if low > high:
            conflicting.add(settled)
        elif not low <= 0 <= high:
            offset[settled] = _middle(low, high)
    return offset, conflicting


def _groups(column: Int64, count: int) -> list[Int64]:
    """For each number below ``count``, where it stands in the column."""
    order = np.argsort(column, kind="stable")
    edges = np.searchsorted(column[order], np.arange(count + 1))
    return [order[a:b] for a, b in itertools.pairwise(edges.tolist())]


def _decisive(trace: Trace, calls: Calls, between: Int64, root: int) -> list[int]:
    """The first call between each two hosts: only it can settle a clock.

    The main tree goes first, callers before callees, ties whatever the input.
    """
    below = calls.below
    outside = (below < root) | (below >= root + int(trace.subtree[root]))
    depth, start = trace.depth[below], trace.start_ns[below]
    order = np.lexsort((start, depth, outside, between))
    rank = np.stack((between, outside, depth, start))[:, order]
    new = np.concatenate(([True], rank[0, 1:] != rank[0, :-1]))
    # Calls equal to the first of their two hosts in all but the span id.
    first = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    tied = order[(rank == rank[:, first]).all(axis=0)].tolist()

    def place(call: int) -> tuple[bool, int, int, str]:
        row = int(below[call])
        return (
            bool(outside[call]),
            int(depth[call]),
            int(start[call]),
            trace.span_ids[row],
        )

    return sorted(tied, key=place)


def _middle(low: int, high: int) -> int:
    if low <= -NO_LIMIT:
        return high
    if high >= NO_LIMIT:
        return low
    return (low + high) // 2


def _per_call(trace: Trace, host: Int64, conflicting: set[int], skew: Int64) -> None:
    """Offsets call by call for hosts whose calls contradict each other."""
    start, end = trace.start_ns.tolist(), trace.end_ns.tolist()
    hosts = host.tolist()
    for row, above in enumerate(trace.parent.tolist()):
        if hosts[row] not in conflicting:
            continue
        if above < 0:
            skew[row] = 0
        elif hosts[above] == hosts[row]:
            skew[row] = skew[above]
        else:
            low, high = start[above] - start[row], end[above] - end[row]
            if low > high:  # longer than its caller
                if start[row] >= start[above]:
                    skew[row] = 0
                    continue
                high = low
            base = int(skew[above])
            low, high = low + base, high + base
            skew[row] = 0 if low <= 0 <= high else _middle(low, high)
