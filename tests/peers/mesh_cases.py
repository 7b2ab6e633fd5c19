"""Ways in which a real mesh goes wrong or right, and what the doctor must say."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from dashboard.adjusters.standard import adjust
from dashboard.doctor.findings import (
    CANNOT_JUDGE,
    CERTAIN,
    CONTEXT_LEAKED,
    CONTEXT_LOST,
    PROBABLE,
    REQUEST_ID_LOST,
    SAMPLING_LOST,
    SUSPECT,
    Finding,
)
from dashboard.doctor.hops import IN, OUT, hops_of
from dashboard.doctor.judge import Verdict, judge
from dashboard.mesh import Mesh
from dashboard.mesh.forwarding import FORWARDED
from dashboard.mesh.state import State
from dashboard.sources.jaeger.parse import parse_v1
from dashboard.traces.trace import Trace

CALLERS = ("productpage:v1", "reviews:v2", "reviews:v3")
BROKEN = tuple(mode for mode in FORWARDED if mode != "all")
WEIGHTS = {"v1": 1, "v2": 2, "v3": 2}
SPOKEN = {
    "zipkin": ("b3",),
    "classic": ("b3",),
    "zipkin-w3c": ("b3", "w3c"),
    "otel": ("w3c",),
}
# Visitors that come at irregular times, else a leak looks like late work.
LEAK_PAUSE_MS = 120
Who = tuple[str, str, str]  # rule, service, version


@dataclass(frozen=True, slots=True)
class Case:
    """What is switched, and the traffic; ``mode`` of ``caller`` if one is broken."""

    name: str
    switches: dict[str, Any] = field(default_factory=dict)
    caller: str = ""
    mode: str = "all"
    concurrency: int = 1
    pause_ms: int = 0  # at most so long between visits, at random
    headers: dict[str, str] = field(default_factory=dict)

    def expected(self, tracer: str, sampling: float) -> dict[Who, str]:
        """What must be found, and the certainty that it should have."""
        if not self.caller:
            return {}
        service, _, version = self.caller.partition(":")
        return {
            (rule, f"{service}.default", version): certainty
            for rule, certainty in _faults(tracer, self.mode, sampling)
        }


def _faults(tracer: str, mode: str, sampling: float) -> Iterator[tuple[str, str]]:
    names = FORWARDED[mode]
    b3 = "b3" in SPOKEN[tracer] and {"x-b3-traceid", "x-b3-spanid"} <= set(names)
    linked = b3 or ("w3c" in SPOKEN[tracer] and "traceparent" in names)
    with_id = "x-request-id" in names
    if mode == "leaked":
        yield CONTEXT_LEAKED, PROBABLE
    elif not linked:
        yield CONTEXT_LOST, CERTAIN if with_id else PROBABLE
    elif not with_id:
        yield REQUEST_ID_LOST, CERTAIN
        decided = "x-b3-sampled" in names or "traceparent" in names
        if sampling < 100 and not decided:
            yield SAMPLING_LOST, PROBABLE


def broken_cases(callers: tuple[str, ...] = CALLERS) -> list[Case]:
    """Each way to forward badly, for each service that calls others."""
    return [
        Case(
            f"{caller} {mode}",
            {"forwarding": {caller: mode}},
            caller,
            mode,
            pause_ms=LEAK_PAUSE_MS if mode == "leaked" else 0,
        )
        for mode in BROKEN
        for caller in callers
    ]


CRON = {
    "productpage:v1": 0.15,
    "details:v1": 0.1,
    "reviews:v2": 0.12,
    "ratings:v1": 0.1,
}
CLEAN = [
    Case("all is well"),
    Case("concurrent visitors", concurrency=8),
    Case("jobs", {"cron": CRON}),
    Case("jobs in busy services", {"cron": CRON}, concurrency=8),
    Case(
        "jobs in slow services",
        {"cron": CRON, "slow_ms": {"details": 40, "reviews:v2": 60}},
        concurrency=4,
    ),
    Case("health probes", {"probe_s": 0.1}),
    Case("retries", {"flaky": {"ratings": 1, "reviews:v2": 1}}),
    Case("retries used up", {"flaky": {"ratings": 9}}),
    Case("delay", {"delay_ms": {"ratings": 60}}, concurrency=4),
    Case("abort", {"abort": {"ratings": 500, "details": 503}}),
    Case(
        "time-outs",
        {"timeout_ms": {"reviews": 60}, "slow_ms": {"reviews": 120}},
        concurrency=4,
    ),
    Case("dead application", {"dead": ["ratings"]}),
    Case("no endpoints", {"no_endpoints": ["ratings"]}),
    Case("visitors leave", {"leave_ms": 40, "slow_ms": {"details": 80}}),
    Case("ids from outside", headers={"x-request-id": "the-same-for-all"}),
    Case(
        "all at once",
        {
            "cron": CRON,
            "probe_s": 0.1,
            "flaky": {"reviews:v3": 1},
            "delay_ms": {"ratings": 30},
            "abort": {"details": 503},
        },
        concurrency=6,
    ),
]
QUIET = State().as_dict() | {"weights": WEIGHTS}


def run(
    mesh: Mesh, jaeger_url: str, case: Case, *, requests: int, sampling: float = 100
) -> list[Trace]:
    """Make a case true, send requests; the traces that Jaeger then holds."""
    mesh.switch(**{**QUIET, "sampling": sampling})
    mesh.settle()
    mesh.switch(**{**QUIET, "sampling": sampling, **case.switches})
    start_us = time.time_ns() // 1_000
    _visit(mesh, case, requests)
    mesh.switch(
        **{**QUIET, **case.switches, "sampling": sampling, "cron": {}, "probe_s": 0.0}
    )
    mesh.settle()
    return traces_since(jaeger_url, start_us)


def _visit(mesh: Mesh, case: Case, requests: int) -> None:
    if not case.pause_ms:
        mesh.send(requests, concurrency=case.concurrency, headers=case.headers)
        return
    choice = random.Random(case.name)
    for _ in range(requests):
        mesh.send(1, headers=case.headers)
        time.sleep(choice.random() * case.pause_ms / 1_000)


def traces_since(jaeger_url: str, start_us: int) -> list[Trace]:
    """All traces with spans since then, once each and adjusted."""
    found: dict[str, Trace] = {}
    with httpx.Client(base_url=jaeger_url, timeout=60) as ask:
        for service in ask.get("/api/services").json()["data"] or ():
            answer = ask.get(
                "/api/traces",
                params={
                    "service": service,
                    "start": start_us,
                    "end": time.time_ns() // 1_000 + 1_000_000,
                    "limit": 5_000,
                    "raw": "true",
                },
            )
            answer.raise_for_status()
            for trace in parse_v1(answer.content).traces:
                found[trace.trace_id] = trace
    adjusted = [adjust(trace) for trace in found.values()]
    return [t for t in adjusted if int(t.start_ns.min()) >= start_us * 1_000]


@dataclass(slots=True)
class Result:
    """How a verdict compares with what is true."""

    found: dict[Who, str]  # of what was to be found: the certainty
    missed: list[Who]
    false: list[Finding]  # certain or probable, and not true
    wrong_suspects: list[Finding]
    verdict: Verdict
    unseen: list[Who] = field(default_factory=list)  # no sampled request, or no call


def compare(case: Case, tracer: str, sampling: float, verdict: Verdict) -> Result:
    """What was found, missed and falsely said."""
    wanted = case.expected(tracer, sampling)
    found: dict[Who, str] = {}
    false, suspects = [], []
    for one in verdict.findings:
        if one.rule == CANNOT_JUDGE:
            continue
        if one.key in wanted:
            found[one.key] = one.certainty
        elif one.certainty == SUSPECT:
            suspects.append(one)
        else:
            false.append(one)
    return Result(
        found, [w for w in wanted if w not in found], false, suspects, verdict
    )


def judged(
    mesh: Mesh, jaeger_url: str, case: Case, *, requests: int, sampling: float = 100
) -> Result:
    """Run a case and judge what came of it."""
    traces = run(mesh, jaeger_url, case, requests=requests, sampling=sampling)
    result = compare(case, mesh.tracer, sampling, judge(traces))
    ways = {(hop.service, hop.version, hop.way) for hop in hops_of(traces)}
    for who in result.missed:
        if not {(*who[1:], IN), (*who[1:], OUT)} <= ways:
            result.unseen.append(who)
    result.missed = [who for who in result.missed if who not in result.unseen]
    return result
