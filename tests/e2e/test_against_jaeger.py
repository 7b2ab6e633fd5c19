"""The same spans in a real Jaeger and here: what differs is in docs/correctness.md."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.adjusters.standard import adjust
from dashboard.graph.link import link
from dashboard.presenters.analysis_format import analysis_document
from dashboard.sources.detect import decode
from dashboard.sources.otlp.export import to_otlp_json
from dashboard.traces.trace import Trace
from tests.factories import START_US, make_trace
from tests.peers.jaeger import Jaeger
from tests.peers.need import until

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures/mesh/jaeger"
Edges = dict[str, int]
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    server = Jaeger(tmp_path_factory.mktemp("jaeger"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


def send(jaeger: Jaeger, trace: Trace) -> None:
    """Send a trace by OTLP and wait until Jaeger answers with all its spans."""
    answer = httpx.post(
        jaeger.otlp,
        content=to_otlp_json([trace]),
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text

    def arrived() -> bool:
        found = answers(jaeger, trace.trace_id, "v1")
        return bool(found) and sum(map(len, decode(found).traces)) == len(trace)

    until(arrived, "the arrival of the spans in Jaeger", 10)


def answers(jaeger: Jaeger, trace_id: str, api: str, raw: bool = True) -> bytes:
    """What Jaeger answers for one trace."""
    path, name = {
        "v1": (f"/api/traces/{trace_id}", "raw"),
        "v3": (f"/api/v3/traces/{trace_id}", "raw_traces"),
    }[api]
    answer = httpx.get(
        jaeger.url + path, params={name: "true"} if raw else {}, timeout=10
    )
    return answer.content if answer.status_code == 200 else b""


def fresh(trace: Trace) -> Trace:
    """The trace under an id that this Jaeger has not seen."""
    trace.trace_id = f"a{next(numbers):031x}"
    return trace


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.glob("*.json")))
@pytest.mark.parametrize("api", ["v1", "v3"])
def test_both_apis_give_the_same_analysis_as_what_was_sent(
    jaeger: Jaeger, name: str, api: str
) -> None:
    whole = decode((FIXTURES / name).read_bytes()).traces
    for trace in whole[:3]:
        trace = adjust(fresh(trace))
        send(jaeger, trace)
        (got,) = decode(answers(jaeger, trace.trace_id, api)).traces
        sent = decode(to_otlp_json([trace])).traces
        assert analysis_document([got]) == analysis_document(sent)


def both(jaeger: Jaeger, spans: list[dict[str, Any]]) -> tuple[Edges, Edges]:
    """Jaeger's dependencies and our calls of one trace, in a window of its own."""
    number = next(numbers)
    # Long before the recorded meshes, whose age changes.
    back_us = (24 * 400 + number) * 3_600_000_000
    moved = [{**s, "start": s.get("start", 0) - back_us} for s in spans]
    trace = adjust(fresh(make_trace(moved)))
    send(jaeger, trace)
    middle_ms = (START_US - back_us) // 1_000
    answer = httpx.get(
        f"{jaeger.url}/api/dependencies",
        params={"endTs": middle_ms + 1_000_000, "lookback": 2_000_000},
        timeout=10,
    )
    theirs = {
        f"{d['parent']} > {d['child']}": d["callCount"] for d in answer.json()["data"]
    }
    mine = Counter(f"{c.caller} > {c.callee}" for c in link(trace))
    return theirs, dict(mine)


def span(number: int, service: str, kind: str, **more: Any) -> dict[str, Any]:
    made = {"id": f"{number:016x}", "service": service, "kind": kind, **more}
    if "parent" in made:
        made["parent"] = f"{made['parent']:016x}"
    return made


PAIR = [span(1, "a", "client"), span(2, "b", "server", parent=1, duration=900)]
CASES: dict[str, tuple[list[dict[str, Any]], Edges, Edges]] = {
    "client and server": (PAIR, {"a > b": 1}, {"a > b": 1}),
    "spans inside one service": (
        [
            span(1, "a", "server"),
            span(2, "a", "internal", parent=1),
            span(3, "a", "internal", parent=2),
        ],
        {"a > a": 2},
        {},
    ),
    "a database": (
        [
            span(1, "a", "server"),
            span(2, "a", "client", parent=1, tags={"db.system": "mysql"}),
        ],
        {"a > a": 1},
        {"a > mysql": 1},
    ),
    "three clients of which one reached the server": (
        [
            span(1, "a", "server"),
            *[
                span(n, "a", "client", parent=1, tags={"peer.service": "b"})
                for n in (2, 3, 4)
            ],
            span(5, "b", "server", parent=4),
        ],
        {"a > a": 3, "a > b": 1},
        {"a > b": 3},
    ),
    "two attempts of one call": (
        [
            span(1, "a", "client", duration=1_000),
            span(2, "b", "server", parent=1, duration=100, tags={"error": True}),
            span(3, "b", "server", parent=1, start=200, duration=100),
        ],
        {"a > b": 2},
        {"a > b": 1},
    ),
    "a named queue": (
        [
            span(1, "a", "producer", tags={"messaging.destination.name": "q"}),
            span(2, "b", "consumer", parent=1),
        ],
        {"a > b": 1},
        {"a > q": 1, "q > b": 1},
    ),
    "an orphan": (
        [span(1, "a", "server"), span(3, "c", "server", parent=2)],
        {},
        {},
    ),
    "a loop-back call": (
        [span(1, "a", "client"), span(2, "a", "server", parent=1)],
        {"a > a": 1},
        {"a > a": 1},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_dependencies_of_small_cases(jaeger: Jaeger, name: str) -> None:
    spans, theirs, mine = CASES[name]
    assert both(jaeger, spans) == (theirs, mine)


def test_jaeger_moves_a_child_of_the_same_process(jaeger: Jaeger) -> None:
    """Without host tags it takes every child for another host; here it is not moved."""
    spans = [
        span(1, "a", "server", duration=1_000),
        span(2, "a", "internal", parent=1, start=900, duration=500),
    ]
    trace = adjust(fresh(make_trace(spans)))
    assert trace.skew_ns is None
    send(jaeger, trace)
    starts = {}
    for raw in (True, False):
        (got,) = decode(answers(jaeger, trace.trace_id, "v1", raw)).traces
        starts[raw] = dict(zip(got.span_ids, got.start_ns.tolist(), strict=True))
    child = f"{2:016x}"
    assert starts[True][child] == (START_US + 900) * 1_000
    # v2.13 by default only warns (its largest correction is 0).
    assert starts[False] == starts[True]
    text = answers(jaeger, trace.trace_id, "v1", raw=False).decode()
    assert "clock skew" in text.lower()


def test_jaegers_times_are_those_that_were_sent(jaeger: Jaeger) -> None:
    """v3 keeps nanoseconds, v1 does not."""
    trace = fresh(make_trace([span(1, "a", "server")]))
    trace.start_ns = trace.start_ns + 123
    trace.duration_ns = trace.duration_ns + 456
    send(jaeger, trace)
    (fine,) = decode(answers(jaeger, trace.trace_id, "v3")).traces
    (coarse,) = decode(answers(jaeger, trace.trace_id, "v1")).traces
    assert (fine.start_ns[0], fine.duration_ns[0]) == (
        trace.start_ns[0],
        trace.duration_ns[0],
    )
    assert coarse.start_ns[0] == trace.start_ns[0] // 1_000 * 1_000
    assert time.time_ns() > coarse.start_ns[0]
