"""Real bodies damaged in many ways: the documented error or an analysis, no more.

Two kinds of damage: to the JSON's values (so that the damage reaches deep into the
decoders) and to the bytes. What is not damaged must survive.
"""

from __future__ import annotations

import copy
import gzip
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.adjusters.standard import adjust
from dashboard.presenters.analysis_format import analysis_document
from dashboard.sources.detect import decode
from dashboard.sources.jaeger.export import to_jaeger_json
from dashboard.sources.otlp.export import to_otlp_json
from dashboard.sources.zipkin.export import to_zipkin_json
from dashboard.traces import codec
from dashboard.traces.details import read_details
from dashboard.traces.errors import BadTracePayload

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
BODIES = {
    "jaeger": (FIXTURES / "jaeger-api/v2.13/v1-traces.body").read_bytes(),
    "otlp": (FIXTURES / "jaeger-api/head/v3-traces.body").read_bytes(),
    "zipkin": (FIXTURES / "mesh/zipkin/zipkin-retry.json").read_bytes(),
}
# More for a long search: SPANBOARD_TEST_FUZZ=20000 ./spanboard test tests/core/test_fuzz.py
EXAMPLES = int(os.environ.get("SPANBOARD_TEST_FUZZ", "120"))
NASTY: list[Any] = [
    None,
    True,
    0,
    -1,
    2**63,
    2**64,
    10**40,
    -(10**40),
    1.5,
    float("nan"),
    float("inf"),
    "",
    "0",
    "-1",
    "1e400",
    "\x00",
    "\ud800",
    "\u202e\u202dtxet",
    "👩‍👩‍👧",
    "x" * 5_000,
    [],
    {},
    [[]],
    [None],
    [{}],
    {"key": None},
    {"a": {"b": [1]}},
    [{"key": "k", "value": {"kvlistValue": {"values": [{"value": {}}]}}}],
    [{"key": "k", "value": {"arrayValue": None}}],
    {"values": "x"},
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values of a document."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key, member in value.items():
            found += places(member, (*path, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            found += places(member, (*path, index))
    return found


DOCUMENTS = {name: json.loads(text) for name, text in BODIES.items()}
PLACES = {name: places(found) for name, found in DOCUMENTS.items()}


def damage(name: str, chance: random.Random) -> Any:
    document = copy.deepcopy(DOCUMENTS[name])
    for _ in range(chance.randrange(1, 8)):
        *way, last = chance.choice(PLACES[name])
        holder = document
        try:
            for step in way:
                holder = holder[step]
            if isinstance(holder, dict) and chance.random() < 0.3:
                holder.pop(last)
            elif isinstance(holder, dict) and chance.random() < 0.1:
                holder[chance.choice(["", "\x00", "\ud800", "0"])] = holder.pop(last)
            else:
                holder[last] = chance.choice(NASTY)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier damage took the place away
    return document


def survives(content: bytes, form: str = "") -> None:
    """Decode, conclude, store and export: nothing but the documented error."""
    try:
        decoded = decode(content, format=form, salvage=True)
    except BadTracePayload as problem:
        assert str(problem)
        return
    json.dumps(analysis_document(decoded.traces)).encode()
    for raw in decoded.traces:
        trace = adjust(raw)
        again, _ = codec.decode_columns(codec.encode_columns(trace))
        assert again.span_ids == trace.span_ids
        codec.encode_details(trace)
    traces = [adjust(trace) for trace in decoded.traces]
    for export in (to_jaeger_json, to_otlp_json, to_zipkin_json):
        export(traces).decode("utf-8")


@pytest.mark.parametrize("name", BODIES)
@settings(max_examples=EXAMPLES, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_damaged_values(name: str, seed: int) -> None:
    document = damage(name, random.Random(seed))
    survives(json.dumps(document).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("name", BODIES)
@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_damaged_bytes_gzip_and_a_wrong_format(name: str, seed: int) -> None:
    chance = random.Random(seed)
    content = bytearray(BODIES[name])
    for _ in range(chance.randrange(1, 20)):
        content[chance.randrange(len(content))] = chance.randrange(256)
    if chance.random() < 0.3:
        del content[chance.randrange(len(content)) :]
    survives(bytes(content))
    survives(bytes(content), chance.choice(["jaeger", "otlp-json", "zipkin"]))
    survives(bytes(content), "otlp-protobuf")
    packed = bytearray(gzip.compress(bytes(content)))
    packed[chance.randrange(len(packed))] ^= 1 << chance.randrange(8)
    survives(bytes(packed))


@pytest.mark.parametrize("name", BODIES)
def test_each_value_damaged_alone_keeps_the_other_traces(name: str) -> None:
    """One bad value never reaches another trace, wherever it is."""
    whole = {len_id(t.trace_id): t for t in decode(BODIES[name]).traces}
    chance = random.Random(7)
    ways = [way for way in PLACES[name] if trace_at(name, way)]
    for way in chance.sample(ways, min(150, len(ways))):
        document = copy.deepcopy(DOCUMENTS[name])
        holder = document
        for step in way[:-1]:
            holder = holder[step]
        holder[way[-1]] = chance.choice(NASTY)
        content = json.dumps(document).encode("utf-8", "surrogatepass")
        kept = {len_id(t.trace_id): t for t in decode(content).traces}
        mine = trace_at(name, way)
        for key, trace in whole.items():
            if key != mine:
                assert kept[key].span_ids == trace.span_ids, way
                assert [*map(read_details, kept[key].details)] == [
                    *map(read_details, trace.details)
                ], way


def len_id(trace_id: str) -> str:
    return trace_id.lower().lstrip("0")


def trace_at(name: str, way: tuple[Any, ...]) -> str:
    """The trace that a value belongs to, "" where that can not be told."""
    value = DOCUMENTS[name]
    for step in way[:-1]:
        value = value[step]
        if isinstance(value, dict):
            found = value.get("traceID", value.get("traceId"))
            if isinstance(found, str) and way[-1] not in ("traceID", "traceId"):
                return len_id(found)
    return ""
