"""What a backend holds, counted span by span, to compare with what is stored."""

from __future__ import annotations

from typing import Any

import httpx

from dashboard.traces.ids import trace_key


def held_by(jaeger_url: str) -> dict[str, int]:
    """Spans by trace key of all that a Jaeger holds; each span id once."""
    spans: dict[str, set[tuple[str, str]]] = {}
    with httpx.Client(base_url=jaeger_url, timeout=60) as client:
        for service in client.get("/api/services").json()["data"] or []:
            asked: dict[str, Any] = {
                "service": service,
                "limit": 100_000,
                "raw": "true",
            }
            for trace in client.get("/api/traces", params=asked).json()["data"] or []:
                found = spans.setdefault(trace_key(trace["traceID"]), set())
                for span in trace["spans"]:
                    found.add((span["spanID"], span["processID"]))
    return {key: len(found) for key, found in spans.items()}
