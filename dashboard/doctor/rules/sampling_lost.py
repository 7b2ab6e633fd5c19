"""Sampling decision lost: calls name a request of their own pod that nobody reported.

A call's parent is its pod's served request. Where that one is missing again and
again, and no request misses the call above it, the sidecar of the call decided on
sampling anew, since the application did not pass the decision on. Where all kinds
of spans are missing, spans were lost on their way.
"""

from __future__ import annotations

from dashboard.doctor.findings import (
    CERTAIN,
    LOST_SPANS,
    MAX_EXAMPLES,
    PROBABLE,
    SAMPLING_LOST,
    SUSPECT,
    Finding,
    newest,
)
from dashboard.doctor.hops import IN, Hop
from dashboard.doctor.workloads import Mesh, Workload

FEWEST, MANY = 2, 4
TIMES = 5.0  # as often as others' spans are missing


def find(mesh: Mesh) -> list[Finding]:
    """Versions that lose the decision; else services whose callers' spans are lost."""
    hops = mesh.hops
    missing_calls = [h for h in hops if h.way == IN and h.orphan and not h.router]
    arrivals = [h for h in hops if h.way == IN and not h.router]
    lost_share = len(missing_calls) / len(arrivals) if arrivals else 0.0
    found = []
    for load in mesh.workloads:
        orphans = [hops[n] for n in load.sent if hops[n].orphan and hops[n].proxy]
        if not orphans:
            continue
        share = len(orphans) / len(load.sent)
        if len(orphans) < FEWEST or share < TIMES * lost_share:
            continue
        ended = _ended_here(mesh, load)
        sure = len(orphans) >= MANY and not missing_calls and ended
        certainty = CERTAIN if sure else PROBABLE if ended else SUSPECT
        found.append(_finding(SAMPLING_LOST, load, orphans, certainty))
    if not found and len(missing_calls) >= FEWEST:
        found = _lost(mesh, missing_calls)
    return found


def _ended_here(mesh: Mesh, load: Workload) -> bool:
    """Whether other traces end at this version although it makes calls."""
    return any(not mesh.hops[n].children for n in load.served)


def _lost(mesh: Mesh, missing: list[Hop]) -> list[Finding]:
    by_service: dict[tuple[str, str], list[Hop]] = {}
    for hop in sorted(missing, key=lambda hop: hop.start_ns):
        by_service.setdefault(hop.who, []).append(hop)
    return [
        _finding(LOST_SPANS, Workload(*who), held, SUSPECT)
        for who, held in sorted(by_service.items())
        if len(held) >= FEWEST
    ]


def _finding(rule: str, load: Workload, held: list[Hop], certainty: str) -> Finding:
    return Finding(
        rule,
        load.service,
        load.version,
        certainty,
        count=len(held),
        total=len(load.sent) or len(held),
        traces=newest(h.trace_id for h in held),
        pods=sorted({h.pod for h in held})[:MAX_EXAMPLES],
        targets=sorted({h.target for h in held if h.target})[:MAX_EXAMPLES],
        first_ns=min(h.start_ns for h in held),
        last_ns=max(h.end_ns for h in held),
    )
