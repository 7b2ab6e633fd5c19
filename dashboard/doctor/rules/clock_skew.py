"""Clock skew: the requests of a host lie outside the calls that made them.

One starved proxy puts a span a few milliseconds off now and then; a clock that is
wrong moves nearly all requests of its host, and by about the same.
"""

from __future__ import annotations

from statistics import median

from dashboard.doctor.findings import (
    CLOCK_SKEW,
    MAX_EXAMPLES,
    PROBABLE,
    Finding,
    newest,
)
from dashboard.doctor.hops import IN
from dashboard.doctor.workloads import SLACK_NS, Mesh

FEWEST, MOST_OF = 5, 0.7


def find(mesh: Mesh) -> list[Finding]:
    """One finding for each version whose clock is wrong."""
    found = []
    for load in mesh.workloads:
        held = [mesh.hops[n] for n in load.served if mesh.hops[n].parent >= 0]
        moved = [h for h in held if h.way == IN and abs(h.moved_ns) > SLACK_NS]
        if len(moved) < FEWEST or len(moved) < MOST_OF * len(held):
            continue
        offset_ns = -round(median(h.moved_ns for h in moved))
        if any((h.moved_ns < 0) == (offset_ns < 0) for h in moved):
            continue  # both ways: no clock does that
        found.append(
            Finding(
                CLOCK_SKEW,
                load.service,
                load.version,
                PROBABLE,
                "ahead" if offset_ns > 0 else "behind",
                count=len(moved),
                total=len(held),
                traces=newest(h.trace_id for h in moved),
                pods=sorted({h.pod for h in moved})[:MAX_EXAMPLES],
                first_ns=min(h.start_ns for h in moved),
                last_ns=max(h.end_ns for h in moved),
                values={"offset_ns": offset_ns},
            )
        )
    return found
