"""A real Jaeger, known calls, late spans, re-polling: the graph equals the truth."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

import httpx
import pytest

from dashboard.sources.otlp.export import to_otlp_json
from tests.factories import make_trace
from tests.peers.known import LEVELS, Script, Truth
from tests.peers.need import until

TRACES = 80
LATE_SHARE = 0.25
BATCH = 10
Figures = dict[tuple[str, str], tuple[int, int, int]]


def send(jaeger: Any, pieces: list[tuple[str, list[dict[str, Any]]]]) -> None:
    """Send spans of several traces in one body."""
    traces = [make_trace(spans, trace_id) for trace_id, spans in pieces if spans]
    answer = httpx.post(
        jaeger.otlp,
        content=to_otlp_json(traces),
        headers={"Content-Type": "application/json"},
        timeout=20,
    )
    assert answer.status_code == 200, answer.text


def graph(board: Any, level: str) -> dict[str, Any]:
    address = f"{board.url}/graph.json?lookback=1h&level={level}&self=1&group=none"
    answer = httpx.get(address, timeout=20)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def figures(board: Any, level: str) -> Figures:
    """Calls, failed calls and attempts of each edge."""
    return {
        (edge["caller"], edge["callee"]): (
            edge["calls"],
            edge["errors"],
            edge["attempts"],
        )
        for edge in graph(board, level)["edges"]
    }


def wanted(truth: Truth, level: str) -> Figures:
    return {
        edge: (calls, truth.errors[level][edge], truth.attempts[level][edge])
        for edge, calls in truth.calls[level].items()
    }


@pytest.mark.jaeger
def test_counts_equal_the_truth_at_each_level_while_spans_come_late(
    jaeger: Any, spanboard: Any
) -> None:
    rng = random.Random(5)
    truth, scripts = Truth(), {}
    for number in range(TRACES):
        scripts[f"{number + 1:032x}"] = Script(number, truth).spans
    board = spanboard("--jaeger", jaeger.url, SPANBOARD_POLL_SECONDS="0.5")
    late: list[tuple[str, list[dict[str, Any]]]] = []
    first: list[tuple[str, list[dict[str, Any]]]] = []
    for trace_id, spans in scripts.items():
        held = [span for span in spans if rng.random() < LATE_SHARE]
        first.append((trace_id, [span for span in spans if span not in held]))
        rng.shuffle(held)
        late += [(trace_id, held[::2]), (trace_id, held[1::2])]
    rng.shuffle(late)
    for begin in range(0, len(first), BATCH):
        send(jaeger, first[begin : begin + BATCH])
    # Everything has been pulled once, unfinished, before the rest arrives.
    until(
        lambda: sum(graph(board, "service")["band"]["requests"]) > 0,
        "the first pull",
        60,
        0.2,
    )
    for begin in range(0, len(late), BATCH):
        send(jaeger, late[begin : begin + BATCH])
    for level in LEVELS:
        exact = wanted(truth, level)
        until(
            lambda exact=exact, level=level: figures(board, level) == exact,
            f"exact figures at level {level}",
            90,
            0.5,
        )
    data = graph(board, "service")
    requests = {node["id"]: node["calls"] for node in data["nodes"]}
    for service, count in truth.requests.items():
        assert requests[service] == count
    kinds = {node["id"]: node["kind"] for node in data["nodes"]}
    assert kinds == {
        "edge-gateway": "gateway",
        "shop": "service",
        "cart": "service",
        "pay": "service",
        "mailer": "service",
        "stock": "database",
        "orders": "queue",
        "api.stripe.test": "external",
        "legacy": "external",
    }
    answer = httpx.get(
        f"{board.url}/api/dependencies",
        params={"endTs": int(time.time() * 1000), "lookback": 3_600_000},
        timeout=20,
    ).json()
    links = {(d["parent"], d["child"]): d["callCount"] for d in answer["data"]}
    assert links == dict(truth.calls["service"])

    # More polls, a known span again, and one more trace: nothing counts twice.
    send(jaeger, [(f"{TRACES + 1:032x}", Script(TRACES, truth).spans)])
    send(jaeger, first[:BATCH][:1])
    for level in LEVELS:
        exact = wanted(truth, level)
        until(
            lambda exact=exact, level=level: figures(board, level) == exact,
            f"exact figures at level {level} after more polls",
            60,
            0.5,
        )
    found = Counter(
        {edge: calls for edge, (calls, _e, _a) in figures(board, "service").items()}
    )
    assert found == truth.calls["service"]
