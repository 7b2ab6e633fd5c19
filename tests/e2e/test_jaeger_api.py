"""Jaeger's query API here and in a real Jaeger, on the same traces, field by field.

What differs is named in DIFFERENT below and explained in docs/api.md.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import brotli
import httpx
import pytest
from django.test import Client

from dashboard.actions.ingest import ingest
from dashboard.actions.sources import receiver_source
from dashboard.sources.otlp.parse import parse_json
from tests.peers.jaeger import Jaeger
from tests.peers.need import until
from tests.peers.served import ALL, DEEP_TRACE, ERROR_TRACE, SHORT_TRACE, document

pytestmark = pytest.mark.django_db
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def sent() -> bytes:
    return document()


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory, sent: bytes) -> Iterator[Jaeger]:
    """A real Jaeger that holds the spans."""
    server = Jaeger(tmp_path_factory.mktemp("jaeger"))
    try:
        server.start()
        answer = httpx.post(server.otlp, content=sent, headers=JSON, timeout=10)
        assert answer.status_code == 200, answer.text

        def arrived() -> bool:
            return all(
                httpx.get(f"{server.url}/api/traces/{i}?raw=true").status_code == 200
                for i in ALL
            )

        until(arrived, "the arrival of the spans in Jaeger", 20)
        yield server
    finally:
        server.stop()


@pytest.fixture
def here(client: Client, sent: bytes) -> Client:
    ingest(receiver_source(), parse_json(sent).traces, replace=False)
    return client


def rfc3339(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat().replace("+00:00", "Z")


NOW_US = time.time_ns() // 1_000
SNAKE = (
    f"query.start_time_min={rfc3339(NOW_US - 900_000_000)}&"
    f"query.start_time_max={rfc3339(NOW_US + 900_000_000)}&query.num_traces=20"
).replace("+", "%2B")


def both(peer: Jaeger, here: Client, path: str) -> tuple[Any, Any]:
    """Both statuses and bodies; ours is JSON by its content type, too."""
    theirs = httpx.get(peer.url + path, timeout=10)
    ours = here.get(path)
    assert ours["Content-Type"] == "application/json"
    return (
        (theirs.status_code, theirs.json()),
        (ours.status_code, json.loads(ours.content)),
    )


def key_of(tag: dict[str, Any]) -> str:
    return json.dumps(tag, sort_keys=True)


def plain_v1(body: Any) -> Any:
    """Traces of v1 by id and span; processes in place, order of the source left out."""
    found = {}
    for trace in body["data"]:
        for span in trace["spans"]:
            process = trace["processes"][span.pop("processID")]
            del span["warnings"]  # sentences of each side's own repairs
            span["process"] = {
                "serviceName": process["serviceName"],
                "tags": sorted(process["tags"], key=key_of),
            }
            span["tags"] = sorted(span["tags"], key=key_of)
            for log in span["logs"]:
                log["fields"] = sorted(log["fields"], key=key_of)
            span["logs"] = sorted(span["logs"], key=lambda log: log["timestamp"])
            name = (trace["traceID"], span["spanID"], span["operationName"])
            assert name not in found
            found[name] = span
    rest = {key: value for key, value in body.items() if key != "data"}
    return found, rest


def plain_v3(body: Any) -> Any:
    """Spans of v3 with their resource and scope."""

    def pairs(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        kept = [pair for pair in found if pair["key"] != "@jaeger@warnings"]
        return sorted(kept, key=key_of)

    spans = {}
    for block in body["result"]["resourceSpans"]:
        for scoped in block["scopeSpans"]:
            for span in scoped.get("spans", ()):
                attributes = pairs(span.pop("attributes", []))
                events = span.pop("events", [])
                for event in events:
                    event["attributes"] = pairs(event.get("attributes", []))
                events.sort(key=lambda event: event["timeUnixNano"])
                spans[(span["traceId"], span["spanId"], span["name"])] = {
                    **span,
                    "attributes": attributes,
                    "events": events,
                    "resource": pairs(block["resource"]["attributes"]),
                    "scope": scoped["scope"],
                }
    return spans


# Raw first: v2.13's memory store changes what it holds when it adjusts an answer.
@pytest.mark.parametrize("trace_id", ALL)
@pytest.mark.parametrize("raw", [True, False])
def test_one_trace_in_v1(peer: Jaeger, here: Client, trace_id: str, raw: bool) -> None:
    path = f"/api/traces/{trace_id}" + ("?raw=true" if raw else "")
    (status, theirs), (own_status, ours) = both(peer, here, path)
    assert status == own_status == 200
    assert plain_v1(ours) == plain_v1(theirs)
    again = json.loads(here.get(path).content)
    if not raw:
        assert all(
            [t["key"] for t in s["tags"]] == sorted(t["key"] for t in s["tags"])
            for s in again["data"][0]["spans"]
        )


@pytest.mark.parametrize("trace_id", ALL)
def test_one_trace_in_v3(peer: Jaeger, here: Client, trace_id: str) -> None:
    (status, theirs), (own_status, ours) = both(
        peer, here, f"/api/v3/traces/{trace_id}"
    )
    assert status == own_status == 200
    assert plain_v3(ours) == plain_v3(theirs)


SEARCHES = [
    "service=shop",
    "service=bank&operation=tick",
    "service=bank&operation=nothing",
    "service=shop&minDuration=8ms",
    "service=shop&minDuration=1ms&maxDuration=8ms",
    "service=bank&maxDuration=1us",
    "service=shop&tag=http.method:GET",
    'service=shop&tags={"http.status_code":"500"}',
    'service=shop&tags={"http.status_code":"500","http.method":"PUT"}',
    'service=shop&tags={"error":"true"}',
    "service=bank&tag=host.name:one",
    "service=queue&raw=true",
    f"traceID={ERROR_TRACE}&traceID={SHORT_TRACE}",
    f"traceID={ERROR_TRACE}&traceID=abc",
    "service=shop&tag=whole:2",
    "service=shop&tag=cached:false&tag=ratio:0.5",
    "service=shop&minDuration=.5ms",
    "service=shop&tags=null",
    f"traceID={ERROR_TRACE.upper()}&service=shop&limit=0",
    "service=nobody",
]


@pytest.mark.parametrize("question", SEARCHES)
def test_searches_of_v1_find_the_same(
    peer: Jaeger, here: Client, question: str
) -> None:
    (status, theirs), (own_status, ours) = both(
        peer, here, f"/api/traces?{question}" + "&limit=50" * ("limit" not in question)
    )
    assert status == own_status == 200
    assert plain_v1(ours) == plain_v1(theirs)


def test_a_search_is_by_the_start_of_spans(peer: Jaeger, here: Client) -> None:
    """A window that begins after the trace, but before a matching span of it."""
    found = json.loads(here.get(f"/api/traces/{DEEP_TRACE}").content)
    starts = sorted(s["startTime"] for s in found["data"][0]["spans"])
    for start, end, count in (
        (starts[-1], starts[-1] + 10, 1),
        (starts[-1] + 1, starts[-1] + 10, 0),
        (starts[0] - 10, starts[0] - 1, 0),
        (starts[0] - 10, starts[0], 1),
    ):
        path = f"/api/traces?service=deep&start={start}&end={end}&limit=5"
        (_, theirs), (_, ours) = both(peer, here, path)
        assert len(theirs["data"]) == len(ours["data"]) == count


@pytest.mark.parametrize(
    "question",
    [
        "query.service_name=shop",
        "query.service_name=bank&query.operation_name=tick",
        "query.service_name=shop&query.duration_min=8ms",
        "query.service_name=shop&query.duration_min=1ms&query.duration_max=8ms",
        "query.service_name=nobody",
    ],
)
def test_searches_of_v3_find_the_same(
    peer: Jaeger, here: Client, question: str
) -> None:
    (status, theirs), (own_status, ours) = both(
        peer, here, f"/api/v3/traces?{question}&{SNAKE}"
    )
    assert status == own_status
    if status == 200:
        assert plain_v3(ours) == plain_v3(theirs)
    else:
        assert (status, theirs) == (404, ours)


def members(body: Any) -> Any:
    """Lists of names without their order."""
    found = next(iter(body.values()))
    return sorted(found, key=str) if isinstance(found, list) else found


@pytest.mark.parametrize(
    "path",
    [
        "/api/services",
        "/api/services/shop/operations",
        "/api/services/nobody/operations",
        "/api/operations?service=queue",
        "/api/operations?service=queue&spanKind=producer",
        "/api/operations?service=nobody",
        "/api/v3/services",
        "/api/v3/operations?service=bank",
        "/api/v3/operations?service=queue&span_kind=producer",
        "/api/v3/operations",
    ],
)
def test_names_are_the_same(peer: Jaeger, here: Client, path: str) -> None:
    theirs, ours = both(peer, here, path)
    assert ours[0] == theirs[0] == 200
    if theirs[1].get("data", 0) is None:  # Jaeger's empty list; clients read both
        theirs[1]["data"] = []
    assert members(ours[1]) == members(theirs[1])
    assert {k: v for k, v in ours[1].items() if k != "data"}.keys() == {
        k: v for k, v in theirs[1].items() if k != "data"
    }.keys()
    assert ours[1].get("total") == theirs[1].get("total")


BAD = [
    "/api/operations",
    "/api/traces",
    "/api/traces?service=shop&limit=x",
    "/api/traces?service=shop&start=x",
    "/api/traces?service=shop&end=1.5",
    "/api/traces?service=shop&minDuration=5",
    "/api/traces?service=shop&minDuration=x",
    "/api/traces?service=shop&tag=a",
    "/api/traces?service=shop&raw=x",
    "/api/traces?service=shop&minDuration=5s&maxDuration=1s",
    "/api/traces/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    f"/api/traces/{ERROR_TRACE}?start=x",
    f"/api/traces/{ERROR_TRACE}?raw=x",
    "/api/v3/traces/abc",
    f"/api/v3/traces/{ERROR_TRACE}?raw_traces=x",
    f"/api/v3/traces?query.service_name=shop&{SNAKE}&query.duration_min=5",
    f"/api/v3/traces?query.service_name=shop&{SNAKE}&query.raw_traces=x",
]
# Where the words, or the status, are ours; the reasons are in docs/api.md.
DIFFERENT = {
    "/api/traces/zz": (400, 400),
    "/api/v3/traces/zz": (400, 400),
    "/api/traces?service=shop&limit=0": (500, 400),
    "/api/traces?service=shop&limit=20000": (200, 400),
    "/api/traces?service=shop&start=2000000000000000": (200, 400),
    "/api/traces?service=shop&tags={": (400, 400),
    '/api/traces?service=shop&tags={"a":1}': (400, 400),
    "/api/v3/traces": (400, 400),
    "/api/v3/traces?query.start_time_min=x&query.start_time_max=y": (400, 400),
    "/api/v3/traces?query.service_name=shop&query.start_time_min=2026-01-01T00:00:00Z"
    "&query.start_time_max=2026-01-02T00:00:00Z&query.num_traces=x": (400, 400),
    "/api/v3/traces?query.service_name=shop&query.start_time_min=2026-01-01T00:00:00Z"
    "&query.start_time_max=2026-01-02T00:00:00Z&query.num_traces=0": (500, 400),
}


@pytest.mark.parametrize("path", BAD)
def test_faults_are_told_in_jaegers_words(
    peer: Jaeger, here: Client, path: str
) -> None:
    theirs, ours = both(peer, here, path)
    assert ours == theirs
    assert ours[0] in (400, 404)


@pytest.mark.parametrize("path", DIFFERENT)
def test_faults_that_differ_keep_the_shape(
    peer: Jaeger, here: Client, path: str
) -> None:
    (theirs, body), (ours, own) = both(peer, here, path)
    assert (theirs, ours) == DIFFERENT[path]
    assert own.keys() == ({"error"} if "v3" in path else body.keys())


def test_a_kind_finds_what_is_shown_with_it(here: Client) -> None:
    for word, names in (("internal", ["unset"]), ("producer", ["send"]), ("x", [])):
        body = here.get(f"/api/v3/operations?service=queue&spanKind={word}").content
        assert [entry["name"] for entry in json.loads(body)["operations"]] == names


@pytest.mark.parametrize(
    "path",
    ["/api/none", "/api/traces/", "/api/v3/none", "/api/v3/services/", "/api"],
)
def test_unknown_addresses_are_told_in_json(client: Client, path: str) -> None:
    """A client that probes for an API must not take a page for its answer."""
    answer = client.get(path)
    assert answer.status_code == 404
    if path != "/api":
        assert answer["Content-Type"] == "application/json"
        body = json.loads(answer.content)
        fault = body["error"] if "v3" in path else body["errors"][0]
        assert fault.get("httpCode", fault.get("code")) == 404


@pytest.mark.parametrize("question", ["endTs=x", "lookback=-1", "lookback=1.5"])
def test_faults_of_dependencies_come_in_the_envelope(
    peer: Jaeger, here: Client, question: str
) -> None:
    (theirs, body), (ours, own) = both(peer, here, f"/api/dependencies?{question}")
    assert ours == 400 <= theirs
    assert own.keys() == body.keys()


def test_answers_are_compressed_as_the_client_takes_them(here: Client) -> None:
    plain = here.get(f"/api/traces/{ERROR_TRACE}")
    assert "Content-Encoding" not in plain
    packed = here.get(f"/api/traces/{ERROR_TRACE}", HTTP_ACCEPT_ENCODING="gzip")
    assert packed["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    packed = here.get(f"/api/traces/{ERROR_TRACE}", HTTP_ACCEPT_ENCODING="gzip, br")
    assert packed["Content-Encoding"] == "br"
    assert brotli.decompress(packed.content) == plain.content
    assert here.head(f"/api/traces/{ERROR_TRACE}").content == b""


def test_pretty_print_is_jaegers(peer: Jaeger, here: Client) -> None:
    for word, lines in (("true", True), ("x", True), ("false", False), ("", False)):
        path = f"/api/traces/{DEEP_TRACE}?prettyPrint={word}"
        theirs, ours = httpx.get(peer.url + path).text, here.get(path).content.decode()
        assert ('\n    "data"' in ours) == ('\n    "data"' in theirs) == lines
