"""What the payload tells of a row beside its name."""

from __future__ import annotations

import json

from dashboard.adjusters.standard import adjust
from dashboard.presenters.marks import mark_columns
from dashboard.sources.detect import decode
from tests.peers.rich import rich_trace


def test_status_and_silent_peers_are_told_by_row() -> None:
    trace = adjust(
        decode(
            json.dumps({"data": [rich_trace(1_700_000_000_000_000)]}).encode()
        ).traces[0]
    )
    columns, names = mark_columns(trace)
    told = dict(columns)
    row = {trace.operation_name(r): r for r in range(len(trace))}
    assert told["status"][row["GET /ratings/0"]] == 500
    assert told["status"][row["connect test"]] == 0

    def peer(operation: str) -> tuple[str, str] | None:
        number = told["peer"][row[operation]]
        return names[number - 1] if number else None

    assert peer("SELECT FOR UPDATE") == ("mysql", "database")
    assert peer("GET /books/v1/volumes") == ("googleapis.com", "external")
    # Whoever sent spans of its own is no silent peer.
    assert peer("ratings:9080/ratings/*") is None
    assert peer("render reviews") is None


def test_a_trace_without_marks_has_no_columns() -> None:
    spans = [
        {
            "traceID": "1" * 32,
            "spanID": "2" * 16,
            "operationName": "x",
            "startTime": 1_700_000_000_000_000,
            "duration": 5,
            "processID": "p",
            "tags": [{"key": "http.status_code", "type": "string", "value": "many"}],
        }
    ]
    body = {
        "traceID": "1" * 32,
        "spans": spans,
        "processes": {"p": {"serviceName": "s"}},
    }
    trace = adjust(decode(json.dumps({"data": [body]}).encode()).traces[0])
    assert mark_columns(trace) == ([], [])
