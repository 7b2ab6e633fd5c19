"""Hops by workload: what each version served and sent, and when it was busy."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from math import comb

from dashboard.doctor.hops import IN, OUT, Hop

# Envoy's clocks on one host disagree by up to this much (a busy one by more).
SLACK_NS = 1_500_000
# Both sides of one sidecar (or process) read one clock; its spans are in whole µs.
OWN_SLACK_NS = 100_000


@dataclass(slots=True)
class Workload:
    """One version of a service: numbers of its hops, in order of their start."""

    service: str
    version: str
    served: list[int] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)

    @property
    def who(self) -> tuple[str, str]:
        """Service and version."""
        return self.service, self.version


class Served:
    """The requests of one pod by time."""

    def __init__(self, hops: list[Hop], numbers: list[int]):
        self.hops = hops
        self.numbers = sorted(numbers, key=lambda n: (hops[n].start_ns, n))
        self.starts = [hops[n].start_ns for n in self.numbers]
        self.longest_ns = max(
            (hops[n].end_ns - hops[n].start_ns for n in numbers), default=0
        )

    def open_at(self, start_ns: int, end_ns: int) -> list[int]:
        """Requests within which a span from ``start_ns`` to ``end_ns`` lies."""
        first = bisect_left(self.starts, start_ns - self.longest_ns - OWN_SLACK_NS)
        last = bisect_right(self.starts, start_ns + OWN_SLACK_NS)
        return [
            number
            for number in self.numbers[first:last]
            if self.hops[number].end_ns + OWN_SLACK_NS >= end_ns
        ]

    def busy_share(self, first_ns: int, last_ns: int) -> float:
        """Share of a stretch of time in which at least one request runs."""
        if last_ns <= first_ns:
            return 1.0
        busy, until = 0, first_ns
        for number in self.numbers:
            hop = self.hops[number]
            begin, end = max(hop.start_ns, until), min(hop.end_ns, last_ns)
            if end > begin:
                busy += end - begin
                until = end
        return min(busy / (last_ns - first_ns), 1.0)


@dataclass(slots=True)
class Mesh:
    """All hops, by workload and pod."""

    hops: list[Hop]
    workloads: list[Workload]
    served: dict[str, Served]  # by pod
    names: set[str]  # services that served something


def mesh_of(hops: list[Hop]) -> Mesh:
    """Sort hops by workload and pod; gateways are no workloads."""
    loads: dict[tuple[str, str], Workload] = {}
    by_pod: dict[str, list[int]] = defaultdict(list)
    names = set()
    for number in sorted(range(len(hops)), key=lambda n: (hops[n].start_ns, n)):
        hop = hops[number]
        if hop.way == IN:
            names.add(hop.service)
        if hop.router:
            continue
        load = loads.setdefault(hop.who, Workload(*hop.who))
        if hop.way == IN:
            load.served.append(number)
            by_pod[hop.pod].append(number)
        else:
            load.sent.append(number)
    return Mesh(
        hops,
        [loads[who] for who in sorted(loads)],
        {pod: Served(hops, numbers) for pod, numbers in by_pod.items()},
        names,
    )


def linked_children(mesh: Mesh, number: int, target: str) -> list[int]:
    """Calls to a target that hang below a request."""
    return [
        child
        for child in mesh.hops[number].children
        if mesh.hops[child].way == OUT and mesh.hops[child].target == target
    ]


def tail(k: int, n: int, p: float) -> float:
    """P(X ≥ k) of n independent trials with probability p."""
    if k <= 0:
        return 1.0
    if p >= 1.0:
        return 1.0
    if n > 400:  # the normal approximation is close enough for a limit
        mean, spread = n * p, (n * p * (1 - p)) ** 0.5
        return 0.0 if k > mean + 6 * spread else 1.0
    return min(
        sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1)), 1.0
    )
