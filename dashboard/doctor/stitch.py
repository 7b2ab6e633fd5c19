"""Puts traces that are one request back together, for the eye; nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dashboard.doctor.hops import IN, OUT, Hop, hops_of
from dashboard.doctor.workloads import OWN_SLACK_NS
from dashboard.traces.merge import merge
from dashboard.traces.trace import Trace


@dataclass(frozen=True, slots=True)
class Seam:
    """Where a piece was put: its root's span id and that of the request above."""

    trace_id: str
    span_id: str
    above: str
    service: str
    by: str  # "request-id" or "time"


def stitch(traces: list[Trace]) -> tuple[Trace, list[Seam]]:
    """One unadjusted trace of several adjusted ones, and where they were joined.

    A piece whose root is an outgoing call goes below the request of the same pod
    with its request id, else below the shortest one in which it lies.
    """
    pieces = [_apart(trace, number) for number, trace in enumerate(traces)]
    hops = hops_of(pieces)
    seams: list[Seam] = []
    joined: list[Trace] = []
    for number, piece in enumerate(pieces):
        parent_ids = list(piece.parent_ids)
        for hop in hops:
            if hop.trace_id != piece.trace_id or not hop.root or hop.way != OUT:
                continue
            above, by = _place(hop, hops)
            if above is None:
                continue
            target = next(p for p in pieces if p.trace_id == above.trace_id)
            parent_ids[hop.row] = target.span_ids[above.row]
            seams.append(
                Seam(
                    traces[number].trace_id,
                    piece.span_ids[hop.row],
                    parent_ids[hop.row],
                    hop.service,
                    by,
                )
            )
        joined.append(replace(piece, parent_ids=parent_ids, references={}))
    whole = joined[0]
    for piece in joined[1:]:
        whole = merge(whole, piece)
    return replace(whole, trace_id=traces[0].trace_id, warnings=[]), seams


def _apart(trace: Trace, number: int) -> Trace:
    """The same with ids that no other piece has."""
    if not number:
        return replace(trace, trace_id=f"{trace.trace_id}~{number}")
    mark = f"~{number}"
    return replace(
        trace,
        trace_id=f"{trace.trace_id}{mark}",
        span_ids=[span_id + mark for span_id in trace.span_ids],
        parent_ids=[parent and parent + mark for parent in trace.parent_ids],
    )


def _place(call: Hop, hops: list[Hop]) -> tuple[Hop | None, str]:
    inside = [
        hop
        for hop in hops
        if hop.way == IN
        and hop.pod == call.pod
        and hop.trace_id != call.trace_id
        and hop.start_ns - OWN_SLACK_NS <= call.start_ns
        and call.start_ns <= hop.end_ns + OWN_SLACK_NS
    ]
    same = [h for h in inside if h.request_id and h.request_id == call.request_id]
    for found, by in ((same, "request-id"), (inside, "time")):
        if found:
            best = min(found, key=lambda h: (h.end_ns - h.start_ns, h.start_ns, h.row))
            return best, by
    return None, ""
