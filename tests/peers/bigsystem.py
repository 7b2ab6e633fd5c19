"""A seeded system of any size that sends real OTLP traces.

.venv/bin/python -m tests.peers.bigsystem http://127.0.0.1:8765 --services 200
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

NAMESPACES = (
    "shop",
    "payments",
    "search",
    "stock",
    "delivery",
    "accounts",
    "media",
    "ads",
    "risk",
    "mail",
    "reports",
    "platform",
)
NOUNS = (
    "cart",
    "price",
    "ledger",
    "index",
    "ranking",
    "basket",
    "order",
    "invoice",
    "route",
    "label",
    "image",
    "profile",
    "session",
    "quota",
    "audit",
    "notice",
    "offer",
    "stock",
)
EDGES = {10: 14, 50: 90, 200: 500, 1_000: 3_000}
OPERATIONS = ("GET /items", "GET /items/{id}", "POST /items", "GET /health")
SPANS_A_BODY = 2_000


@dataclass
class Service:
    """One service: its place, versions and health."""

    name: str
    namespace: str
    layer: int
    versions: tuple[str, ...] = ("v1",)
    database: str = ""
    calls: list[int] = field(default_factory=list)


class BigSystem:
    """``services`` services in layers; the same seed makes the same system."""

    def __init__(self, services: int, edges: int = 0, seed: int = 7):
        self.chance = random.Random(seed)
        self.services = [self._service(n, services) for n in range(services)]
        self.parent = [-1] * services
        self.failing: set[tuple[int, int]] = set()
        self._connect(edges or EDGES.get(services, services * 3))

    def _service(self, number: int, total: int) -> Service:
        layers = min(3 + total // 12, 9)
        layer = min(number * layers // total, layers - 1) if number else 0
        spaces = min(len(NAMESPACES), max(2, total // 12))
        namespace, turn = NAMESPACES[number % spaces], number // spaces
        name = f"{namespace}-{NOUNS[turn % len(NOUNS)]}"
        if turn >= len(NOUNS):
            name = f"{name}-{turn // len(NOUNS) + 1}"
        return Service(
            name if number else "web-gateway",
            namespace,
            layer,
            ("v1", "v2") if number % 9 == 4 else ("v1",),
            f"{namespace}-db" if layer == layers - 1 and number % 3 == 0 else "",
        )

    def _connect(self, edges: int) -> None:
        chance, count = self.chance, len(self.services)
        seen = set()
        for number in range(1, count):
            layer = self.services[number].layer
            above = [
                n
                for n in range(max(0, number - 160), number)
                if self.services[n].layer < layer
            ] or [0]
            near = [
                n
                for n in above
                if self.services[n].namespace == self.services[number].namespace
            ]
            self.parent[number] = chance.choice(near or above)
            seen.add((self.parent[number], number))
        while len(seen) < edges:
            a = chance.randrange(count - 1)
            same = chance.random() < 0.75
            others = [
                b
                for b in range(a + 1, min(count, a + 200))
                if self.services[b].layer > self.services[a].layer
                and same == (self.services[b].namespace == self.services[a].namespace)
            ]
            if others:
                seen.add((a, chance.choice(others)))
            elif count < 20:
                seen.add((a, chance.randrange(a + 1, count)))
        for a, b in sorted(seen):
            self.services[a].calls.append(b)
        wanted = max(1, edges // 60)
        self.failing = set(chance.sample(sorted(seen), wanted))

    @property
    def edges(self) -> list[tuple[str, str]]:
        """All calls between services, databases left out."""
        return [(a.name, self.services[b].name) for a in self.services for b in a.calls]

    def path(self, number: int) -> list[int]:
        """Services from an entry to one."""
        found = [number]
        while self.parent[found[-1]] >= 0:
            found.append(self.parent[found[-1]])
        return found[::-1]

    def trace(self, caller: int, callee: int, end_ns: int) -> Iterator[dict[str, Any]]:
        """Spans of one request that leads over one edge, ending at a time."""
        chance = self.chance
        hops = [*self.path(caller), callee]
        trace_id = f"{chance.getrandbits(128) | 1:032x}"
        width = int(chance.lognormvariate(18.2, 0.5)) + 400_000 * len(hops) * 2
        start, parent, previous = end_ns - width, "", -1
        place = ("", "", "")
        for number in hops:
            service = self.services[number]
            version = chance.choice(service.versions)
            failed = previous >= 0 and (
                ((previous, number) in self.failing and chance.random() < 0.25)
                or (version == "v2" and chance.random() < 0.15)
            )
            if previous >= 0:
                start, width = start + 150_000, width - 300_000
                made = self._span(trace_id, parent, 3, "call", start, width, failed)
                parent = made["spanId"]
                yield {**made, "at": place}
                start, width = start + 50_000, width - 100_000
            place = (service.name, version, service.namespace)
            made = self._span(
                trace_id,
                parent,
                2,
                OPERATIONS[chance.randrange(4)],
                start,
                width,
                failed,
            )
            parent, previous = made["spanId"], number
            yield {**made, "at": place}
            if service.database:
                query = self._span(
                    trace_id, parent, 3, "SELECT", start + 20_000, width // 4, False
                )
                query["attributes"] += [
                    _attribute("db.system", "postgresql"),
                    _attribute("db.name", service.database),
                ]
                yield {**query, "at": place}

    def _span(
        self,
        trace_id: str,
        parent: str,
        kind: int,
        name: str,
        start: int,
        width: int,
        failed: bool,
    ) -> dict[str, Any]:
        made: dict[str, Any] = {
            "traceId": trace_id,
            "spanId": f"{self.chance.getrandbits(64) | 1:016x}",
            "parentSpanId": parent,
            "kind": kind,
            "name": name,
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + max(width, 1_000)),
            "attributes": [],
            "status": {"code": 2 if failed else 0},
        }
        if failed:
            made["attributes"].append(_attribute("http.response.status_code", "503"))
        return made

    def bodies(
        self, end_ns: int, minutes: float = 5, calls: int = 3
    ) -> Iterator[bytes]:
        """OTLP bodies: each edge's own traces, spread over the minutes before."""
        pairs = [(a, b) for a, s in enumerate(self.services) for b in s.calls]
        waiting: list[dict[str, Any]] = []
        for _ in range(calls):
            for a, b in pairs:
                at = end_ns - int(self.chance.random() * minutes * 60e9)
                waiting += self.trace(a, b, at)
                if len(waiting) >= SPANS_A_BODY:
                    yield body(waiting)
                    waiting = []
        if waiting:
            yield body(waiting)

    def send(self, url: str, minutes: float = 5, calls: int = 3) -> None:
        """Send all to a Spanboard's receiver."""
        with httpx.Client(timeout=60) as client:
            for made in self.bodies(time.time_ns(), minutes, calls):
                post(client, url, made)

    def trickle(self, url: str, traces: int = 60) -> None:
        """Send a few requests that end now, over edges chosen by chance."""
        pairs = [(a, b) for a, s in enumerate(self.services) for b in s.calls]
        spans: list[dict[str, Any]] = []
        for _ in range(traces):
            spans += self.trace(*self.chance.choice(pairs), time.time_ns())
        with httpx.Client(timeout=60) as client:
            post(client, url, body(spans))


def post(client: httpx.Client, url: str, made: bytes) -> None:
    """One body, tried again while the receiver's queue is full."""
    for _ in range(600):
        answer = client.post(
            f"{url.rstrip('/')}/v1/traces",
            content=made,
            headers={"Content-Type": "application/json"},
        )
        if answer.status_code not in (429, 503):
            answer.raise_for_status()
            return
        time.sleep(min(float(answer.headers.get("Retry-After", "1")), 2))
    raise TimeoutError("the receiver's queue stays full")


def _attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def body(spans: list[dict[str, Any]]) -> bytes:
    """OTLP JSON of spans that carry their place in ``at``."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for span in spans:
        at = span.pop("at")
        groups.setdefault(at, []).append(span)
    return json.dumps(
        {
            "resourceSpans": [
                {
                    "resource": {
                        "attributes": [
                            _attribute("service.name", name),
                            _attribute("service.version", version),
                            _attribute("service.namespace", namespace),
                        ]
                    },
                    "scopeSpans": [{"spans": found}],
                }
                for (name, version, namespace), found in groups.items()
            ]
        }
    ).encode()


def main() -> None:
    """Feed a running Spanboard."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--services", type=int, default=50)
    parser.add_argument("--edges", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--calls", type=int, default=3)
    parser.add_argument("--live", type=float, default=0, help="seconds of live traffic")
    given = parser.parse_args()
    system = BigSystem(given.services, given.edges)
    system.send(given.url, given.minutes, given.calls)
    until = time.monotonic() + given.live
    while time.monotonic() < until:
        system.trickle(given.url)
        time.sleep(0.5)


if __name__ == "__main__":
    main()
