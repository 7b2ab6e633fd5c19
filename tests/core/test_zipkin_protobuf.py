"""Zipkin's protobuf says what its JSON says; damage costs no more than itself."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.presenters.analysis_format import analysis_document
from dashboard.sources.detect import decode
from dashboard.sources.zipkin.protobuf import KIND, ListOfSpans
from dashboard.traces.errors import BadTracePayload

FILES = sorted((Path(__file__).parent.parent / "fixtures/mesh/zipkin").glob("*.json"))
NUMBER = {name: number for number, name in KIND.items()}


def spans_of(path: Path) -> list[dict[str, Any]]:
    found = json.loads(path.read_text("utf-8"))
    return [
        span
        for entry in found
        for span in (entry if isinstance(entry, list) else [entry])
    ]


def encoded(spans: list[dict[str, Any]]) -> bytes:
    """As Zipkin's encoder writes them."""
    message = ListOfSpans()
    for span in spans:
        sent = message.spans.add(
            trace_id=bytes.fromhex(span["traceId"]),
            parent_id=bytes.fromhex(span.get("parentId", "")),
            id=bytes.fromhex(span["id"]),
            kind=NUMBER.get(span.get("kind", ""), 0),
            name=span.get("name", ""),
            timestamp=span.get("timestamp", 0),
            duration=span.get("duration", 0),
            shared=span.get("shared", False),
        )
        for name, field in (
            ("localEndpoint", sent.local_endpoint),
            ("remoteEndpoint", sent.remote_endpoint),
        ):
            given_one = span.get(name, {})
            field.service_name = given_one.get("serviceName", "")
            field.port = given_one.get("port", 0)
            for version in ("ipv4", "ipv6"):
                if version in given_one:
                    address = ipaddress.ip_address(given_one[version])
                    setattr(field, version, address.packed)
        for key, value in span.get("tags", {}).items():
            sent.tags.add(key=key, value=value)
        for note in span.get("annotations", []):
            sent.annotations.add(timestamp=note["timestamp"], value=note["value"])
    return bytes(message.SerializeToString())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_both_encodings_of_a_mesh_give_the_same_traces(path: Path) -> None:
    spans = spans_of(path)
    left = decode(json.dumps(spans).encode(), format="zipkin")
    right = decode(encoded(spans), format="zipkin-protobuf")
    assert left.problems == right.problems == []
    assert analysis_document(left.traces) == analysis_document(right.traces)
    assert sum(len(trace) for trace in right.traces) == len(spans)


def test_ids_of_wrong_lengths_lose_only_their_spans() -> None:
    spans = spans_of(FILES[0])[:6]
    for number, (name, value) in enumerate(
        (("traceId", "ab" * 20), ("traceId", ""), ("id", "ab"), ("id", "00" * 8))
    ):
        spans[number] = {**spans[number], name: value}
    decoded = decode(encoded(spans), format="zipkin-protobuf")
    assert [problem.code for problem in decoded.problems] == ["bad-id"] * 4
    assert sum(len(trace) for trace in decoded.traces) == 2


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_mutated_bytes_raise_nothing_but_the_documented_error(chance: Any) -> None:
    content = bytearray(WHOLE)
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(len(content))
        if chance.random() < 0.7:
            content[place] = chance.randrange(256)
        else:
            del content[place : place + chance.randrange(1, 30)]
    try:
        decoded = decode(bytes(content), format="zipkin-protobuf")
    except BadTracePayload:
        return
    json.dumps(analysis_document(decoded.traces))


WHOLE = encoded(spans_of(FILES[0])[:10])
