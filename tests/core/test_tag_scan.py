"""Looking tags up by their spelling gives what decoding each of them gives."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import numpy as np
import pytest

from dashboard.sources.detect import decode
from dashboard.sources.jaeger import tags as tag_scan
from dashboard.sources.jaeger.tags import JaegerTag, TagScan
from dashboard.traces.details import read_details
from dashboard.traces.facts import FACT_KEYS, FactTable

KEYS = [
    "error",
    "error",
    "span.kind",
    "http.status_code",
    "http.response.status_code",
    "db.system",
    "db.system.name",
    "peer.service",
    "http.url",
    "thread.id",
    'odd"key',
    "key\\",
    "{",
    "été",
    "",
]
VALUES: list[Any] = [
    True,
    False,
    "true",
    "false",
    "",
    0,
    7,
    503,
    2.5,
    None,
    "server",
    "Client",
    "a text",
    "été",
    "😀",
    "a } b",
    '{"key": "error", "value": true}',
    '"},{"key":"error","type":"bool","value":true}',
    "back\\slash",
    "line\nbreak",
    "/api/{id}",
    "x" * 1_500,
    [{"key": "error", "type": "bool", "value": True}],
    {"key": "error", "value": True},
    ["a", {"b": "]"}],
]
LAYOUTS: list[dict[str, Any]] = [
    {"separators": (",", ":")},
    {},
    {"indent": 2},
    {"ensure_ascii": False},
    {"separators": (",", ":"), "ensure_ascii": False},
]


PLAIN_KEYS, PLAIN_VALUES = KEYS[:10], VALUES[:16]


def written(rng: random.Random, layout: dict[str, Any], plain: bool) -> bytes:
    """The tags of one span; unless ``plain`` some in odd ways."""
    keys, values = (PLAIN_KEYS, PLAIN_VALUES) if plain else (KEYS, VALUES)
    found = []
    for _ in range(rng.randrange(7)):
        tag = {"key": rng.choice(keys), "type": "string", "value": rng.choice(values)}
        if rng.random() < 0.1 and not plain:
            tag = dict(reversed(tag.items()))
        if rng.random() < 0.05 and not plain:
            tag["more"] = rng.choice(VALUES)
        found.append(tag)
    return json.dumps(found, **layout).encode()


def scanned(scan: TagScan, rows: list[bytes], table: FactTable) -> list[int]:
    """The rows left over, when all are looked up seven at a time."""
    return [
        first + place
        for first in range(0, len(rows), 7)
        for place in scan.scan(rows[first : first + 7], table, first, len(rows))
    ]


def facts_of(table: FactTable, count: int) -> tuple[dict[str, list[str]], list[int]]:
    """Texts by key and row, and the kinds."""
    columns = table.columns(count, np.zeros(count, np.int32), {})
    texts = [*table.values, ""]
    kinds = np.zeros(count, np.uint8)
    table.fill_kinds(kinds)
    found = {
        key: [texts[number] for number in column.tolist()]
        for key, column in columns.items()
        if (column >= 0).any()
    }
    return found, kinds.tolist()


@pytest.mark.parametrize("few", [0, 10**6])
@pytest.mark.parametrize("seed", range(60))
def test_facts_are_those_of_decoded_tags(
    seed: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tag_scan, "FEW", few)
    monkeypatch.setattr(tag_scan, "MANY", 20)
    rng = random.Random(seed)
    scan = TagScan()
    for layout in (LAYOUTS[seed % len(LAYOUTS)], rng.choice(LAYOUTS)):
        plain = seed % 2 == 0
        rows = [written(rng, layout, plain) for _ in range(rng.randrange(1, 30))]
        wanted, found = FactTable(), FactTable()
        for row in scanned(scan, rows, found):
            found.add_tags(row, msgspec.json.decode(rows[row], type=list[JaegerTag]))
        for row, raw in enumerate(rows):
            wanted.add_tags(row, msgspec.json.decode(raw, type=list[JaegerTag]))
        assert facts_of(found, len(rows)) == facts_of(wanted, len(rows))


def test_every_fact_has_a_name_that_is_looked_up() -> None:
    rows = [b'[{"key":"span.kind","type":"string","value":"server"}]'] * 500
    table = FactTable()
    assert scanned(TagScan(), rows, table) == []
    assert facts_of(table, 500) == ({}, [2] * 500)
    assert "span.kind" in FACT_KEYS


@pytest.mark.parametrize("layout", range(len(LAYOUTS)))
def test_a_bad_tag_among_many_spans_is_repaired_alone(layout: int) -> None:
    good = {"key": "http.status_code", "type": "int64", "value": 200}
    spans = [
        {
            "traceID": "ab",
            "spanID": f"{number:x}",
            "operationName": "o",
            "startTime": 1_790_000_000_000_000,
            "duration": 1,
            "processID": "p",
            "tags": [5, good] if number == 700 else [good],
        }
        for number in range(1, 1_500)
    ]
    trace = {"traceID": "ab", "spans": spans, "processes": {"p": {"serviceName": "a"}}}
    content = json.dumps({"data": [trace]}, **LAYOUTS[layout]).encode()
    (found,) = decode(content).traces
    assert [(w.code, w.row) for w in found.warnings] == [("repaired-tags", 699)]
    assert {found.fact("http.status_code", row) for row in range(1_499)} == {"200"}
    assert [tag.value for tag in read_details(found.details[699]).tags] == ["5", 200]
    assert [tag.value for tag in read_details(found.details[698]).tags] == [200]
