"""Parents that spans name and that are not here, drawn from what their children tell."""

from __future__ import annotations

from dataclasses import dataclass

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


def find_missing(trace: Trace) -> list[MissingParent]:
    """The absent parents of an adjusted trace, in order of their first child."""
    orphans = np.flatnonzero((trace.flags & Flag.ORPHAN) != 0).tolist()
    if not orphans:
        return []
    children: dict[str, list[int]] = {}
    key = trace_key(trace.trace_id)
    for row in orphans:
        named = trace.parent_ids[row] or next(
            (
                ref.span_id
                for kind in ("CHILD_OF", "FOLLOWS_FROM")
                for ref in trace.references_of(row)
                if ref.kind == kind and trace_key(ref.trace_id) == key
            ),
            "",
        )
        if named:
            children.setdefault(named, []).append(row)
    pods = _services_by_address(trace)
    skew = trace.skew_ns
    found = []
    for span_id, rows in children.items():
        at = np.array(rows)
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
    return found


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
