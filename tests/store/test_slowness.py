"""Whether a span is slow, from stored rollups: windows, own spans, snapshots."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from django.test import Client

from dashboard.actions.ingest import ingest
from dashboard.actions.rollups import fold_rollups
from dashboard.actions.sources import receiver_source, upload_source
from dashboard.models import RollupBlock, RollupDelta, Snapshot
from dashboard.reads import operations
from dashboard.reads.operations import forget_operations, known_operations, plan_parts
from tests.factories import make_trace

pytestmark = pytest.mark.django_db(transaction=True)
SLOW = "a" * 32


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    forget_operations()
    yield
    forget_operations()


def call(number: int, duration: int, ago_s: int = 0, **more: Any) -> Any:
    spans = [
        {
            "id": "01",
            "service": "ratings",
            "operation": "GET",
            "start": -ago_s * 1_000_000,
            "duration": duration,
            **more,
        }
    ]
    return make_trace(spans, trace_id=f"{number:032x}")


def fill(count: int, ago_s: int = 0, first: int = 1) -> None:
    """Calls of 1 to ``count`` ms."""
    found = [call(first + n, (n + 1) * 1_000, ago_s) for n in range(count)]
    ingest(receiver_source(), found, replace=False)


def slow(duration: int) -> None:
    ingest(receiver_source(), [call(int(SLOW, 16), duration)], replace=False)


def test_a_slow_span_is_told_with_its_place(client: Client) -> None:
    fill(100)
    slow(1_800_000)
    detail = client.get(f"/trace/{SLOW}/span/0").json()
    found = detail["slowness"]
    assert (found["n"], found["faster"], found["percent"]) == (100, 100, 100)
    assert "Slower than all 100 calls" in found["text"]
    assert detail["slowness_reason"] == ""
    assert found["p50_ns"] == pytest.approx(50e6, rel=0.05)
    assert found["p95_ns"] == pytest.approx(95e6, rel=0.05)
    assert "±" in found["p95"]
    assert len(found["bars"]) <= 40
    assert sum(count for _, _, count in found["bars"]) == 100
    low, high, count = found["bars"][found["bar"]]
    assert low < 1_800_000_000 <= high
    assert count == 0
    edges = [bar[:2] for bar in found["bars"]]
    assert all(a[1] == b[0] for a, b in itertools.pairwise(edges))


def test_the_trace_itself_is_left_out_before_and_after_folding(client: Client) -> None:
    fill(19)
    slow(5_000)
    for fold in (False, True):
        if fold:
            fold_rollups()
            assert not RollupDelta.objects.exists()
            forget_operations()
        detail = client.get(f"/trace/{SLOW}/span/0").json()
        assert detail["slowness"] is None
        assert "19 other calls" in detail["slowness_reason"]
    fill(1, first=500)
    forget_operations()
    assert client.get(f"/trace/{SLOW}/span/0").json()["slowness"]["n"] == 20


def test_hours_and_days_are_read_and_other_sources_are_not(client: Client) -> None:
    day = 86_400
    for place, ago_s in enumerate((0, day // 2, 2 * day, 5 * day, 20 * day)):
        fill(10, ago_s, first=1 + 100 * place)
    ingest(upload_source(), [call(9_000 + n, 3_000) for n in range(7)], replace=False)
    fold_rollups()
    assert RollupBlock.objects.filter(span_minutes=60).exists()
    assert RollupBlock.objects.filter(span_minutes=1440).exists()
    key = ("ratings", "GET")
    known = known_operations(receiver_source().pk, [key], budget_s=60)
    assert sum(known.histograms[key].values()) == 40  # the oldest lies outside
    assert 4 * 1440 <= known.minutes <= 7 * 1440 + 1440
    other = known_operations(upload_source().pk, [key], budget_s=60)
    assert sum(other.histograms[key].values()) == 7


def test_without_time_only_the_newest_is_read_and_told(client: Client) -> None:
    fill(30)
    fill(30, 5 * 86_400, first=100)
    fold_rollups()
    key = ("ratings", "GET")
    pk = receiver_source().pk
    few = known_operations(pk, [key], budget_s=-1)
    assert sum(few.histograms[key].values()) == 30
    assert few.minutes <= 120
    all_of_it = known_operations(pk, [key], budget_s=60)
    assert sum(all_of_it.histograms[key].values()) == 60


def test_a_kept_window_is_read_again_when_it_is_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(30)
    key = ("ratings", "GET")
    pk = receiver_source().pk

    def count() -> int:
        return sum(known_operations(pk, [key]).histograms[key].values())

    assert count() == 30
    fill(5, first=100)
    assert count() == 30
    monkeypatch.setattr(operations, "NEWEST_S", -1)
    assert count() == 35
    fold_rollups()
    assert count() == 35


def test_parts_of_the_window_join_without_gaps() -> None:
    now = int(time.time() // 60)
    for minute in (now, now - now % 1440, now - now % 60, now + 59):
        parts = plan_parts(minute)
        assert parts[0][0] <= minute < parts[0][1]
        assert all(a[0] == b[1] for a, b in itertools.pairwise(parts))
        assert minute - parts[-1][0] >= 7 * 1440
        assert all(first % 20 == 0 for first, _ in parts)


def test_a_snapshot_keeps_what_was_known(client: Client) -> None:
    fill(100)
    slow(1_800_000)
    answer = client.post("/shares/new", {"trace": SLOW}).json()
    RollupDelta.objects.all().delete()
    forget_operations()
    assert client.get(f"/trace/{SLOW}/span/0").json()["slowness"] is None
    token = answer["url"].rpartition("/")[2]
    found = client.get(f"/s/{token}/span/0").json()
    assert found["slowness"]["n"] == 100
    assert "before the snapshot" in found["slowness"]["text"]
    assert np.frombuffer(Snapshot.objects.get().columns, "u1").size < 10_000


def test_with_ids_in_names_the_most_called_operations_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operations, "MAX_OPERATIONS", 3)
    spans = [
        {"id": f"{n}", "service": "a", "operation": f"GET /{n}"} for n in range(50)
    ]
    fill(30)
    ingest(receiver_source(), [make_trace(spans, "b" * 32)], replace=False)
    fold_rollups()
    wanted = [("ratings", "GET"), *(("a", f"GET /{n}") for n in range(50))]
    found = known_operations(receiver_source().pk, wanted).histograms
    assert sum(found["ratings", "GET"].values()) == 30
    assert sum(1 for histogram in found.values() if histogram) == 3


def test_blocks_of_the_version_before_are_read_too() -> None:
    import msgspec
    import zstandard

    fill(1)
    fold_rollups()
    minute = int(time.time() // 60)
    row = ["operation", minute, ["ratings", "GET"], [30, 0, 0, 0, [40, 10, 50, 20]]]
    other = ["edge", minute, ["a", "b", "", "", "", "", "", ""], [1, 0, 0, 0, []]]
    payload = zstandard.compress(msgspec.msgpack.encode([row, other]))
    RollupBlock.objects.all().delete()
    RollupBlock.objects.create(
        source=receiver_source(), span_minutes=1, minute=minute, payload=payload
    )
    key = ("ratings", "GET")
    found = known_operations(receiver_source().pk, [key]).histograms[key]
    assert found == {40: 10, 50: 20}
