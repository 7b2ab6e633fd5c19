"""Finished requests of the demo's Bookinfo as OTLP bodies, made faster than sent.

A few hundred real traces of the OpenTelemetry SDK are the pattern; further ones are
the same bytes with other trace ids and times. Spans carry what Envoy adds as well.
"""

from __future__ import annotations

import random
import struct
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from dashboard.demo.bookinfo import Request
from dashboard.demo.mesh import MS, Mesh

ORIGIN_NS = 1_500_000_000_123_456_789


@dataclass(frozen=True, slots=True)
class Pattern:
    """One body of many traces, and where in it ids and times stand."""

    body: bytes
    traces: int
    spans: int
    calls: Counter[tuple[str, str]]
    ids: np.ndarray  # places of trace ids
    times: np.ndarray  # places of times, 8 bytes each
    given: np.ndarray  # the times there, ns, relative to the body's origin


def pattern(traces: int, seed: int = 1) -> Pattern:
    """A body of this many traces, all within one second."""
    mesh = Mesh("http://127.0.0.1:1/v1/traces", None, seed)
    mesh.processor.shutdown()
    kept = InMemorySpanExporter()
    mesh.processor = SimpleSpanProcessor(kept)  # type: ignore[assignment]  # on_end only
    chance = random.Random(seed)
    for number in range(traces):
        start_ns = ORIGIN_NS + number * 1_000 * MS // traces
        Request(mesh, lambda at, span: _end(span, at, chance)).gateway(start_ns)
    message = encode_spans(kept.get_finished_spans())
    body = message.SerializeToString()
    ids: list[int] = []
    places: dict[int, int] = {}
    known: set[bytes] = set()
    for block in message.resource_spans:
        for scoped in block.scope_spans:
            for span in scoped.spans:
                known.add(span.trace_id)
                for at in (span.start_time_unix_nano, span.end_time_unix_nano):
                    places.update(dict.fromkeys(_find(body, struct.pack("<Q", at)), at))
                for event in span.events:
                    packed = struct.pack("<Q", event.time_unix_nano)
                    found = _find(body, packed)
                    places.update(dict.fromkeys(found, event.time_unix_nano))
    for trace_id in known:
        ids += _find(body, trace_id)
    return Pattern(
        body,
        traces,
        mesh.spans,
        mesh.calls,
        np.array(sorted(ids), np.int64),
        np.array(list(places), np.int64),
        np.array(list(places.values()), np.int64) - ORIGIN_NS,
    )


def _end(span: object, at_ns: int, chance: random.Random) -> None:
    """End a span, with the tags that a sidecar would add."""
    if span.kind != SpanKind.INTERNAL:  # type: ignore[attr-defined]  # the SDK's span
        span.set_attributes(  # type: ignore[attr-defined]  # the SDK's span
            {
                "guid:x-request-id": f"{chance.getrandbits(128):032x}",
                "user_agent": "curl/8.5.0",
                "request_size": 0,
                "response_size": chance.randrange(100, 6_000),
                "http.protocol": "HTTP/1.1",
                "peer.address": f"10.244.0.{chance.randrange(4, 40)}",
            }
        )
    span.end(at_ns)  # type: ignore[attr-defined]  # the SDK's span


def _find(body: bytes, what: bytes) -> list[int]:
    found, place = [], body.find(what)
    while place >= 0:
        found.append(place)
        place = body.find(what, place + 1)
    return found


def copy_of(found: Pattern, number: int, origin_ns: int) -> bytes:
    """The body again: other trace ids for each ``number``, and times from an origin."""
    body = np.frombuffer(found.body, np.uint8).copy()
    mark = np.frombuffer(struct.pack(">I", number + 1), np.uint8)
    body[found.ids[:, None] + np.arange(4)] = mark
    moved = (found.given + origin_ns).astype("<u8").view(np.uint8).reshape(-1, 8)
    body[found.times[:, None] + np.arange(8)] = moved
    return body.tobytes()


def bodies(
    traces: int,
    per_body: int = 100,
    patterns: int = 4,
    *,
    ago_s: float = 5.0,
    seed: int = 0,
) -> Iterator[tuple[bytes, Pattern]]:
    """At least this many traces in bodies, with the pattern of each (its truth).

    ``ago_s`` is how long before now the traces began; another ``seed`` gives other
    ids.
    """
    made = [pattern(per_body, seed + number) for number in range(1, patterns + 1)]
    for number in range(-(-traces // per_body)):
        one = made[number % patterns]
        yield copy_of(one, number, time.time_ns() - round(ago_s * 1e9)), one
