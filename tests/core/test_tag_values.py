"""Values of a key on each span, whatever way the source wrote its tags."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.adjusters.standard import adjust
from dashboard.analysis.tag_values import keys_of, values_of
from dashboard.traces import codec
from dashboard.traces.trace import Trace
from tests.factories import make_trace


def opened(spans: list[dict[str, Any]]) -> tuple[Trace, Any]:
    trace = adjust(make_trace(spans))
    blob = codec.encode_details(trace)
    return trace, lambda: codec.detail_frames(blob)


def texts(spans: list[dict[str, Any]], key: str) -> list[str | None]:
    trace, frames = opened(spans)
    found = values_of(trace, frames(), key)
    return [found.names[n] if n >= 0 else None for n in found.number.tolist()]


SPANS: list[dict[str, Any]] = [
    {"id": "1", "kind": "server", "process": {"zone": "a", "pod": "p"}},
    {"id": "2", "parent": "1", "start": 1, "tags": {"zone": "b", "n": 7, "ok": True}},
    {"id": "3", "parent": "1", "start": 2, "tags": {"kind": "x", "clé\n": "é"}},
]


def test_a_spans_own_tag_goes_before_its_processs() -> None:
    assert texts(SPANS, "zone") == ["a", "b", None]
    assert texts(SPANS, "n") == [None, "7", None]
    assert texts(SPANS, "ok") == [None, "true", None]


def test_columns_and_tags_of_the_same_name_are_apart() -> None:
    assert texts(SPANS, "kind") == ["server", None, None]
    assert texts(SPANS, "tag:kind") == [None, None, "x"]
    assert texts(SPANS, "service") == ["a", "a", "a"]
    assert texts(SPANS, "operation") == ["op-1", "op-2", "op-3"]


def test_a_key_is_found_whatever_its_characters() -> None:
    assert texts(SPANS, "clé\n") == [None, None, "é"]
    with pytest.raises(KeyError):
        texts(SPANS, "nothing")


def test_escaped_and_odd_details_are_read() -> None:
    trace, _ = opened(SPANS)
    trace.details = [
        b'{"tags": [{"key": "\\u007aone", "type": "string", "value": "hidden"}]}',
        b'{"tags": [{"key": "zone", "value": {"deep": [1]}}]}',
        b'{"tags": [7, {"key": "zone", "value": "after"}]}',
    ]
    blob = codec.encode_details(trace)
    found = values_of(trace, codec.detail_frames(blob), "zone")
    assert [found.names[n] for n in found.number.tolist()] == [
        "hidden",
        '{"deep":[1]}',
        "after",
    ]


def test_keys_are_told_by_frequency() -> None:
    many = [{"id": str(n), "tags": {"often": n}} for n in range(600)]
    trace, frames = opened([*many, *SPANS[1:]])
    keys = keys_of(trace, frames())
    assert keys[0] == "often"
    assert set(keys) <= {"often", "zone", "n", "ok", "kind", "clé\n"}


def test_endless_values_and_keys_are_bounded() -> None:
    great = "x" * 5_000_000
    spans = [
        {"id": "1", "tags": {"text": great, "k" * 300: 1}},
        {"id": "2", "tags": {"text": great}},
        *({"id": f"t{n}", "tags": {f"key-{n}": n}} for n in range(5_000)),
    ]
    trace, frames = opened(spans)
    found = values_of(trace, frames(), "text")
    assert found.names == ["x" * 500]
    assert int((found.number == 0).sum()) == 2
    keys = keys_of(trace, frames())
    assert len(keys) == 200
    assert max(map(len, keys)) < 300
