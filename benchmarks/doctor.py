"""The doctor on fresh traffic of real Envoys through a real Jaeger: found, missed, false.

    python -m benchmarks.doctor [--tracers zipkin,otel] [--sampling 100,30,1] [--all]

Each tracer has a mesh and a Jaeger of its own; all of them run at once. Every way to
forward badly is tried, then what looks like it and is none (jobs, probes, faults).
Prints a table in Markdown, then each case that did not go as it should.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.doctor.findings import CERTAIN, PROBABLE, SUSPECT
from dashboard.mesh import TRACERS, Mesh
from tests.peers.jaeger import Jaeger
from tests.peers.mesh import FLUSH_MS
from tests.peers.mesh_cases import CALLERS, CLEAN, Case, Result, broken_cases, judged

REQUESTS = {100.0: 40, 30.0: 60}
REQUESTS_SELDOM = 300
FEW_MODES = ("none", "request-id", "ids-only", "old-list", "leaked")
FEW_CLEAN = ("all is well", "jobs", "jobs in slow services", "all at once")


@dataclass(slots=True)
class Ward:
    """One tracer's results by sampling."""

    tracer: str
    results: dict[float, list[tuple[Case, Result]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def run(self, samplings: list[float], everything: bool) -> None:
        """Run and judge all cases."""
        with tempfile.TemporaryDirectory(prefix="doctor-") as folder:
            jaeger = Jaeger(Path(folder))
            jaeger.start()
            to = jaeger.zipkin_url
            if self.tracer == "otel":
                to = jaeger.otlp.removesuffix("/v1/traces")
            try:
                with Mesh(self.tracer, to=to, flush_ms=FLUSH_MS) as mesh:
                    for sampling in samplings:
                        self.cases(mesh, jaeger.url, sampling, everything)
            finally:
                jaeger.stop()

    def cases(self, mesh: Mesh, url: str, sampling: float, everything: bool) -> None:
        """All cases at one sampling."""
        for case in chosen(sampling, everything):
            requests = REQUESTS.get(sampling, REQUESTS_SELDOM)
            try:
                result = judged(mesh, url, case, requests=requests, sampling=sampling)
            except Exception as problem:  # said below; the others go on
                self.problems.append(
                    f"{self.tracer} {sampling:g} {case.name}: {problem!r}"
                )
                continue
            self.results.setdefault(sampling, []).append((case, result))


def chosen(sampling: float, everything: bool) -> list[Case]:
    """The cases; fewer of them where each needs many requests."""
    if everything:
        return [*broken_cases(), *CLEAN]
    broken = broken_cases(CALLERS[:2])
    if sampling == 100:
        return [*broken, *CLEAN]
    if sampling < 10:
        broken = [case for case in broken if case.mode in FEW_MODES]
    return [*broken, *(case for case in CLEAN if case.name in FEW_CLEAN)]


def row(tracer: str, sampling: float, held: list[tuple[Case, Result]]) -> str:
    """One line of the table."""
    found = Counter(c for _, result in held for c in result.found.values())
    missed = sum(len(result.missed) for _, result in held)
    false = sum(len(result.false) for _, result in held)
    suspects = sum(len(result.wrong_suspects) for _, result in held)
    unseen = sum(len(result.unseen) for _, result in held)
    wanted = missed + unseen + found.total()
    cells = (
        *(tracer, f"{sampling:g} %", len(held), wanted),
        *(found[CERTAIN], found[PROBABLE], found[SUSPECT], missed, unseen),
        *(false, suspects),
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def remarks(tracer: str, sampling: float, held: list[tuple[Case, Result]]) -> list[str]:
    """What did not go as it should."""
    said = []
    for case, result in held:
        name = f"{tracer}, {sampling:g} %, {case.name}"
        said += [f"{name}: missed {' '.join(key)}" for key in result.missed]
        said += [f"{name}: not sampled {' '.join(key)}" for key in result.unseen]
        wanted = case.expected(tracer, sampling)
        said += [
            f"{name}: only {certainty} {' '.join(key)}"
            for key, certainty in result.found.items()
            if certainty != wanted[key] and certainty != CERTAIN
        ]
        said += [
            f"{name}: {kind} {' '.join(f.key)} {f.variant} {f.count}/{f.total}"
            for kind, findings in (
                ("FALSE", result.false),
                ("suspected", result.wrong_suspects),
            )
            for f in findings
        ]
    return said


def main() -> None:
    """Run all, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracers", default=",".join(TRACERS))
    parser.add_argument("--sampling", default="100,30,1")
    parser.add_argument("--all", action="store_true", help="all cases everywhere")
    options = parser.parse_args()
    samplings = [float(text) for text in options.sampling.split(",")]
    wards = [Ward(tracer) for tracer in options.tracers.split(",")]
    threads = [
        threading.Thread(target=ward.run, args=(samplings, options.all))
        for ward in wards
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(
        "| Tracer | Sampled | Cases | To find | certain | probable | suspect | missed "
        "| not sampled | Accused falsely | Suspected wrongly |\n|" + "---|" * 11
    )
    each = [(w.tracer, s, held) for w in wards for s, held in w.results.items()]
    for one in each:
        print(row(*one))
    for one in each:
        print("\n".join(remarks(*one)))
    for ward in wards:
        print("\n".join(ward.problems))


if __name__ == "__main__":
    main()
