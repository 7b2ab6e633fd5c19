"""Finds one clock offset per host, so that calls lie inside their callers.

Raw times stay as they are: the correction is a column of its own, used where
bars are drawn and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dashboard.adjusters.roots import main_root
from dashboard.traces.trace import Flag, Kind, Trace, Warning

NO_LIMIT = 2**62
CONSUMER, PRODUCER = int(Kind.CONSUMER), int(Kind.PRODUCER)


@dataclass(slots=True)
class HostClock:
    """What is known of one host's clock while the tree is walked."""

    offset_ns: int | None = None
    low: int = -NO_LIMIT
    high: int = NO_LIMIT
    single: list[tuple[int, int, int]] = field(default_factory=list)


def adjust_clock_skew(trace: Trace, max_skew_ns: int) -> Trace:
    """Fill ``skew_ns`` (definitions, "clock skew"); 0 means no correction.

    Hosts are told apart by their own tags, else by instance, else by service:
    within one service without host information one clock is assumed. Each host
    gets one offset that satisfies all its calls (the middle of the allowed
    range, 0 where 0 is allowed); where none does, each call gets its own, with
    a warning. Corrections beyond ``max_skew_ns`` are only warned about.
    """
    hosts = _hosts(trace)
    count = len(trace)
    if count == 0 or len(set(hosts)) < 2 or max_skew_ns < 0:
        return trace
    pairs = _pairs(trace, hosts)
    if not pairs:
        return trace
    clocks: dict[str, HostClock] = {host: HostClock() for host in hosts}
    root = main_root(trace)
    clocks[hosts[root]].offset_ns = 0
    tree = range(root, root + int(trace.subtree[root]))
    depth, started = trace.depth.tolist(), trace.start_ns.tolist()
    ids = trace.span_ids
    # The main tree goes first, callers before callees, ties whatever the input.
    pairs.sort(key=lambda p: (p[1] not in tree, depth[p[1]], started[p[1]], ids[p[1]]))
    by_host: dict[str, list[tuple[int, int]]] = {}
    for above, row in pairs:
        by_host.setdefault(hosts[row], []).append((above, row))
        by_host.setdefault(hosts[above], []).append((above, row))
    start = trace.start_ns.tolist()
    end = trace.end_ns.tolist()
    skew = np.zeros(count, np.int64)
    warnings = trace.warnings
    conflicting: set[str] = set()
    for caller, row in pairs:
        if clocks[hosts[caller]].offset_ns is None:
            clocks[hosts[caller]].offset_ns = 0  # above it is nothing to compare with
        host = hosts[row]
        if clocks[host].offset_ns is not None:
            continue
        low, high = -NO_LIMIT, NO_LIMIT
        for above, below in by_host[host]:
            if hosts[below] == host:
                other = clocks[hosts[above]].offset_ns
                if other is None:
                    continue
                one_low, one_high = _range(start, end, above, below)
                low, high = max(low, one_low + other), min(high, one_high + other)
            else:
                other = clocks[hosts[below]].offset_ns
                if other is None:
                    continue
                one_low, one_high = _range(start, end, above, below)
                low, high = max(low, other - one_high), min(high, other - one_low)
        if low > high:
            conflicting.add(host)
            clocks[host].offset_ns = 0
        elif low <= 0 <= high:
            clocks[host].offset_ns = 0
        else:
            clocks[host].offset_ns = _middle(low, high)
    for row, host in enumerate(hosts):
        skew[row] = clocks[host].offset_ns or 0
    if conflicting:
        _per_call(trace, hosts, conflicting, skew, start, end)
    too_far = np.abs(skew) > max_skew_ns
    for row in np.flatnonzero(skew).tolist():
        delta_us = int(skew[row]) // 1_000
        values = {"delta_us": delta_us, "host": hosts[row].partition("\0")[2]}
        if too_far[row]:
            warnings.append(Warning("clock-skew-too-large", row, values, True))
        elif hosts[row] in conflicting:
            warnings.append(Warning("clock-skew-per-call", row, values, True))
        else:
            warnings.append(Warning("clock-skew", row, values, True))
    skew[too_far] = 0
    if skew.any():
        trace.skew_ns = skew
        trace.flags[skew != 0] |= np.uint16(Flag.MOVED)
    return trace


def _hosts(trace: Trace) -> list[str]:
    """A key per row that says whose clock it used."""
    host = _column(trace, "host")
    pod = _column(trace, "pod")
    values, names = trace.fact_values, trace.services
    keys: dict[tuple[int, int, int], str] = {}
    result = []
    for found in zip(trace.service.tolist(), host, pod, strict=True):
        key = keys.get(found)
        if key is None:
            service, at_host, at_pod = found
            if at_host >= 0:
                key = "host\0" + values[at_host]
            elif at_pod >= 0:
                key = f"pod\0{names[service]} {values[at_pod]}"
            else:
                key = "service\0" + names[service]
            keys[found] = key
        result.append(key)
    return result


def _column(trace: Trace, key: str) -> list[int]:
    found = trace.facts.get(key)
    return [-1] * len(trace) if found is None else found.tolist()


def _pairs(trace: Trace, hosts: list[str]) -> list[tuple[int, int]]:
    """Parent and child on different hosts whose call blocks."""
    kind = trace.kind.tolist()
    pairs = []
    for row, above in enumerate(trace.parent.tolist()):
        if above < 0 or hosts[above] == hosts[row]:
            continue
        if kind[row] == CONSUMER or kind[above] == PRODUCER:
            continue
        references = trace.references.get(row)
        if references and all(ref.kind == "FOLLOWS_FROM" for ref in references):
            continue
        pairs.append((above, row))
    return pairs


def _range(start: list[int], end: list[int], above: int, below: int) -> tuple[int, int]:
    """Offsets of ``below`` against ``above`` that put it inside."""
    low, high = start[above] - start[below], end[above] - end[below]
    if low <= high:
        return low, high
    if start[below] < start[above]:  # longer and earlier: starts are aligned
        return low, low
    return -NO_LIMIT, NO_LIMIT  # longer, not earlier: nothing is known


def _middle(low: int, high: int) -> int:
    if low <= -NO_LIMIT:
        return high
    if high >= NO_LIMIT:
        return low
    return (low + high) // 2


def _per_call(
    trace: Trace,
    hosts: list[str],
    conflicting: set[str],
    skew: np.ndarray,
    start: list[int],
    end: list[int],
) -> None:
    """Offsets call by call for hosts whose calls contradict each other."""
    for row, above in enumerate(trace.parent.tolist()):
        if hosts[row] not in conflicting:
            continue
        if above < 0:
            skew[row] = 0
        elif hosts[above] == hosts[row]:
            skew[row] = skew[above]
        else:
            low, high = _range(start, end, above, row)
            base = int(skew[above])
            low, high = low + base, high + base
            skew[row] = 0 if low <= 0 <= high else _middle(low, high)
