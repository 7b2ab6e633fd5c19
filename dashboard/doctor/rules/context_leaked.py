"""Context leaked: a call hangs below a request that had ended, while another runs.

Work that goes on after its request, with that request's context, is fine. It is a
leak where the running request lacks such a call and the ended one has another of
its own; or where all late calls of a version fall into other requests, more often
than chance would have it.
"""

from __future__ import annotations

from dashboard.doctor.findings import (
    CERTAIN,
    CONTEXT_LEAKED,
    MAX_EXAMPLES,
    PROBABLE,
    Finding,
)
from dashboard.doctor.hops import IN
from dashboard.doctor.workloads import SLACK_NS, Mesh, Workload, linked_children, tail

UNLIKELY = 0.01
FEWEST = 2


def find(mesh: Mesh) -> list[Finding]:
    """One finding for each version whose calls carry another request's context."""
    return [f for load in mesh.workloads if (f := _judge(mesh, load)) is not None]


def _judge(mesh: Mesh, load: Workload) -> Finding | None:
    hops = mesh.hops
    late, doubled, robbed = [], [], []
    for number in load.sent:
        call = hops[number]
        if call.parent < 0:
            continue
        request = hops[call.parent]
        if request.way != IN or request.pod != call.pod:
            continue
        if call.start_ns <= request.end_ns + SLACK_NS:
            continue
        late.append(number)
        lacking = [
            other
            for other in mesh.served[call.pod].running_at(call.start_ns)
            if other != call.parent
            and hops[other].trace_id != call.trace_id
            and not linked_children(mesh, other, call.target)
        ]
        own = [
            child
            for child in linked_children(mesh, call.parent, call.target)
            if hops[child].start_ns <= request.end_ns
        ]
        if lacking:
            robbed.append((lacking[0], number))
            if own:
                doubled.append((lacking[0], number))
    if not robbed:
        return None
    if len(doubled) >= FEWEST:
        return _finding(mesh, load, doubled, CERTAIN)
    first = min(hops[n].start_ns for n in load.served)
    last = max(hops[n].end_ns for n in load.served)
    pods = {hops[n].pod for n in load.served}
    busy = max(mesh.served[pod].busy_share(first, last) for pod in pods)
    unlikely = tail(len(robbed), len(late), busy) < UNLIKELY
    if len(robbed) >= FEWEST + 1 and len(robbed) == len(late) and unlikely:
        return _finding(mesh, load, robbed, PROBABLE)
    return None


def _finding(
    mesh: Mesh, load: Workload, pairs: list[tuple[int, int]], certainty: str
) -> Finding:
    hops = mesh.hops
    calls = [hops[call] for _, call in pairs]
    joined = [(hops[a].trace_id, hops[b].trace_id) for a, b in pairs]
    return Finding(
        CONTEXT_LEAKED,
        load.service,
        load.version,
        certainty,
        count=len(pairs),
        total=len(load.sent),
        traces=list(dict.fromkeys(t for pair in joined for t in pair))[:MAX_EXAMPLES],
        pairs=list(dict.fromkeys(joined))[:MAX_EXAMPLES],
        pods=sorted({c.pod for c in calls})[:MAX_EXAMPLES],
        targets=sorted({c.target for c in calls if c.target})[:MAX_EXAMPLES],
        first_ns=min(c.start_ns for c in calls),
        last_ns=max(c.end_ns for c in calls),
    )
