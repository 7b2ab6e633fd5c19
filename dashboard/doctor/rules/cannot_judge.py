"""Who can't be judged, and why: no finding against anybody."""

from __future__ import annotations

from dashboard.doctor.findings import CANNOT_JUDGE, MAX_EXAMPLES, SUSPECT, Finding
from dashboard.doctor.workloads import Mesh


def find(mesh: Mesh) -> list[Finding]:
    """Versions that call nobody, and those that serve nobody we know of."""
    found = []
    for load in mesh.workloads:
        if load.served and load.sent:
            continue
        numbers = load.served or load.sent
        held = [mesh.hops[n] for n in numbers]
        found.append(
            Finding(
                CANNOT_JUDGE,
                load.service,
                load.version,
                SUSPECT,
                "calls-nobody" if load.served else "serves-nobody",
                count=len(held),
                total=len(held),
                traces=list(dict.fromkeys(h.trace_id for h in held))[:MAX_EXAMPLES],
                first_ns=min(h.start_ns for h in held),
                last_ns=max(h.end_ns for h in held),
            )
        )
    return found
