"""Spans with one of everything that Jaeger's query API tells, as OTLP JSON."""

from __future__ import annotations

import json
import time
from typing import Any

ERROR_TRACE = "c" * 31 + "1"
SHARED_TRACE = "c" * 31 + "2"
SHORT_TRACE = "0" * 16 + "c" * 15 + "3"
DEEP_TRACE = "c" * 31 + "4"
ALL = (ERROR_TRACE, SHARED_TRACE, SHORT_TRACE, DEEP_TRACE)


def value(content: Any) -> dict[str, Any]:
    """A value as OTLP JSON writes it."""
    if isinstance(content, bool):
        return {"boolValue": content}
    if isinstance(content, int):
        return {"intValue": str(content)}
    if isinstance(content, float):
        return {"doubleValue": content}
    if isinstance(content, list):
        return {"arrayValue": {"values": [value(c) for c in content]}}
    if isinstance(content, dict):
        return {"kvlistValue": {"values": pairs(content)}}
    if isinstance(content, bytes):
        return {"bytesValue": content.decode()}
    return {"stringValue": content}


def pairs(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP JSON writes them."""
    return [{"key": key, "value": value(content[key])} for key in content]


def document(origin_ns: int = 0) -> bytes:
    """Four traces of three services, a minute ago unless told otherwise."""
    origin = origin_ns or time.time_ns() // 1_000_000 * 1_000_000 - 60_000_000_000
    blocks: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def add(
        trace: str,
        span: int,
        service: str,
        name: str,
        kind: int,
        at_us: float,
        us: float,
        parent: int = 0,
        scope: str = "",
        **more: Any,
    ) -> None:
        start = origin + round(at_us * 1_000)
        made: dict[str, Any] = {
            "traceId": trace,
            "spanId": f"{span:016x}",
            "name": name,
            "kind": kind,
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + round(us * 1_000)),
            "attributes": pairs(more.pop("attributes", {})),
            "events": [
                {
                    "timeUnixNano": str(start + round(after * 1_000)),
                    "name": word,
                    "attributes": pairs(fields),
                }
                for after, word, fields in more.pop("events", ())
            ],
            **more,
        }
        if parent:
            made["parentSpanId"] = f"{parent:016x}"
        blocks.setdefault((service, scope), []).append(made)

    add(
        ERROR_TRACE,
        0xA1,
        "shop",
        "GET /cart",
        2,
        0.25,
        9_000.5,
        scope="http",
        attributes={
            "http.method": "GET",
            "http.status_code": 500,
            "ratio": 0.5,
            "whole": 2.0,
            "cached": False,
            "big": 2**60,
            "names": ["a", "b"],
            "mixed": [1, -2, 2.5, 3.0, True, "x", ["deep"], {"k": 1}],
            "map": {"a": 1, "b": {"c": [False]}, "d": 1.5},
            "none": [],
            "raw": b"AQID",
            "empty": "",
        },
        events=[
            (8_000, "exception", {"exception.type": "Boom", "count": 3}),
            (100, "began", {}),
        ],
        status={"code": 2, "message": "it broke"},
        traceState="vendor=1",
    )
    add(
        ERROR_TRACE,
        0xA2,
        "shop",
        "POST /pay",
        3,
        1_000,
        5_000,
        parent=0xA1,
        links=[
            {
                "traceId": SHARED_TRACE,
                "spanId": f"{0xB1:016x}",
                "attributes": pairs({"why": "retry"}),
            }
        ],
        status={"code": 1},
    )
    add(ERROR_TRACE, 0xA3, "bank", "POST /pay", 2, 2_000, 3_000, parent=0xA2)
    add(ERROR_TRACE, 0xA4, "bank", "tick", 1, 2_500, 0.4, parent=0xA3)
    add(ERROR_TRACE, 0xA5, "bank", "lost", 1, 2_600, 10, parent=0xFF)
    add(SHARED_TRACE, 0xB1, "shop", "call", 3, 0, 900)
    add(SHARED_TRACE, 0xB1, "bank", "serve", 2, 100, 700)
    add(SHARED_TRACE, 0xB2, "bank", "work", 1, 200, 500, parent=0xB1)
    add(SHORT_TRACE, 0xC1, "queue", "send", 4, 20_000_000, 50)
    add(SHORT_TRACE, 0xC2, "queue", "take", 5, 20_000_100, 60, parent=0xC1)
    add(SHORT_TRACE, 0xC3, "queue", "unset", 0, 20_000_110, 7, parent=0xC2)
    for number in range(1, 31):
        add(
            DEEP_TRACE,
            0xD00 + number,
            "deep",
            f"level {number % 3}",
            1,
            40_000_000 + number,
            2_000 - number,
            parent=0xD00 + number - 1 if number > 1 else 0,
        )
    body = {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": pairs(
                        {"service.name": service, "host.name": "one", "shard": 7}
                    )
                },
                "scopeSpans": [
                    {
                        "scope": {"name": scope, "version": "1.2"} if scope else {},
                        "spans": spans,
                    }
                ],
            }
            for (service, scope), spans in blocks.items()
        ]
    }
    return json.dumps(body).encode()
