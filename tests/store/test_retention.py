"""Retention in small steps: by age, number and bytes; what is pinned stays."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.actions import retention
from dashboard.actions.ingest import ingest, settle_traces
from dashboard.actions.retention import enforce_retention
from dashboard.actions.shares import create_snapshot_share
from dashboard.actions.verify import verify
from dashboard.models import GROWING, Tombstone, TraceRecord, TraceTerm
from dashboard.reads.traces import find_traces
from dashboard.share_models import ShareLink, Snapshot
from dashboard.traces.query import TraceQuery
from tests.store.test_search import some_trace, source

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """30 traces, the oldest first; steps of four."""
    monkeypatch.setattr(retention, "AT_ONCE", 4)
    chance = random.Random(2)
    ingest(source(), [some_trace(n, chance) for n in range(30)], replace=True)
    pks = list(TraceRecord.objects.order_by("pk").values_list("pk", flat=True))
    for number, pk in enumerate(pks):
        arrived = timezone.now() - timedelta(hours=len(pks) - number)
        TraceRecord.objects.filter(pk=pk).update(arrived_at=arrived)
    return pks


def left() -> list[int]:
    return list(TraceRecord.objects.order_by("pk").values_list("pk", flat=True))


def check(pks: list[int], gone: int) -> None:
    assert left() == pks[gone:]
    assert Tombstone.objects.count() == gone
    terms = set(TraceTerm.objects.values_list("record", flat=True))
    assert terms == set(pks[gone:])
    assert find_traces(TraceQuery()).matched == len(pks) - gone
    assert verify().differences == []


def test_by_age(stored: list[int], settings: Any) -> None:
    settings.SPANBOARD_RETENTION_DAYS = 20.5 / 24
    assert enforce_retention() == 10
    check(stored, 10)
    assert enforce_retention() == 0


def test_by_number(stored: list[int], settings: Any) -> None:
    settings.SPANBOARD_RETENTION_TRACES = 19
    assert enforce_retention() == 11
    check(stored, 11)


def test_by_bytes(stored: list[int], settings: Any) -> None:
    sizes = list(TraceRecord.objects.order_by("pk").values_list("byte_size", flat=True))
    settings.SPANBOARD_RETENTION_BYTES = sum(sizes[13:])
    assert enforce_retention() == 13
    check(stored, 13)


def test_a_step_is_short_and_reads_no_blob(stored: list[int], settings: Any) -> None:
    settings.SPANBOARD_RETENTION_TRACES = 20
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert enforce_retention() == 10
    texts = [query["sql"] for query in asked.captured_queries]
    assert not [sql for sql in texts if '"details"' in sql and "SELECT" in sql]
    deleted = [
        sql for sql in texts if sql.startswith("DELETE") and "tracerecord" in sql
    ]
    assert len(deleted) == 3  # of four traces at most


def test_a_writer_is_let_in_between_two_steps(
    stored: list[int], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SPANBOARD_RETENTION_TRACES = 20
    seen: list[int] = []

    def pause(seconds: float) -> None:
        assert not connection.in_atomic_block
        seen.append(TraceRecord.objects.count())

    monkeypatch.setattr(retention.time, "sleep", pause)
    enforce_retention()
    if connection.vendor == "sqlite":
        assert seen == [26, 22, 20]


def test_a_step_that_fails_changes_nothing(
    stored: list[int], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SPANBOARD_RETENTION_TRACES = 20

    def fails(keys: list[str]) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(retention, "_show_heirs", fails)
    with pytest.raises(RuntimeError):
        enforce_retention()
    check(stored, 0)


def test_what_is_shared_stays(stored: list[int], settings: Any) -> None:
    record = TraceRecord.objects.get(pk=stored[0])
    link, _token = create_snapshot_share(record, days=7)
    before = Snapshot.objects.values_list("columns", "details").get()
    settings.SPANBOARD_RETENTION_DAYS = 0.0
    with transaction.atomic():
        assert enforce_retention() == 30
    assert left() == []
    assert Snapshot.objects.values_list("columns", "details").get() == before
    assert ShareLink.objects.get() == link


def test_growing_traces_are_found_by_their_index() -> None:
    """Asked every two seconds, whatever the number of stored traces."""
    growing = TraceRecord.objects.filter(GROWING, last_span_at__lt=timezone.now())
    plan = growing.values_list("pk").explain()
    assert connection.vendor != "sqlite" or "trace_growing (settled=?" in plan
    with CaptureQueriesContext(connection) as asked:
        settle_traces()
    assert not [
        q for q in asked.captured_queries if "NOT" in q["sql"].split("LIMIT")[0]
    ]
