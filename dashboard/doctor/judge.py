"""Runs every rule over a set of traces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dashboard.doctor.findings import CANNOT_JUDGE, RULES, Finding
from dashboard.doctor.hops import Hop, hops_of
from dashboard.doctor.rules import (
    cannot_judge,
    clock_skew,
    context_leaked,
    context_lost,
    missing_hop,
    mixed_formats,
    request_id_lost,
    sampling_lost,
)
from dashboard.doctor.workloads import mesh_of
from dashboard.traces.trace import Trace

ALL = (
    context_lost,
    request_id_lost,
    sampling_lost,
    context_leaked,
    missing_hop,
    mixed_formats,
    clock_skew,
    cannot_judge,
)


@dataclass(slots=True)
class Verdict:
    """All findings, and the versions that were judged and are well."""

    findings: list[Finding]
    well: list[tuple[str, str]] = field(default_factory=list)
    traces: int = 0
    hops: int = 0


def judge(traces: Iterable[Trace]) -> Verdict:
    """Findings over adjusted traces that no longer grow."""
    held = list(traces)
    return judge_hops(hops_of(held), len(held))


def judge_hops(hops: list[Hop], traces: int) -> Verdict:
    """The same over hops that were found before."""
    mesh = mesh_of(hops)
    findings = [finding for rule in ALL for finding in rule.find(mesh)]
    order = {name: place for place, name in enumerate(RULES)}
    findings.sort(key=lambda f: (order[f.rule], f.service, f.version))
    only = "only-jobs"  # or calls that lost their request: then there is a finding
    accused = {(f.service, f.version) for f in findings if f.variant != only}
    findings = [
        f
        for f in findings
        if f.variant != only or (f.service, f.version) not in accused
    ]
    accused |= {(f.service, f.version) for f in findings}
    well = [
        load.who
        for load in mesh.workloads
        if load.served and load.sent and load.who not in accused
    ]
    return Verdict(findings, well, traces, len(hops))


def accusations(verdict: Verdict) -> list[Finding]:
    """Findings that say somebody should change something."""
    return [f for f in verdict.findings if f.rule != CANNOT_JUDGE]
