"""Request id lost: a call is linked to its request and carries another request id.

Logs of one request can't be joined then, and sidecars decide on sampling by the id.
"""

from __future__ import annotations

from dashboard.doctor.findings import (
    CERTAIN,
    MAX_EXAMPLES,
    REQUEST_ID_LOST,
    Finding,
    newest,
)
from dashboard.doctor.hops import IN
from dashboard.doctor.workloads import Mesh


def find(mesh: Mesh) -> list[Finding]:
    """One finding for each version whose linked calls have ids of their own."""
    hops = mesh.hops
    found = []
    for load in mesh.workloads:
        changed, linked = [], 0
        for number in load.sent:
            call = hops[number]
            if call.parent < 0 or not call.request_id:
                continue
            request = hops[call.parent]
            if request.way != IN or request.pod != call.pod or not request.request_id:
                continue
            linked += 1
            if request.request_id != call.request_id:
                changed.append(call)
        if changed:
            found.append(
                Finding(
                    REQUEST_ID_LOST,
                    load.service,
                    load.version,
                    CERTAIN,
                    count=len(changed),
                    total=linked,
                    traces=newest(c.trace_id for c in changed),
                    pods=sorted({c.pod for c in changed})[:MAX_EXAMPLES],
                    targets=sorted({c.target for c in changed if c.target})[
                        :MAX_EXAMPLES
                    ],
                    first_ns=min(c.start_ns for c in changed),
                    last_ns=max(c.end_ns for c in changed),
                )
            )
    return found
