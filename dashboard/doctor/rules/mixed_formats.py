"""Mixed formats: proxies of one path speak B3 and W3C headers.

Where both meet, an application that forwards one family only breaks the trace.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from dashboard.doctor.findings import CERTAIN, MAX_EXAMPLES, MIXED_FORMATS, Finding
from dashboard.doctor.hops import Hop
from dashboard.doctor.workloads import Mesh


def find(mesh: Mesh) -> list[Finding]:
    """One finding for each workload that speaks otherwise than most."""
    spoken: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for hop in mesh.hops:
        if hop.dialect:
            spoken[hop.who][hop.dialect] += 1
    usual = Counter(
        max(count, key=lambda d: (count[d], d)) for count in spoken.values()
    )
    if len(usual) < 2 and all(len(count) == 1 for count in spoken.values()):
        return []
    most = max(usual, key=lambda d: (usual[d], d))
    found = []
    for who, count in sorted(spoken.items()):
        other = "w3c" if most == "b3" else "b3"
        if not count[other]:
            continue
        held: list[Hop] = [h for h in mesh.hops if h.who == who and h.dialect == other]
        found.append(
            Finding(
                MIXED_FORMATS,
                *who,
                CERTAIN,
                other,
                count=len(held),
                total=sum(count.values()),
                traces=list(dict.fromkeys(h.trace_id for h in held))[:MAX_EXAMPLES],
                pods=sorted({h.pod for h in held})[:MAX_EXAMPLES],
                first_ns=min(h.start_ns for h in held),
                last_ns=max(h.end_ns for h in held),
                dialect=most,
            )
        )
    return found
