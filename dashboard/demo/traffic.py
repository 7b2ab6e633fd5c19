"""Sends requests through the demo's services at a steady rate."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass

from opentelemetry.trace import Span

from dashboard.demo.bookinfo import Request
from dashboard.demo.mesh import MS, Mesh
from dashboard.demo.switches import Demo, demo
from dashboard.mesh.pods import BY_KEY

HISTORY = 60
HISTORY_NS = 15 * 60 * 1000 * MS
TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class Truth:
    """What was really done: traces, spans, and calls and errors by edge."""

    traces: int
    spans: int
    calls: Counter[tuple[str, str]]
    errors: Counter[tuple[str, str]]


class Jobs:
    """Calls that services make by themselves, each so many seconds."""

    def __init__(self, switches: Demo) -> None:
        self.switches = switches
        self.due_ns: dict[str, int] = {}

    def run(self, now_ns: int, request: Request) -> None:
        """Make the calls that are due."""
        for key, seconds in self.switches.state.cron.items():
            if now_ns >= self.due_ns.get(key, 0):
                self.due_ns[key] = now_ns + round(seconds * 1e9)
                pod = BY_KEY[key]
                caller, callee = (pod.service, pod.version), (pod.calls[0], "v1")
                request.call(caller, callee, f"/{callee[0]}/0", None, now_ns)


def run(
    endpoint_url: str,
    stop: threading.Event,
    *,
    rate: float = 1.5,
    seed: int | None = None,
    headers: dict[str, str] | None = None,
) -> None:
    """Make traffic until ``stop`` is set: some history at once, then live requests.

    A span is ended, and so sent, when its own time has come: the parts of a slow
    request arrive one after another, as they do in reality.
    """
    mesh = Mesh(endpoint_url, headers, seed, demo)
    demo.switch({"rate": rate})
    demo.runs = True
    now = time.time_ns()
    step = HISTORY_NS // HISTORY
    for number in range(HISTORY):
        jitter = mesh.random.randrange(step)
        start_ns = now - HISTORY_NS + number * step + jitter - 3_000 * MS
        Request(mesh, lambda at, span: span.end(at)).gateway(start_ns)
    waiting: list[tuple[int, int, Span]] = []
    order = itertools.count()

    def later(at_ns: int, span: Span) -> None:
        heapq.heappush(waiting, (at_ns, next(order), span))

    next_ns = time.time_ns()
    jobs = Jobs(demo)
    try:
        while not stop.is_set():
            now = time.time_ns()
            state = demo.state
            due = demo.take_owed()
            if not state.rate:
                next_ns = now
            elif now >= next_ns:
                due += 1
                next_ns = now + round(mesh.random.expovariate(state.rate) * 1e9)
            for number in range(due):
                Request(mesh, later).gateway(now + number * MS)
            jobs.run(now, Request(mesh, later))
            while waiting and waiting[0][0] <= now:
                at_ns, _, span = heapq.heappop(waiting)
                span.end(at_ns)
            stop.wait(TICK_S)
    finally:
        demo.runs = False
        for at_ns, _, span in sorted(waiting, key=lambda item: item[:2]):
            span.end(at_ns)
        mesh.close()


def send(
    endpoint_url: str,
    traces: int,
    *,
    seed: int = 1,
    spread_s: float = 60.0,
    headers: dict[str, str] | None = None,
) -> Truth:
    """Send a number of finished requests at once and tell what they did."""
    mesh = Mesh(endpoint_url, headers, seed)
    now = time.time_ns()
    for number in range(traces):
        if number % 200 == 199:
            mesh.processor.force_flush()  # its queue drops what it can not hold
        back_ns = round((traces - number) / traces * spread_s * 1e9) + 3_000 * MS
        Request(mesh, lambda at, span: span.end(at)).gateway(now - back_ns)
    mesh.close()
    return Truth(traces, mesh.spans, mesh.calls, mesh.errors)
