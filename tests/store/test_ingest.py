"""The store: exact under repetition, growth, several sources and retention."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from dashboard.actions.ingest import ingest, settle_traces
from dashboard.actions.retention import enforce_retention
from dashboard.actions.rollups import current_minute, fold_rollups
from dashboard.actions.sources import ensure_source, receiver_source, upload_source
from dashboard.actions.verify import verify
from dashboard.graph.build import edges_of
from dashboard.models import Source, Tombstone, TraceRecord
from dashboard.reads.rollups import read_window
from dashboard.reads.traces import find_record, find_traces, load
from dashboard.traces.query import TraceQuery
from tests.factories import make_trace

pytestmark = pytest.mark.django_db(transaction=True)
PIECES = [
    {"id": "01", "service": "web", "kind": "server", "duration": 900},
    {
        "id": "02",
        "parent": "01",
        "service": "web",
        "kind": "client",
        "start": 10,
        "duration": 500,
    },
    {
        "id": "03",
        "parent": "02",
        "service": "shop",
        "kind": "server",
        "start": 20,
        "duration": 400,
        "tags": {"http.status_code": 503, "error": True},
    },
    {
        "id": "04",
        "parent": "03",
        "service": "shop",
        "kind": "client",
        "start": 30,
        "duration": 50,
        "tags": {"db.system": "mysql", "db.name": "stock"},
    },
]
EDGES = [("shop", "stock", 1, 0, True), ("web", "shop", 1, 1, False)]


def edges(source: str = "") -> list[tuple[str, str, int, int, bool]]:
    now = current_minute()
    return edges_of(read_window(now - 60, now + 1, source))


def jaeger() -> Source:
    return ensure_source("jaeger", "http://jaeger:16686", "Jaeger")


def test_the_same_trace_again_changes_nothing() -> None:
    first = ingest(jaeger(), [make_trace(PIECES)], replace=True)
    again = ingest(jaeger(), [make_trace(PIECES, shuffle=3)], replace=True)
    assert (first.created, again.unchanged, again.created + again.grown) == (1, 1, 0)
    assert edges() == EDGES
    assert not verify().differences


@pytest.mark.parametrize("seed", range(6))
def test_spans_pushed_one_by_one_in_any_order_count_once(seed: int) -> None:
    order = list(PIECES)
    random.Random(seed).shuffle(order)
    for piece in order:
        ingest(receiver_source(), [make_trace([piece])], replace=False)
        if seed % 2:
            fold_rollups()
    assert edges() == EDGES
    record = find_record("4bf92f3577b34da6a3ce929d0e0e4736")
    assert record is not None
    assert load(record).trace.span_ids == ["01", "02", "03", "04"]
    assert not verify().differences


def test_a_pull_that_gives_less_than_is_stored_loses_nothing() -> None:
    ingest(jaeger(), [make_trace(PIECES)], replace=True)
    ingest(jaeger(), [make_trace(PIECES[:2])], replace=True)
    assert TraceRecord.objects.get().span_count == 4


def test_a_trace_of_two_sources_counts_once_from_the_fuller() -> None:
    ingest(receiver_source(), [make_trace(PIECES[:3])], replace=False)
    ingest(jaeger(), [make_trace(PIECES)], replace=True)
    assert edges() == EDGES
    assert edges("OTLP") == [("web", "shop", 1, 1, False)]
    assert find_traces(TraceQuery()).matched == 1
    ingest(
        receiver_source(),
        [
            make_trace(PIECES),
            make_trace([{"id": "05", "parent": "01", "service": "web", "start": 600}]),
        ],
        replace=False,
    )
    assert edges() == EDGES
    fold_rollups()
    assert edges() == EDGES


@pytest.mark.parametrize("gone", ["Jaeger", "OTLP"])
@pytest.mark.parametrize("folded", [True, False])
def test_removing_a_source_leaves_the_other_copy_counted(
    gone: str, folded: bool
) -> None:
    from dashboard.actions.removal import remove_source

    ingest(receiver_source(), [make_trace(PIECES[:3])], replace=False)
    ingest(jaeger(), [make_trace(PIECES)], replace=True)
    if folded:
        fold_rollups()
    remove_source(Source.objects.get(name=gone))
    left = EDGES if gone == "OTLP" else [("web", "shop", 1, 1, False)]
    assert edges() == left
    assert find_traces(TraceQuery()).matched == 1
    assert not verify().differences


def test_folding_changes_no_sum() -> None:
    for n in range(30):
        ingest(receiver_source(), [make_trace(PIECES, f"{n + 1:032x}")], replace=False)
    before = read_window(0, current_minute() + 1)
    assert fold_rollups() > 0
    assert read_window(0, current_minute() + 1) == before


def test_what_retention_deletes_stays_counted_and_does_not_come_back() -> None:
    ingest(jaeger(), [make_trace(PIECES)], replace=True)
    TraceRecord.objects.update(arrived_at=timezone.now() - timedelta(days=30))
    assert enforce_retention() == 1
    assert Tombstone.objects.count() == 1
    again = ingest(jaeger(), [make_trace(PIECES)], replace=True)
    assert (again.buried, TraceRecord.objects.count()) == (1, 0)
    assert edges() == EDGES
    assert not verify().differences


def test_retention_holds_the_number_and_the_bytes() -> None:
    for n in range(12):
        ingest(receiver_source(), [make_trace(PIECES, f"{n + 1:032x}")], replace=False)
    with override_settings(SPANBOARD_RETENTION_TRACES=7):
        enforce_retention()
    assert TraceRecord.objects.count() == 7
    with override_settings(SPANBOARD_RETENTION_BYTES=1):
        enforce_retention()
    assert TraceRecord.objects.count() == 0


def test_verify_finds_and_repairs_a_lost_delta() -> None:
    ingest(jaeger(), [make_trace(PIECES)], replace=True)
    from dashboard.models import RollupDelta

    RollupDelta.objects.all().delete()
    assert verify().differences
    verify(repair=True)
    assert not verify().differences
    assert edges() == EDGES


def test_a_start_far_from_now_is_stored_with_a_warning_and_not_counted() -> None:
    old = [
        {**piece, "start": int(piece.get("start", 0)) - 90 * 86_400_000_000}
        for piece in PIECES
    ]
    ingest(upload_source(), [make_trace(old)], replace=False)
    record = TraceRecord.objects.get()
    assert "outside-rollups" in [w.code for w in load(record).trace.warnings]
    assert not bytes(record.contribution)


def test_a_trace_stops_growing_after_its_time() -> None:
    fresh = [
        {**piece, "start": int(piece.get("start", 0)) + 25_000_000} for piece in PIECES
    ]
    ingest(receiver_source(), [make_trace(fresh)], replace=False)
    assert not TraceRecord.objects.get().settled
    with override_settings(SPANBOARD_GROWING_SECONDS=0):
        assert settle_traces() == 1
    assert TraceRecord.objects.get().settled


QUERIES: list[tuple[dict[str, Any], int]] = [
    ({"service": "shop"}, 1),
    ({"service": "nobody"}, 0),
    ({"service": "shop", "operation": "op-03"}, 1),
    ({"service": "web", "operation": "op-03"}, 0),
    ({"tags": (("http.status_code", "503"),)}, 1),
    ({"tags": (("http.status_code", "503"), ("db.system", "mysql"))}, 0),
    ({"service": "web", "tags": (("http.status_code", "503"),)}, 0),
    ({"min_duration_us": 800}, 1),
    ({"min_duration_us": 901}, 0),
    ({"service": "shop", "min_duration_us": 800}, 0),
    ({"max_duration_us": 50}, 1),
    ({"max_duration_us": 49}, 0),
    ({"caller": "web", "callee": "shop"}, 1),
    ({"caller": "shop", "callee": "stock"}, 1),
    ({"caller": "shop", "callee": "web"}, 0),
    ({"error": True}, 1),
    ({"error": False}, 0),
    ({"lookback": "1h"}, 1),
    ({"lookback": "1s"}, 0),
    ({"trace_ids": ("4bf92f3577b34da6a3ce929d0e0e4736",)}, 1),
]


@pytest.mark.parametrize(("conditions", "matched"), QUERIES)
def test_all_conditions_hold_on_one_span(
    conditions: dict[str, Any], matched: int
) -> None:
    ingest(jaeger(), [make_trace(PIECES)], replace=True)
    assert find_traces(TraceQuery(**conditions)).matched == matched


def test_a_query_reads_back_from_its_own_address() -> None:
    from urllib.parse import parse_qs

    for conditions, _matched in QUERIES:
        query = TraceQuery(**conditions)
        again, problems, unknown = TraceQuery.read(parse_qs(query.to_query_string()))
        assert (again, problems, unknown) == (query, [], [])
