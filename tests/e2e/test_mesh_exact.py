"""The service graph holds what the Envoys' own access logs say, fault by fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from dashboard.mesh import TRACERS, Mesh
from dashboard.mesh.access_log import calls
from tests.peers.mesh import StartMesh
from tests.peers.need import until
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.envoy
ROUNDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "abort": {"abort": {"ratings": 500}},
    "delay": {"delay_ms": {"ratings": 300}},
    "dead application": {"dead": ["ratings"]},
    "no endpoints": {"no_endpoints": ["ratings"]},
    "time-out": {"timeout_ms": {"reviews": 150}, "slow_ms": {"reviews": 400}},
    "retried": {"flaky": {"ratings": 1}},
    "retries used up": {"flaky": {"ratings": 9}},
    "no retries": {"flaky": {"ratings": 1}, "retries": 0},
    "client leaves": {"leave_ms": 100, "slow_ms": {"details": 400}},
    "nothing forwarded": {"forwarding": {"reviews:v2": "none", "productpage": "none"}},
    "all versions": {"weights": {"v1": 1, "v2": 1, "v3": 1}},
}
OFF: dict[str, Any] = {
    "abort": {},
    "delay_ms": {},
    "dead": [],
    "no_endpoints": [],
    "timeout_ms": {},
    "slow_ms": {},
    "flaky": {},
    "retries": 2,
    "leave_ms": 0,
    "forwarding": {},
    "weights": {"v2": 1},
}


def edges(board: RunningSpanboard) -> tuple[Counter[Any], Counter[Any]]:
    """Calls and failed calls of the graph by (caller, callee)."""
    answer = httpx.get(
        f"{board.url}/graph.json",
        params={"lookback": "1h", "level": "service", "group": "none"},
        timeout=20,
    ).json()
    found: Counter[Any] = Counter()
    failed: Counter[Any] = Counter()
    for edge in answer["edges"]:
        found[edge["caller"], edge["callee"]] += edge["calls"]
        failed[edge["caller"], edge["callee"]] += edge["errors"]
    return found, +failed


def check_rounds(
    mesh: Mesh, board: RunningSpanboard, rounds: Iterable[str], seconds: float
) -> Counter[Any]:
    """Each fault in turn; afterwards the graph is what the logs say. The failures."""
    wanted: tuple[Counter[Any], Counter[Any]] = (Counter(), Counter())
    for name in rounds:
        mesh.switch(**{**OFF, **ROUNDS[name]})
        mesh.send(3, concurrency=3)
        mesh.settle()
        wanted = calls(mesh.access_log())
        try:
            until(
                lambda wanted=wanted: edges(board) == wanted,
                f"the graph of the access logs ({name})",
                seconds,
            )
        except pytest.fail.Exception:
            print(name, "is", edges(board), "should be", wanted)
            raise
    return wanted[1]


@pytest.mark.parametrize("tracer", TRACERS)
def test_the_graph_equals_the_access_logs(
    tracer: str, start_mesh: StartMesh, spanboard: Any
) -> None:
    board = spanboard("--no-demo")
    mesh = start_mesh(tracer, to=board.url)
    failed = check_rounds(mesh, board, ROUNDS, 30)
    assert failed["reviews.default", "ratings.default"] >= 15, "no fault made errors"


@pytest.mark.jaeger
@pytest.mark.parametrize("tracer", ["otel", "classic"])
def test_it_equals_them_through_a_real_jaeger(
    tracer: str, start_mesh: StartMesh, spanboard: Any, jaeger: Any
) -> None:
    """Also where Jaeger gives shared span ids new ones (classic)."""
    board = spanboard("--jaeger", jaeger.url, SPANBOARD_POLL_SECONDS="0.5")
    otlp = jaeger.otlp.removesuffix("/v1/traces")
    mesh = start_mesh(tracer, to=otlp if tracer == "otel" else jaeger.zipkin_url)
    for name in ("plain", "dead application", "retried", "abort", "all versions"):
        mesh.switch(**{**OFF, **ROUNDS[name]})
        mesh.send(3, concurrency=3)
        mesh.settle()
    wanted = mesh.access_log_calls()
    assert wanted[1]["reviews.default", "ratings.default"] >= 6, "no errors were made"
    until(lambda: edges(board) == wanted, "the graph of the access logs", 60)
