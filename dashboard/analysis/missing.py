"""Parents that spans name and that are not here, drawn from what their children tell."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from dashboard.traces.ids import trace_key
from dashboard.traces.trace import Flag, Kind, Trace

SERVER_SIDES = (int(Kind.SERVER), int(Kind.CONSUMER))
NAMED_BY = ("remote.service", "peer.service")


@dataclass(frozen=True, slots=True)
class MissingParent:
    """One absent parent; times in ns since the epoch, as drawn (clocks corrected).

    ``reason`` says where the name comes from: the fact's key, ``node`` (the
    address of a pod whose other spans are here), ``address`` (only an address is
    known: ``name`` is it), ``own`` (its child is no server half, so it is most
    likely a span of the child's own service), or ``""`` (nothing is known).
    """

    span_id: str
    rows: tuple[int, ...]
    start_ns: int
    end_ns: int
    service: str
    name: str
    reason: str


def find_missing(trace: Trace, limit: int) -> tuple[list[MissingParent], int]:
    """Absent parents of an adjusted trace, in order of their first child.

    At most ``limit`` of them, and how many there are.
    """
    orphans = np.flatnonzero((trace.flags & Flag.ORPHAN) != 0)
    if not len(orphans):
        return [], 0
    # Numbers, not lists: 100,000 small lists would set off the garbage collector.
    number: dict[str, int] = {}
    parents = trace.parent_ids
    belongs = np.array(
        [
            number.setdefault(parents[row] or _named(trace, row), len(number))
            for row in orphans.tolist()
        ]
    )
    order = np.argsort(belongs, kind="stable")
    edges = np.searchsorted(belongs[order], np.arange(len(number) + 1))
    pods = _services_by_address(trace)
    skew = trace.skew_ns
    found = []
    for span_id, place in islice(number.items(), limit):
        at = orphans[order[edges[place] : edges[place + 1]]]
        rows = at.tolist()
        start = trace.start_ns[at] + (0 if skew is None else skew[at])
        end = start + trace.duration_ns[at]
        service, name, reason = _name(trace, rows, pods)
        found.append(
            MissingParent(
                span_id,
                tuple(rows),
                int(start.min()),
                int(end.max()),
                service,
                name,
                reason,
            )
        )
    return found, len(number)


def _named(trace: Trace, row: int) -> str:
    """The id of the absent parent that a span's references name."""
    key = trace_key(trace.trace_id)
    own = [ref for ref in trace.references_of(row) if trace_key(ref.trace_id) == key]
    own.sort(key=lambda ref: ref.kind != "CHILD_OF")
    return own[0].span_id if own else ""


def _services_by_address(trace: Trace) -> dict[str, str]:
    """Service of each pod's address, from Envoy's ``node_id`` (``kind~IP~POD~…``)."""
    column = trace.facts.get("node_id")
    if column is None:
        return {}
    found: dict[str, str] = {}
    numbers, rows = np.unique(column, return_index=True)
    for number, row in zip(numbers.tolist(), rows.tolist(), strict=True):
        parts = trace.fact_values[number].split("~") if number >= 0 else []
        if len(parts) > 2:
            found.setdefault(parts[1], trace.service_name(row))
    return found


def _name(trace: Trace, rows: list[int], pods: dict[str, str]) -> tuple[str, str, str]:
    """Service, name to show and reason, from the first child that tells."""
    address = ""
    for row in rows[:100]:
        if trace.kind[row] not in SERVER_SIDES:
            continue
        for fact in NAMED_BY:
            value = trace.fact(fact, row)
            if value:
                return value, value, fact
        peer = trace.fact("peer.address", row) or trace.fact("net.peer.ip", row)
        for known in (peer, peer.rpartition(":")[0]):
            if known in pods and pods[known] != trace.service_name(row):
                return pods[known], pods[known], "node"
        address = address or peer
    if address:
        return "", address, "address"
    for row in rows[:100]:
        if trace.kind[row] not in SERVER_SIDES and trace.kind[row] != Kind.UNSET:
            own = trace.service_name(row)
            return own, own, "own"
    return "", "", ""
