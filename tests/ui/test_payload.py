"""The binary payload, read as the browser does: pairs, folds, absent parents."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from django.test import Client, override_settings

from dashboard.actions.ingest import ingest
from dashboard.actions.sources import receiver_source
from dashboard.models import TraceRecord
from tests.factories import TRACE_ID, make_trace

pytestmark = pytest.mark.django_db(transaction=True)
CALLS: list[dict[str, Any]] = [
    {"id": "r", "service": "web", "kind": "server", "duration": 900},
    {"id": "c", "parent": "r", "service": "web", "kind": "client", "duration": 300},
    {
        "id": "s",
        "parent": "c",
        "service": "shop",
        "kind": "server",
        "start": 20,
        "duration": 200,
    },
    *(
        {
            "id": f"q{n}",
            "parent": "s",
            "service": "shop",
            "operation": "SELECT",
            "start": 30 + n,
            "duration": n + 1,
        }
        for n in range(7)
    ),
    {
        "id": "o",
        "parent": "gone",
        "service": "mail",
        "kind": "server",
        "start": 500,
        "duration": 50,
        "tags": {"remote.service": "<b>queue</b>"},
    },
]


def read_payload(body: bytes) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Header and columns."""
    (length,) = struct.unpack_from("<I", body)
    header = json.loads(body[4 : 4 + length])
    base = 4 + length
    assert base % 8 == 0
    columns = {}
    for name, dtype, offset, count in header["columns"]:
        kind = np.dtype(dtype)
        assert offset % kind.itemsize == 0
        columns[name] = np.frombuffer(body, kind, count, base + offset).tolist()
    return header, columns


def payload(client: Client) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    answer = client.get(f"/trace/{TRACE_ID}/payload")
    assert answer.status_code == 200
    return read_payload(answer.content)


def test_pairs_folds_and_absent_parents_are_in_the_payload(client: Client) -> None:
    ingest(receiver_source(), [make_trace(CALLS)], replace=False)
    header, columns = payload(client)
    row = {span_id: n for n, span_id in enumerate(header["ids"])}
    assert columns["pair"][row["c"]] == row["s"] - row["c"]
    assert columns["pair"][row["s"]] == row["c"] - row["s"]
    assert columns["pair"][row["r"]] == 0
    unit = header["unit_ns"]
    assert columns["repeatCount"] == [7]
    assert columns["repeatMin"] == [1_000 // unit]
    assert columns["repeatMedian"] == [4_000 // unit]
    assert columns["repeatMax"] == [7_000 // unit]
    assert columns["repeatTotal"] == [28_000 // unit]
    assert columns["repeatWall"] == [13_000 // unit]
    assert np.cumsum(columns["repeatMembers"]).tolist() == [
        row[f"q{n}"] for n in range(7)
    ]
    assert columns["orphanRow"] == [row["o"]]
    assert columns["orphanOf"] == [0]
    (absent,) = header["placeholders"]
    assert absent["id"] == "gone"
    assert absent["name"] == "<b>queue</b>"
    assert (absent["start"] * unit, absent["end"] * unit) == (500_000, 550_000)
    assert absent["state"] == "open"
    assert header["placeholder_total"] == 1
    TraceRecord.objects.update(settled=True)
    assert payload(client)[0]["placeholders"][0]["state"] == "missing"


@override_settings(SPANBOARD_REPEAT_LEAST=0)
def test_nothing_folds_where_the_setting_says_so(client: Client) -> None:
    ingest(receiver_source(), [make_trace(CALLS[:3])], replace=False)
    header, columns = payload(client)
    assert header["placeholders"] == []
    for name in ("repeatCount", "repeatMin", "repeatMembers", "orphanRow", "orphanOf"):
        assert columns[name] == []


def test_a_thousand_absent_parents_are_counted_and_the_first_listed(
    client: Client,
) -> None:
    spans: list[dict[str, Any]] = [{"id": "r", "duration": 9_000}]
    spans += [{"id": f"o{n}", "parent": f"p{n}", "start": n} for n in range(1_000)]
    ingest(receiver_source(), [make_trace(spans)], replace=False)
    header, columns = payload(client)
    assert len(header["placeholders"]) == 500
    assert header["placeholder_total"] == 1_000
    assert len(columns["orphanRow"]) == 500


def test_a_payload_is_not_reused_in_another_language(client: Client) -> None:
    ingest(receiver_source(), [make_trace(CALLS)], replace=False)
    path = f"/trace/{TRACE_ID}/payload"
    first = client.get(path, headers={"Accept-Language": "en"})
    same = {"If-None-Match": first["ETag"]}
    again = client.get(path, headers={"Accept-Language": "en", **same})
    assert again.status_code == 304
    other = client.get(path, headers={"Accept-Language": "zh-hans", **same})
    assert other.status_code == 200
