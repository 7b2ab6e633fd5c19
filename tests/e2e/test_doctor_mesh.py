"""The doctor on real Envoys and a real Jaeger: each way to lose the context.

Two meshes with other tracers stand side by side, each on addresses of its own and
with a Jaeger of its own; the cases of both are run at once, then each is judged.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.doctor.findings import CERTAIN, CONTEXT_LOST, PROBABLE, Finding
from dashboard.mesh import Mesh
from tests.peers.jaeger import Jaeger
from tests.peers.mesh import FLUSH_MS, StartMesh, need_envoy
from tests.peers.mesh_cases import CLEAN, Case, Result, broken_cases, judged
from tests.peers.need import until

pytestmark = pytest.mark.envoy
MODES = ("zipkin", "otel")
REQUESTS = 40
ROUNDS = 3
CASES = [*CLEAN, *broken_cases()]


def address(jaeger: Jaeger, tracer: str) -> str:
    """Where Envoys with this tracer send to."""
    return (
        jaeger.otlp.removesuffix("/v1/traces")
        if tracer == "otel"
        else jaeger.zipkin_url
    )


class Ward:
    """Runs all cases on one mesh."""

    def __init__(self, tracer: str, folder: Path):
        self.tracer = tracer
        self.jaeger = Jaeger(folder)
        self.results: dict[str, Result] = {}
        self.problem: BaseException | None = None
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        """All cases, one after another."""
        try:
            self.jaeger.start()
            to = address(self.jaeger, self.tracer)
            with Mesh(self.tracer, to=to, flush_ms=FLUSH_MS) as mesh:
                for case in CASES:
                    self.results[case.name] = self.examine(mesh, case)
        except BaseException as problem:
            self.problem = problem
        finally:
            self.jaeger.stop()

    def examine(self, mesh: Mesh, case: Case) -> Result:
        """Judge a case; what only times tell may need more visitors.

        Nobody may be accused falsely in any of the rounds.
        """
        wanted = case.expected(self.tracer, 100)
        false: list[Finding] = []
        for round_ in range(1, ROUNDS + 1):
            result = judged(mesh, self.jaeger.url, case, requests=round_ * REQUESTS)
            false += result.false
            enough = all(
                result.found.get(who) in (certainty, CERTAIN)
                for who, certainty in wanted.items()
            )
            if enough or CERTAIN in wanted.values():
                break
        result.false = false
        return result


@pytest.fixture(scope="module")
def wards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ward]]:
    """Both meshes, when all their cases are judged."""
    need_envoy()
    made = {t: Ward(t, tmp_path_factory.mktemp(f"jaeger-{t}")) for t in MODES}
    for ward in made.values():
        ward.thread.start()
    for ward in made.values():
        ward.thread.join()
    yield made


def said(findings: list[Finding]) -> list[tuple[Any, ...]]:
    return [
        (f.rule, f.service, f.version, f.certainty, f.variant, f.count, f.total)
        for f in findings
    ]


@pytest.mark.parametrize("tracer", MODES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_doctor_names_who_is_ill_and_nobody_else(
    case: Case, tracer: str, wards: dict[str, Ward]
) -> None:
    ward = wards[tracer]
    if case.name not in ward.results:
        raise AssertionError(f"{tracer} did not come so far") from ward.problem
    result = ward.results[case.name]
    assert said(result.false) == []
    assert result.verdict.hops > REQUESTS * 3, "too little came to judge by"
    wanted = case.expected(tracer, 100)
    assert set(result.found) == set(wanted), said(result.verdict.findings)
    for key, certainty in wanted.items():
        accepted = {certainty, CERTAIN}
        assert result.found[key] in accepted, said(result.verdict.findings)
    for finding in result.verdict.findings:
        if finding.rule == CONTEXT_LOST and finding.key in wanted:
            known = wanted[finding.key] == CERTAIN
            assert finding.variant == ("request-id-only" if known else "nothing")
            assert finding.pairs
    kept = {PROBABLE, CERTAIN} & {f.certainty for f in result.wrong_suspects}
    assert not kept


@pytest.mark.parametrize("tracer", MODES)
def test_the_whole_way_from_envoy_through_jaeger_to_a_certain_finding(
    tracer: str, start_mesh: StartMesh, jaeger: Jaeger, spanboard: Any
) -> None:
    board = spanboard("--no-demo", "--jaeger", jaeger.url)
    mesh = start_mesh(tracer, to=address(jaeger, tracer))
    mesh.send(10)
    mesh.switch(forwarding={"reviews:v2": "request-id"}, weights={"v2": 1})
    mesh.send(10)
    mesh.settle()
    began = time.monotonic()  # the last span has reached Jaeger

    def certain() -> bool:
        answer = httpx.get(f"{board.url}/doctor.json", timeout=20).json()
        return [
            (f["rule"], f["service"], f["version"], f["variant"])
            for f in answer["findings"]
            if f["certainty"] == CERTAIN
        ] == [("context-lost", "reviews.default", "v2", "request-id-only")]

    until(certain, "a certain finding", 60)
    print(f"{tracer}: certain {time.monotonic() - began:.1f} s after the last span")

    def settled() -> Any:
        found = httpx.get(f"{board.url}/doctor.json", timeout=20).json()
        return found if found["well"] else None

    until(settled, "the judgement of settled traces", 60)
    answer = settled()
    assert [f["certainty"] for f in answer["findings"]] == [CERTAIN]
    assert ["productpage.default", "v1"] in answer["well"]
    (*_, pair) = answer["findings"][0]["pairs"]
    page = httpx.get(f"{board.url}/doctor?finding={answer['findings'][0]['id']}")
    assert page.status_code == 200
    assert "+".join(pair)[:32] in page.text
