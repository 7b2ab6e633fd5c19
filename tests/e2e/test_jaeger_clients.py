"""Clients of Jaeger's query API against Spanboard: our own, and one of others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.actions import pull
from dashboard.actions.ingest import ingest
from dashboard.actions.sources import ensure_source, http_settings
from dashboard.models import TraceRecord
from dashboard.reads.served import whole_trace
from dashboard.sources.jaeger.client import JaegerSource
from dashboard.sources.otlp.parse import parse_json
from dashboard.traces.details import read_details
from dashboard.traces.trace import Trace
from tests.peers.jaeger import Jaeger
from tests.peers.need import need, until
from tests.peers.running import RunningSpanboard
from tests.peers.served import ALL, ERROR_TRACE, SHORT_TRACE, document

ROOT = Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "tests/fixtures/jaeger-api/head"
CLIENT = ROOT / ".peers/jaeger-mcp"
JSON = {"Content-Type": "application/json"}
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def sent() -> bytes:
    return document()


@pytest.fixture(scope="module")
def board(sent: bytes) -> Iterator[RunningSpanboard]:
    """A running Spanboard that was sent the spans."""
    server = RunningSpanboard("--no-demo")
    try:
        server.start()
        answer = httpx.post(f"{server.url}/v1/traces", content=sent, headers=JSON)
        assert answer.status_code == 200, answer.text
        yield server
    finally:
        server.stop()


def text(tag: Any, coarse: bool = False) -> tuple[str, str, str]:
    """A tag to compare; a whole float has no point in Jaeger's JSON.

    v1 tells arrays and maps as text (``coarse``).
    """
    if coarse and tag.type in ("json", "string") and tag.value[:1] in ("[", "{"):
        return tag.key, "string", repr(json.loads(tag.value, parse_int=float))
    value = float(tag.value) if tag.type == "float64" else tag.value
    return tag.key, tag.type, str(value)


def spans_of(trace: Trace, unit_ns: int) -> dict[Any, Any]:
    """All that is known of each span; times cut to ``unit_ns`` nanoseconds."""
    coarse = unit_ns > 1
    found = {}
    for row in range(len(trace)):
        details = read_details(trace.details[row])
        process = trace.processes[trace.process[row]]
        tags = {text(t, coarse) for t in details.tags}
        found[(trace.span_ids[row], trace.service_name(row))] = {
            "name": trace.operation_name(row),
            "kind": int(trace.kind[row]),
            "start": int(trace.start_ns[row]) // unit_ns,
            "duration": int(trace.duration_ns[row]) // unit_ns,
            # v1 tells the kind and a failure by tags, and loses tags of references.
            "tags": {
                t for t in tags if not coarse or t[0] not in ("span.kind", "error")
            },
            "references": [
                (r.kind, r.trace_id.lstrip("0"), r.span_id, () if coarse else r.tags)
                for r in trace.references_of(row)
            ],
            "logs": [
                (
                    log.at_ns // unit_ns,
                    {text(t, coarse) for t in log.fields},
                )
                for log in details.logs
            ],
            "process": {text(t, coarse) for t in process.tags},
        }
    return found


@pytest.mark.parametrize(("api", "unit_ns"), [("v1", 1_000), ("v3", 1)])
def test_spanboard_pulls_spanboard_and_gets_every_span(
    board: RunningSpanboard, sent: bytes, api: str, unit_ns: int
) -> None:
    origin = ensure_source("upload", "", "Origin")
    ingest(origin, parse_json(sent).traces, replace=True)
    source = ensure_source("jaeger", board.url, f"Other by {api}")
    client = JaegerSource(http_settings(source))
    client.api = api
    pull._clients[(source.pk, source.url)] = client
    try:
        pull.pull_source(source.pk)
    finally:
        client.close()
        del pull._clients[(source.pk, source.url)]
    source.refresh_from_db()
    assert source.last_error == ""
    records = TraceRecord.objects.filter(source=source)
    assert records.count() == len(ALL)
    for record in records:
        first = TraceRecord.objects.get(source=origin, trace_key=record.trace_key)
        pulled = spans_of(whole_trace(record), unit_ns)
        assert pulled == spans_of(whole_trace(first), unit_ns)


def test_answers_are_compressed(board: RunningSpanboard) -> None:
    for encoding in ("br", "gzip"):
        for path in (f"/api/traces/{ERROR_TRACE}", f"/api/v3/traces/{ERROR_TRACE}"):
            with httpx.Client(headers={"Accept-Encoding": encoding}) as client:
                answer = client.get(board.url + path)
                assert answer.headers["Content-Encoding"] == encoding
                assert "Accept-Encoding" in answer.headers["Vary"]
                plain = client.get(
                    board.url + path, headers={"Accept-Encoding": "identity"}
                )
                assert "Content-Encoding" not in plain.headers
    # httpx unpacks gzip by itself.
    assert answer.json() == plain.json()


def test_summaries_are_those_that_a_newer_jaeger_gave(client: Any) -> None:
    """Recorded from Jaeger's head, since no registry has that version built."""
    traces = parse_json((FIXTURES / "v3-traces.body").read_bytes()).traces
    ingest(ensure_source("upload", "", "Recorded"), traces, replace=True)
    for name in ("v3-trace-summaries", "v3-trace-summaries-none"):
        path = (FIXTURES / f"{name}.head").read_text().split()[1]
        answer = client.get(path)
        theirs = json.loads((FIXTURES / f"{name}.body").read_bytes())

        def by_id(summary: dict[str, Any]) -> str:
            return str(summary["traceId"])

        ours = sorted(answer.json()["summaries"], key=by_id)
        assert ours == sorted(theirs["summaries"], key=by_id)
    services = json.loads((FIXTURES / "v3-operations.body").read_bytes())["operations"]
    ours = client.get("/api/v3/operations?service=frontend").json()["operations"]
    assert {tuple(o.items()) for o in ours} == {tuple(o.items()) for o in services}


ASK = """
import dataclasses, json, sys
from jaeger_mcp.facade import JaegerClient
def plain(value):
    if dataclasses.is_dataclass(value): return dataclasses.asdict(value)
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value
url, first, second, start, end = sys.argv[1:]
def ask(name, *args, **more):
    # Each call runs a loop of its own; its close() wants the first one back.
    found = getattr(JaegerClient.from_env(url=url), name)(*args, **more)
    return [plain(f) for f in found] if isinstance(found, list) else plain(found)
window = {"time_from": int(start), "time_to": int(end)}
print(json.dumps({
    "services": sorted(ask("list_services")),
    "search": ask("search_traces", "shop", limit=20, **window),
    "tags": ask("search_traces", "shop", tags={"http.method": "GET"}, **window),
    "long": ask("search_traces", "shop", min_duration="8ms", **window),
    "one": ask("get_trace", first),
    "short": ask("get_trace", second),
    "path": ask("critical_path", second),
    "compare": ask("compare_traces", first, second),
}, default=str))
"""


def ask(url: str) -> dict[str, Any]:
    now_us = time.time_ns() // 1_000
    done = subprocess.run(
        [
            *(sys.executable, "-c", ASK, url, ERROR_TRACE, SHORT_TRACE),
            *(str(now_us - 3_600_000_000), str(now_us)),
        ],
        env={**os.environ, "PYTHONPATH": str(CLIENT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return settle(json.loads(done.stdout))


def settle(found: Any) -> Any:
    """Without the order that Jaeger leaves open, and each side's warnings.

    This client takes the first span without a caller for the root, so that its
    root depends on that order.
    """
    left_out = ("warnings", "root_operation", "root_service")
    if isinstance(found, dict):
        return {k: settle(v) for k, v in found.items() if k not in left_out}
    if isinstance(found, list):
        members = [settle(member) for member in found]
        return sorted(members, key=lambda m: json.dumps(m, sort_keys=True))
    return found


def test_a_client_of_others_reads_the_same_from_both(
    board: RunningSpanboard, sent: bytes, jaeger: Jaeger
) -> None:
    """jaeger-mcp, which speaks v1."""
    need(CLIENT.exists(), "jaeger-mcp", "install it into .peers with .ci/run")
    answer = httpx.post(jaeger.otlp, content=sent, headers=JSON, timeout=10)
    assert answer.status_code == 200

    def arrived() -> bool:
        url = f"{jaeger.url}/api/traces/"
        return all(httpx.get(url + i).status_code == 200 for i in ALL)

    until(arrived, "the arrival of the spans in Jaeger", 20)
    ours, theirs = ask(board.url), ask(jaeger.url)
    assert set(ours) == set(theirs)
    for name in theirs:
        assert ours[name] == theirs[name], name
    assert len(ours["one"]["spans"]) == 5
