"""Sends spans as an exporter does: again after a 503 or a lost connection."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx

from dashboard.traces.ids import trace_key


def key_of(number: int) -> str:
    """The key of the trace of that number."""
    return trace_key(f"{number:032x}")


def chain(number: int, count: int) -> list[dict[str, Any]]:
    """Spans of a trace, each the parent of the next; equal at each call but for time."""
    start_ns = time.time_ns() - 60_000_000_000
    spans: list[dict[str, Any]] = []
    for row in range(count):
        span = {
            "traceId": f"{number:032x}",
            "spanId": f"{number * 1_000_000 + row + 1:016x}",
            "name": f"step {row % 7}",
            "kind": 1,
            "startTimeUnixNano": str(start_ns + row * 1000),
            "endTimeUnixNano": str(start_ns + 1_000_000_000 - row * 1000),
        }
        if row:
            span["parentSpanId"] = spans[-1]["spanId"]
        spans.append(span)
    return spans


def request_of(spans: list[dict[str, Any]], service: str = "pushed") -> dict[str, Any]:
    """An OTLP request with spans of one service."""
    attributes = [{"key": "service.name", "value": {"stringValue": service}}]
    part = {"resource": {"attributes": attributes}, "scopeSpans": [{"spans": spans}]}
    return {"resourceSpans": [part]}


def trace_of(number: int, count: int) -> dict[str, Any]:
    """An OTLP request with one trace."""
    return request_of(chain(number, count))


def post(
    url: str,
    body: dict[str, Any],
    over: threading.Event | None = None,
    seconds: float = 90,
) -> bool:
    """Send until it is accepted; false when ``over`` was set or the time is up."""
    over = over or threading.Event()
    deadline = time.monotonic() + seconds
    while not over.is_set() and time.monotonic() < deadline:
        try:
            answer = httpx.post(f"{url}/v1/traces", json=body, timeout=30)
        except httpx.TransportError:
            over.wait(0.1)
            continue
        if answer.status_code == 200:
            return True
        assert answer.status_code == 503, answer.text
        over.wait(0.2)
    return False
