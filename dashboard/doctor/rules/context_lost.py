"""Context lost: outgoing calls of a service begin traces of their own.

Three kinds of evidence, the strongest first:

- the call carries the request id of a request that the same pod was serving, in
  another trace (an application that forwards ``x-request-id`` alone): certain;
- nearly all calls lie within requests that have no such call yet, and keep to them
  more closely than calls that only run beside them would (``doctor.chance``):
  probable;
- calls lie within requests, and less speaks for it: suspect.

Calls from no open request are background work, and calls beside linked ones to
the same place from the same requests are a job's: neither is accused.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

from dashboard.doctor.chance import Times, beside
from dashboard.doctor.findings import (
    CERTAIN,
    CONTEXT_LOST,
    MAX_EXAMPLES,
    MAX_PAIRS,
    PROBABLE,
    SUSPECT,
    Finding,
    newest,
)
from dashboard.doctor.hops import IN, OUT, Hop
from dashboard.doctor.workloads import Mesh, Workload, linked_children, tail

FEWEST = 3  # calls below which nothing is more than suspect
FEWEST_CLOSE = 8
UNLIKELY = 1e-5
LONGEST = 2**62  # ns that a number holds
MOST_MOVED = 0.7  # of the calls' share may lie within requests when they are moved
CLOSE = 7.0  # standard deviations; of 7,000 made jobs the closest had 6.6
COVERED = 0.5  # of the requests hold a call, else it may be a job beside them
INSIDE = 0.8  # of the calls lie within a request


@dataclass(slots=True)
class Evidence:
    """What speaks against one version."""

    by_id: list[tuple[int, int]] = field(default_factory=list)  # request, call
    roots: list[int] = field(default_factory=list)  # with a request id of their own
    inside: list[tuple[int, int]] = field(default_factory=list)
    linked: int = 0
    calls: int = 0


def find(mesh: Mesh) -> list[Finding]:
    """One finding for each version that loses the context."""
    passes = proxies_pass_context(mesh)
    found = []
    for load in mesh.workloads:
        finding = _judge(mesh, load)
        if finding is None:
            continue
        if not passes:  # no call of anybody is linked: the mesh breaks it, or nobody
            finding.certainty, finding.variant = SUSPECT, "mesh"
        found.append(finding)
    return found


def proxies_pass_context(mesh: Mesh) -> bool:
    """Whether any call arrived with the context of its caller's own span.

    A mesh that is told not to propagate breaks every trace, and no application
    is to blame.
    """
    return any(
        hop.way == IN and hop.parent >= 0 and mesh.hops[hop.parent].way == OUT
        for hop in mesh.hops
    ) or not any(hop.proxy for hop in mesh.hops)


def _judge(mesh: Mesh, load: Workload) -> Finding | None:
    hops = mesh.hops
    if not load.served or not load.sent:
        return None
    seen = Evidence(calls=len(load.sent))
    by_request_id: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number in load.served:
        if hops[number].request_id:
            by_request_id[hops[number].pod, hops[number].request_id].append(number)
    for number in load.sent:
        call = hops[number]
        if not call.root:
            seen.linked += call.parent >= 0 and hops[call.parent].way == IN
            continue
        request = _same_request(mesh, number, by_request_id)
        if request >= 0:
            seen.by_id.append((request, number))
        else:
            seen.roots.append(number)
    if seen.by_id:
        return _certain(mesh, load, seen)
    if not seen.roots:
        return None
    return _by_time(mesh, load, seen)


def _same_request(
    mesh: Mesh, number: int, by_request_id: dict[tuple[str, str], list[int]]
) -> int:
    """The request that a call belongs to by its request id, in another trace."""
    call = mesh.hops[number]
    if not call.request_id:
        return -1
    for request in by_request_id.get((call.pod, call.request_id), ()):
        held = mesh.hops[request]
        apart = held.trace_id != call.trace_id
        # An outside client may use an id twice: the two must have met in time.
        if apart and held.start_ns <= call.end_ns and call.start_ns <= held.end_ns:
            return request
    return -1


def _certain(mesh: Mesh, load: Workload, seen: Evidence) -> Finding:
    finding = _finding(mesh, load, seen.by_id, CERTAIN, "request-id-only")
    finding.total = seen.calls
    waypoint = mesh.hops[seen.by_id[0][1]].waypoint
    if waypoint:
        finding.certainty = SUSPECT
    return finding


def _by_time(mesh: Mesh, load: Workload, seen: Evidence) -> Finding | None:
    hops = mesh.hops
    taken: dict[int, set[str]] = defaultdict(set)  # requests already given a call
    for number in sorted(seen.roots, key=lambda n: (hops[n].end_ns, n)):
        call = hops[number]
        served = mesh.served.get(call.pod)
        if served is None:
            continue
        # The request that ends first after the call is the likeliest.
        free = [
            request
            for request in served.open_at(call.start_ns, call.end_ns)
            if call.target not in taken[request]
            and not linked_children(mesh, request, call.target)
        ]
        if free:
            best = min(free, key=lambda r: (hops[r].end_ns, r))
            taken[best].add(call.target)
            seen.inside.append((best, number))
    k, n = len(seen.inside), len(seen.roots)
    if not k:
        return None
    covered = len({request for request, _ in seen.inside}) / len(load.served)
    certainty = SUSPECT
    if k >= FEWEST and k >= INSIDE * n and covered >= COVERED:
        if _belong(mesh, load, seen):
            certainty = PROBABLE
    elif seen.linked:
        return None  # a job beside requests that are linked
    finding = _finding(mesh, load, seen.inside, certainty, "nothing")
    finding.total = seen.calls
    finding.values["never_linked"] = not seen.linked
    return finding


def _belong(mesh: Mesh, load: Workload, seen: Evidence) -> bool:
    """Whether the calls to some target keep to requests as no job would."""
    hops = mesh.hops
    for target in sorted({hops[n].target for n in seen.roots}):
        calls = [hops[n] for n in seen.roots if hops[n].target == target]
        if len(calls) < FEWEST:
            continue
        k = sum(hops[n].target == target for _, n in seen.inside)
        if k < INSIDE * len(calls):
            continue
        chance = beside(*_lined_up(mesh, load, calls))
        k = min(k, chance.of)
        unlikely = tail(k, chance.of, chance.share) < UNLIKELY
        if unlikely and chance.most < MOST_MOVED * k / chance.of:
            return True
        if len(calls) >= FEWEST_CLOSE and chance.closeness >= CLOSE:
            return True
    return False


def _lined_up(
    mesh: Mesh, load: Workload, calls: list[Hop]
) -> tuple[tuple[Times, Times], tuple[Times, Times]]:
    """Requests and calls as starts and ends, one pod's time after another's."""
    served = [mesh.hops[n] for n in load.served]
    both = [*served, *calls]
    first = min(hop.start_ns for hop in both)
    length = 2 * (max(hop.end_ns for hop in both) - first) + 1
    counts = Counter(hop.pod for hop in calls)
    busiest = sorted(counts, key=lambda pod: (-counts[pod], pod))[: LONGEST // length]
    pods = {pod: n for n, pod in enumerate(busiest)}

    def times(hops: list[Hop]) -> tuple[Times, Times]:
        held = [
            (hop, pods[hop.pod] * length - first) for hop in hops if hop.pod in pods
        ]
        return (
            np.array([hop.start_ns + moved for hop, moved in held], np.int64),
            np.array([hop.end_ns + moved for hop, moved in held], np.int64),
        )

    return times(served), times(calls)


def _finding(
    mesh: Mesh,
    load: Workload,
    pairs: list[tuple[int, int]],
    certainty: str,
    variant: str,
) -> Finding:
    hops = mesh.hops
    calls = [hops[call] for _, call in pairs]
    targets = sorted({call.target for call in calls if call.target})
    dialects = {call.dialect for call in calls if call.dialect}
    joined = [(hops[a].trace_id, hops[b].trace_id) for a, b in pairs]
    return Finding(
        CONTEXT_LOST,
        load.service,
        load.version,
        certainty,
        variant,
        count=len(pairs),
        total=len(load.sent),
        traces=newest(t for pair in joined for t in pair),
        pairs=newest(joined, MAX_PAIRS),
        pods=sorted({call.pod for call in calls})[:MAX_EXAMPLES],
        targets=targets[:MAX_EXAMPLES],
        first_ns=min(call.start_ns for call in calls),
        last_ns=max(call.end_ns for call in calls),
        dialect=dialects.pop() if len(dialects) == 1 else "",
        values={"well": _well(mesh, load)},
    )


def _well(mesh: Mesh, load: Workload) -> list[str]:
    """Other versions of the same service whose calls are all linked."""
    found = []
    for other in mesh.workloads:
        if other.service != load.service or other.version == load.version:
            continue
        sent = [mesh.hops[n] for n in other.sent]
        if sent and all(call.parent >= 0 for call in sent if call.way == OUT):
            found.append(other.version)
    return found
