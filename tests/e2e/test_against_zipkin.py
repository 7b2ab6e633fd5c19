"""The same spans in a real Zipkin and here: what differs is in docs/correctness.md."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.adjusters.standard import adjust
from dashboard.graph.link import link
from dashboard.presenters.analysis_format import analysis_document
from dashboard.sources.detect import decode
from dashboard.sources.zipkin.export import to_zipkin_json
from dashboard.traces.trace import Trace
from tests.peers.zipkin import Zipkin

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures/mesh"
Edges = dict[tuple[str, str], tuple[int, int]]
# A window of its own for each case, so that dependencies are those of its traces.
HOUR_MS = 3_600_000
hours = itertools.count(2)


@pytest.fixture(scope="module")
def zipkin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zipkin]:
    server = Zipkin(tmp_path_factory.mktemp("zipkin"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


def our_edges(traces: list[Trace]) -> Edges:
    """Calls and errors; in lower case, since Zipkin has no other."""
    calls: Counter[tuple[str, str]] = Counter()
    errors: Counter[tuple[str, str]] = Counter()
    for trace in traces:
        for call in link(adjust(trace)):
            key = call.caller.lower(), call.callee.lower()
            calls[key] += 1
            errors[key] += call.error
    return {key: (calls[key], errors[key]) for key in calls}


def moved(spans: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int, int]:
    """The spans an own number of hours ago with new trace ids, and the window in ms."""
    number = next(hours)
    middle_ms = int(time.time() * 1_000) - number * HOUR_MS
    first_us = min(s["timestamp"] for s in spans if s.get("timestamp"))
    shift_us = middle_ms * 1_000 - first_us
    result = []
    for span in spans:
        # Zipkin's memory joins traces by their lower 64 bits, so those must differ.
        trace_id = span["traceId"].zfill(32)
        new = {**span, "traceId": f"{trace_id[:16]}{number:04x}{trace_id[20:]}"}
        new["traceId"] = new["traceId"][-len(span["traceId"]) :]
        if span.get("timestamp"):
            new["timestamp"] = span["timestamp"] + shift_us
        new["annotations"] = [
            {**a, "timestamp": a["timestamp"] + shift_us}
            for a in span.get("annotations", ())
        ]
        result.append(new)
    return result, middle_ms - HOUR_MS // 2, middle_ms + HOUR_MS // 2


def both(zipkin: Zipkin, spans: list[dict[str, Any]]) -> tuple[Edges, Edges]:
    """Zipkin's edges and ours of the same spans."""
    spans, first_ms, last_ms = moved(spans)
    zipkin.send(spans)
    mine = our_edges(decode(json.dumps(spans).encode(), format="zipkin").traces)
    return zipkin.dependencies(first_ms, last_ms), mine


def mesh_spans(name: str) -> list[dict[str, Any]]:
    traces = decode((FIXTURES / name).read_bytes()).traces
    spans: list[dict[str, Any]] = json.loads(to_zipkin_json([*map(adjust, traces)]))
    return spans


@pytest.mark.parametrize(
    "name",
    [
        "jaeger/classic-good.json",
        "jaeger/otel-grpc-good.json",
        "jaeger/zipkin-good.json",
        "jaeger/zipkin-productpage_rid.json",
        "jaeger/zipkin-reviews_none.json",
    ],
)
def test_a_real_mesh_has_the_same_edges(zipkin: Zipkin, name: str) -> None:
    theirs, mine = both(zipkin, mesh_spans(name))
    assert theirs == mine
    assert mine


def test_the_proxys_retry_is_one_call_here_and_two_there(zipkin: Zipkin) -> None:
    theirs, mine = both(zipkin, mesh_spans("zipkin/zipkin-retry.json"))
    different = {key for key in {*theirs, *mine} if theirs.get(key) != mine.get(key)}
    assert different == {("reviews.default", "ratings.default")}
    assert theirs["reviews.default", "ratings.default"] == (2, 1)
    assert mine["reviews.default", "ratings.default"] == (1, 0)


def span(number: int, service: str, kind: str = "", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "traceId": "ab" * 8,
        "id": f"{number:016x}",
        "name": "op",
        "timestamp": 1_790_000_000_000_000 + number * 1_000,
        "duration": 900,
        "localEndpoint": {"serviceName": service},
        **more,
    }
    if kind:
        made["kind"] = kind
    if "parent" in made:
        made["parentId"] = f"{made.pop('parent'):016x}"
    return made


def to(name: str) -> dict[str, Any]:
    return {"remoteEndpoint": {"serviceName": name}}


CASES: dict[str, tuple[list[dict[str, Any]], Edges, Edges]] = {
    "client and server": (
        [span(1, "a", "CLIENT"), span(2, "b", "SERVER", parent=1)],
        {("a", "b"): (1, 0)},
        {("a", "b"): (1, 0)},
    ),
    "a database": (
        [span(1, "a", "SERVER"), span(2, "a", "CLIENT", parent=1, **to("mysql"))],
        {("a", "mysql"): (1, 0)},
        {("a", "mysql"): (1, 0)},
    ),
    "a local span under the database's call": (
        [
            span(1, "a", "SERVER"),
            span(2, "a", "CLIENT", parent=1, **to("mysql")),
            span(3, "a", parent=2),
        ],
        {},
        {("a", "mysql"): (1, 0)},
    ),
    "an orphan beside a root": (
        [span(1, "a", "SERVER"), span(3, "c", "SERVER", parent=2)],
        {("a", "c"): (1, 0)},
        {},
    ),
    "error=false": (
        [
            span(1, "a", "CLIENT"),
            span(2, "b", "SERVER", parent=1, tags={"error": "false"}),
        ],
        {("a", "b"): (1, 1)},
        {("a", "b"): (1, 0)},
    ),
    "a queue without a name": (
        [span(1, "a", "PRODUCER"), span(2, "b", "CONSUMER", parent=1)],
        {},
        {("a", "b"): (1, 0)},
    ),
    "a named queue": (
        [
            span(1, "a", "PRODUCER", **to("kafka")),
            span(2, "b", "CONSUMER", parent=1, **to("kafka")),
        ],
        {("a", "kafka"): (1, 0), ("kafka", "b"): (1, 0)},
        {("a", "kafka"): (1, 0), ("kafka", "b"): (1, 0)},
    ),
    "two servers that share the client's id": (
        [
            span(1, "a", "CLIENT"),
            span(1, "b", "SERVER", shared=True),
            span(1, "c", "SERVER", shared=True),
        ],
        {("a", "b"): (1, 0), ("a", "c"): (1, 0)},
        {("a", "b"): (1, 0), ("a", "c"): (1, 0)},
    ),
    "a server that names its caller": (
        [span(1, "b", "SERVER", **to("phone"))],
        {("phone", "b"): (1, 0)},
        {("phone", "b"): (1, 0)},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_edges_of_small_cases(zipkin: Zipkin, name: str) -> None:
    spans, theirs, mine = CASES[name]
    found = both(zipkin, spans)
    assert found == (theirs, mine)


@pytest.mark.parametrize(
    "name", ["jaeger/classic-good.json", "jaeger/zipkin-good.json"]
)
def test_what_zipkin_answers_gives_the_same_analysis(zipkin: Zipkin, name: str) -> None:
    spans, _, _ = moved(mesh_spans(name))
    zipkin.send(spans)
    ids = sorted({s["traceId"] for s in spans})
    answers = b"[" + b",".join(zipkin.trace(i) for i in ids) + b"]"
    sent = analysis_document(decode(json.dumps(spans).encode()).traces)
    got = analysis_document(decode(answers).traces)
    sent["traces"].sort(key=lambda t: t["traceID"])
    got["traces"].sort(key=lambda t: t["traceID"])
    assert lowered(got) == lowered(sent)


def lowered(document: dict[str, Any]) -> Any:
    """Zipkin writes names of services and operations in lower case."""
    return json.loads(json.dumps(document).lower())
