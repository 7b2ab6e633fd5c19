"""Makes traces for the benchmarks: Jaeger JSON with realistic tags."""

from __future__ import annotations

import json
import random
import time
from typing import Any


def jaeger_trace(count: int, seed: int = 1, services: int = 30) -> dict[str, Any]:
    """One trace of ``count`` spans in random order, up to 14 levels deep."""
    chance = random.Random(seed)
    trace_id = f"{chance.getrandbits(128):032x}"
    ids = [f"{chance.getrandbits(64) | 1:016x}" for _ in range(count)]
    origin = int(time.time() * 1e6) - 60_000_000
    depth, start, length = [0] * count, [0] * count, [10_000_000] * count
    spans = []
    for number in range(count):
        references = []
        if number:
            parent = chance.randrange(max(0, number - 400), number)
            while depth[parent] > 12:
                parent = chance.randrange(parent)
            depth[number] = depth[parent] + 1
            start[number] = start[parent] + length[parent] // chance.randrange(2, 9)
            length[number] = max(1, length[parent] // chance.randrange(2, 6))
            references = [
                {"refType": "CHILD_OF", "traceID": trace_id, "spanID": ids[parent]}
            ]
        failed = chance.random() < 0.01
        tags = {
            "span.kind": chance.choice(["client", "server"]),
            "http.method": "GET",
            "http.url": f"http://svc-{number % services}:8080/api/items/{chance.randrange(10**6)}",
            "http.status_code": 500 if failed else 200,
            "error": failed,
            "component": "net/http",
            "peer.address": f"10.0.{chance.randrange(255)}.{chance.randrange(255)}:8080",
            "thread.id": chance.randrange(99),
        }
        kinds = {bool: "bool", int: "int64", str: "string"}
        spans.append(
            {
                "traceID": trace_id,
                "spanID": ids[number],
                "operationName": f"operation-{number % 60}",
                "references": references,
                "startTime": origin + start[number],
                "duration": length[number],
                "tags": [
                    {"key": k, "type": kinds[type(v)], "value": v}
                    for k, v in tags.items()
                ],
                "logs": [],
                "processID": f"p{number % services}",
                "warnings": None,
            }
        )
    chance.shuffle(spans)
    processes = {
        f"p{n}": {
            "serviceName": f"service-{n:02d}",
            "tags": [{"key": "host.name", "type": "string", "value": f"host-{n % 5}"}],
        }
        for n in range(services)
    }
    return {"traceID": trace_id, "spans": spans, "processes": processes}


def body(traces: list[dict[str, Any]]) -> bytes:
    """Jaeger's answer with these traces."""
    return json.dumps({"data": traces}).encode()


def body_of(count: int, spans: int) -> bytes:
    """Jaeger's answer with ``count`` traces, made one by one to save memory."""
    traces = (json.dumps(jaeger_trace(spans, seed)) for seed in range(1, count + 1))
    return b'{"data": [' + ", ".join(traces).encode() + b"]}"
