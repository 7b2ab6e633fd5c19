"""Missing hop: a service that sends no spans, before or between others.

Either calls to it are answered well and nothing hangs below them, or what hangs
below a call to it belongs to another service: it passes the context on, but its
own sidecar or SDK reports nothing.
"""

from __future__ import annotations

from collections import defaultdict

from dashboard.doctor.findings import (
    CERTAIN,
    MAX_EXAMPLES,
    MISSING_HOP,
    PROBABLE,
    SUSPECT,
    Finding,
)
from dashboard.doctor.hops import IN, OUT, Hop, plain_name
from dashboard.doctor.workloads import Mesh

FEWEST = 3


def find(mesh: Mesh) -> list[Finding]:
    """One finding for each untraced service of the mesh."""
    hops = mesh.hops
    seen = {plain_name(name) for name in mesh.names}
    silent: dict[str, list[Hop]] = defaultdict(list)
    called: dict[str, int] = defaultdict(int)
    answered: set[str] = set()
    for hop in hops:
        if hop.way != OUT or not hop.in_mesh or not hop.target:
            continue
        called[hop.target] += 1
        if hop.answered:
            answered.add(hop.target)
        elif hop.good and not hop.children:
            silent[hop.target].append(hop)
    if not answered:
        return []  # callees report nothing at all here: a mesh that is told so
    through: dict[str, list[Hop]] = defaultdict(list)
    for hop in hops:
        if hop.way != IN or hop.parent < 0 or hop.waypoint:
            continue
        above = hops[hop.parent]
        silent_target = above.in_mesh and above.target not in seen
        if above.way == OUT and silent_target:
            through[above.target].append(hop)
    found = []
    for target, held in sorted(through.items()):
        certainty = CERTAIN if len(held) >= 2 else SUSPECT
        found.append(_finding(target, held, called[target], certainty, "forwards"))
    for target, calls in sorted(silent.items()):
        if target in through or target in seen or len(calls) < FEWEST:
            continue
        whole = len(calls) == called[target]
        certainty = PROBABLE if whole else SUSPECT
        found.append(_finding(target, calls, called[target], certainty, "silent"))
    return found


def _finding(
    target: str, held: list[Hop], total: int, certainty: str, variant: str
) -> Finding:
    return Finding(
        MISSING_HOP,
        target,
        "",
        certainty,
        variant,
        count=len(held),
        total=max(total, len(held)),
        traces=list(dict.fromkeys(h.trace_id for h in held))[:MAX_EXAMPLES],
        first_ns=min(h.start_ns for h in held),
        last_ns=max(h.end_ns for h in held),
        values={"callers": sorted({h.service for h in held})[:MAX_EXAMPLES]},
    )
