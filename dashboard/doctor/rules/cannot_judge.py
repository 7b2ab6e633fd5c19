"""Who can't be judged, and why: no finding against anybody."""

from __future__ import annotations

from dashboard.doctor.findings import CANNOT_JUDGE, MAX_EXAMPLES, SUSPECT, Finding
from dashboard.doctor.workloads import Mesh


def find(mesh: Mesh) -> list[Finding]:
    """Versions that call nobody, serve nobody we know of, or only run jobs."""
    found = []
    for load in mesh.workloads:
        variant = "calls-nobody" if load.served else "serves-nobody"
        if load.served and load.sent:
            if any(not mesh.hops[n].root for n in load.sent):
                continue
            variant = "only-jobs"
        numbers = load.served or load.sent
        held = [mesh.hops[n] for n in numbers]
        found.append(
            Finding(
                CANNOT_JUDGE,
                load.service,
                load.version,
                SUSPECT,
                variant,
                count=len(held),
                total=len(held),
                traces=list(dict.fromkeys(h.trace_id for h in held))[:MAX_EXAMPLES],
                first_ns=min(h.start_ns for h in held),
                last_ns=max(h.end_ns for h in held),
            )
        )
    return found
