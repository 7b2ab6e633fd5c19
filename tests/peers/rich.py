"""A trace with one of everything: pairs, 300 equal calls, logs, an error, a missing caller."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

TRACE_ID = "b" * 31 + "1"
SERVICES = ("gateway", "productpage", "details", "reviews", "ratings", "mysql-proxy")


def rich_trace(origin_us: int = 0) -> dict[str, Any]:
    """Jaeger JSON of the trace; times from ``origin_us``, by default a minute ago."""
    origin = origin_us or int(time.time() * 1e6) - 60_000_000
    spans: list[dict[str, Any]] = []

    def add(
        parent: int | None,
        service: str,
        operation: str,
        kind: str,
        at_ms: float,
        ms: float,
        **more: Any,
    ) -> int:
        number = len(spans) + 1
        tags = {"span.kind": kind, **more.pop("tags", {})}
        kinds = {bool: "bool", int: "int64", str: "string"}
        spans.append(
            {
                "traceID": TRACE_ID,
                "spanID": f"{number:016x}",
                "operationName": operation,
                "references": []
                if parent is None
                else [
                    {
                        "refType": "CHILD_OF",
                        "traceID": TRACE_ID,
                        "spanID": f"{parent:016x}",
                    }
                ],
                "startTime": origin + round(at_ms * 1000),
                "duration": round(ms * 1000),
                "tags": [
                    {"key": k, "type": kinds[type(v)], "value": v}
                    for k, v in tags.items()
                ],
                "logs": [
                    {
                        "timestamp": origin + round(log_ms * 1000),
                        "fields": [{"key": "event", "type": "string", "value": word}],
                    }
                    for log_ms, word in more.pop("logs", ())
                ],
                "processID": f"p{SERVICES.index(service)}",
            }
        )
        return number

    root = add(None, "gateway", "GET /productpage", "server", 0, 1840)
    page = add(root, "gateway", "productpage:9080/*", "client", 1, 1836)
    page = add(page, "productpage", "GET /productpage", "server", 8, 1822)
    got = add(page, "productpage", "details:9080/details/*", "client", 12, 48)
    got = add(got, "details", "GET /details/0", "server", 14, 43.8)
    add(
        got,
        "details",
        "GET /books/v1/volumes",
        "client",
        18,
        35,
        tags={"peer.service": "googleapis.com"},
    )
    asked = add(page, "productpage", "reviews:9080/reviews/*", "client", 66, 1750)
    asked = add(asked, "reviews", "bookReviewsById", "server", 80, 1730)
    call = add(asked, "reviews", "ratings:9080/ratings/*", "client", 90, 1710)
    rated = add(
        call,
        "ratings",
        "GET /ratings/0",
        "server",
        150,
        1630,
        tags={"error": True, "http.status_code": 500},
        logs=((1760, "exception"),),
    )
    db = {"db.system": "mysql", "db.name": "test", "peer.service": "mysql"}
    add(rated, "ratings", "connect test", "client", 152, 22, tags=db)
    for number in range(300):
        length = 41.2 if number == 211 else 22 if number == 56 else 3 + number % 4 * 0.4
        at = 176 + number * 4.8
        add(rated, "ratings", "SELECT ratings WHERE id", "client", at, length, tags=db)
    failed = {
        **db,
        "error": True,
        "error.type": "ER_LOCK_WAIT_TIMEOUT",
        "error.message": "lock wait timeout exceeded",
        "db.statement": "SELECT Rating FROM ratings WHERE ReviewID = ? FOR UPDATE",
    }
    add(
        rated,
        "ratings",
        "SELECT FOR UPDATE",
        "client",
        1625,
        152.3,
        tags=failed,
        logs=((1627, "waiting for row lock"), (1776, "exception")),
    )
    add(rated, "ratings", "ROLLBACK", "client", 1778, 1.3, tags=db)
    add(asked, "reviews", "render reviews", "internal", 1805, 4.8)
    # Two spans of a caller that sent none.
    lost = {"downstream_cluster": "-", "peer.address": "10.1.2.3:5000"}
    add(4094, "mysql-proxy", "audit", "server", 1700, 20, tags=lost)
    add(4094, "mysql-proxy", "audit log", "server", 1725, 15, tags=lost)
    processes = {
        f"p{number}": {
            "serviceName": name,
            "tags": [
                {
                    "key": "service.version",
                    "type": "string",
                    "value": "v2" if name == "reviews" else "v1",
                },
                {"key": "host.name", "type": "string", "value": "one"},
            ],
        }
        for number, name in enumerate(SERVICES)
    }
    return {"traceID": TRACE_ID, "spans": spans, "processes": processes}


def rich_file(path: Path) -> str:
    """Write the trace to a file; its id."""
    path.write_text(json.dumps({"data": [rich_trace()]}))
    return TRACE_ID
