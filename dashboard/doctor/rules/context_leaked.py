"""Context leaked: a call hangs below a request that had ended, while another runs.

Work that goes on after its request, with that request's context, is fine. It is a
leak where all late calls of a version lie within other requests that make no such
call themselves, although chance would not have it: because requests are rare; or
because the calls keep to the start of those requests, and not to the end of the
ones that they name. It is certain where the ended requests had calls of their own.
"""

from __future__ import annotations

from statistics import quantiles

from dashboard.doctor.findings import (
    CERTAIN,
    CONTEXT_LEAKED,
    MAX_EXAMPLES,
    MAX_PAIRS,
    PROBABLE,
    Finding,
    newest,
)
from dashboard.doctor.hops import IN
from dashboard.doctor.workloads import SLACK_NS, Mesh, Workload, linked_children, tail

UNLIKELY, NEVER = 1e-4, 1e-6
FEWEST, FEWEST_KEPT = 3, 8
KEEPS = 3.0  # times as much do they differ from the ends of the requests they name


def find(mesh: Mesh) -> list[Finding]:
    """One finding for each version whose calls carry another request's context."""
    return [f for load in mesh.workloads if (f := _judge(mesh, load)) is not None]


def _judge(mesh: Mesh, load: Workload) -> Finding | None:
    hops = mesh.hops
    late, doubled = 0, []
    robbed: list[tuple[int, int]] = []  # the request that runs, the call
    for number in load.sent:
        call = hops[number]
        if call.parent < 0:
            continue
        request = hops[call.parent]
        if request.way != IN or request.pod != call.pod:
            continue
        if call.start_ns <= request.end_ns + SLACK_NS:
            continue
        late += 1
        lacking = [
            other
            for other in mesh.served[call.pod].open_at(call.start_ns, call.end_ns)
            if other != call.parent
            and hops[other].trace_id != call.trace_id
            and not _own(mesh, other, call.target)
        ]
        if lacking:
            latest = max(lacking, key=lambda n: (hops[n].start_ns, n))
            robbed.append((latest, number))
            if _own(mesh, call.parent, call.target):
                doubled.append((latest, number))
    if len(robbed) < FEWEST or len(robbed) < late:
        return None  # some belong to nobody else: work after the end
    first = min(hops[n].start_ns for n in load.served)
    last = max(hops[n].end_ns for n in load.served)
    pods = {hops[n].pod for n in load.served}
    busy = max(mesh.served[pod].busy_share(first, last) for pod in pods)
    chance = tail(len(robbed), late, busy)
    if len(doubled) >= FEWEST and chance < NEVER:
        return _finding(mesh, load, doubled, CERTAIN)
    if chance < UNLIKELY or _keep_to(mesh, robbed):
        return _finding(mesh, load, robbed, PROBABLE)
    return None


def _own(mesh: Mesh, request: int, target: str) -> bool:
    """Whether a request made such a call while it ran."""
    end_ns = mesh.hops[request].end_ns
    return any(
        mesh.hops[child].start_ns <= end_ns
        for child in linked_children(mesh, request, target)
    )


def _keep_to(mesh: Mesh, robbed: list[tuple[int, int]]) -> bool:
    """Whether calls follow the start of the requests in which they lie.

    What goes on after a request follows that one's end.
    """
    hops = mesh.hops
    for target in sorted({hops[call].target for _, call in robbed}):
        pairs = [(r, c) for r, c in robbed if hops[c].target == target]
        if len(pairs) < FEWEST_KEPT:
            continue
        begun = [hops[c].start_ns - hops[r].start_ns for r, c in pairs]
        ended = [hops[c].start_ns - hops[hops[c].parent].end_ns for _, c in pairs]
        if _spread(ended) > KEEPS * max(_spread(begun), SLACK_NS):
            return True
    return False


def _spread(values: list[int]) -> float:
    """Between the quartiles."""
    low, _, high = quantiles(values, n=4)
    return high - low


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
        traces=newest(t for pair in joined for t in pair),
        pairs=newest(joined, MAX_PAIRS),
        pods=sorted({c.pod for c in calls})[:MAX_EXAMPLES],
        targets=sorted({c.target for c in calls if c.target})[:MAX_EXAMPLES],
        first_ns=min(c.start_ns for c in calls),
        last_ns=max(c.end_ns for c in calls),
    )
