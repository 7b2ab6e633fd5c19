"""Erasing a trace: counts stay exact, what others have stays, it does not come back."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.access.person import LOCAL
from dashboard.actions.erase import erase_trace
from dashboard.actions.ingest import ingest
from dashboard.actions.links import save_link
from dashboard.actions.retention import _bury
from dashboard.actions.rollups import fold_rollups
from dashboard.actions.shares import create_snapshot_share
from dashboard.actions.sources import receiver_source, upload_source
from dashboard.actions.verify import verify
from dashboard.graph.contribution import Contribution
from dashboard.models import (
    RollupBlock,
    RollupDelta,
    SavedLink,
    ShareEvent,
    ShareLink,
    Snapshot,
    Tombstone,
    TraceRecord,
    TraceTerm,
    Vocabulary,
)
from tests.factories import TRACE_ID, make_trace

pytestmark = pytest.mark.django_db(transaction=True)
OTHER = "5" * 32
SECRET = "GET /users/ann@planted.example"


def trace(trace_id: str, operation: str, spans: int = 1) -> Any:
    below = {"parent": "01", "service": "shop", "operation": operation}
    return make_trace(
        [
            {"id": "01", "service": "web", "operation": "GET /", "kind": "server"},
            *({"id": f"1{n}", "kind": "server", **below} for n in range(spans)),
        ],
        trace_id,
    )


def counted(overlap: bool | None = None) -> list[Any]:
    """What the rollups hold in all, blocks and deltas."""
    total = Contribution()
    for model in (RollupBlock, RollupDelta):
        rows = model.objects.all()
        if overlap is not None:
            rows = rows.filter(overlap=overlap)
        for row in rows:
            total.merge(Contribution.from_bytes(row.payload))
    return total.plain()


def words() -> set[str]:
    return set(Vocabulary.objects.values_list("operation", flat=True))


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("buried", ["none", "first", "both"])
def test_the_rollups_are_as_if_the_trace_had_never_come(
    folded: bool, buried: str
) -> None:
    ingest(receiver_source(), [trace(OTHER, "shared")], replace=False)
    before = counted()
    # Held by two sources, so one copy is taken off as a double.
    ingest(receiver_source(), [trace(TRACE_ID, SECRET)], replace=False)
    ingest(upload_source(), [trace(TRACE_ID, SECRET, 3)], replace=False)
    if folded:
        fold_rollups()
    records = TraceRecord.objects.filter(trace_id=TRACE_ID).order_by("pk")
    mine = list(records.values_list("pk", flat=True))
    if buried != "none":
        _bury(mine[: 1 if buried == "first" else 2])
    assert verify().differences == []
    assert counted() != before
    found = erase_trace(TRACE_ID, clear=False)
    assert found.copies + found.stones == 2
    assert counted() == before
    assert counted(overlap=True) == []
    assert verify().differences == []
    assert [record.trace_id for record in TraceRecord.objects.all()] == [OTHER]
    assert not Vocabulary.objects.filter(operation__contains=SECRET).exists()
    assert Vocabulary.objects.filter(operation__contains="shared").exists()
    assert not TraceTerm.objects.exclude(record__trace_id=OTHER).exists()
    assert not any(bytes(stone.contribution) for stone in Tombstone.objects.all())


def test_words_that_another_trace_has_stay() -> None:
    ingest(receiver_source(), [trace(OTHER, "shared")], replace=False)
    both = [trace(TRACE_ID, SECRET), trace("6" * 32, "shared")]
    ingest(receiver_source(), both, replace=False)
    assert words() == {"GET /", "shared", SECRET}
    assert erase_trace(TRACE_ID, clear=False).words == 1
    assert words() == {"GET /", "shared"}
    assert erase_trace(OTHER, clear=False).words == 0
    assert words() == {"GET /", "shared"}


def test_an_erased_trace_does_not_come_back_from_its_source() -> None:
    ingest(receiver_source(), [trace(TRACE_ID, SECRET)], replace=False)
    erase_trace(TRACE_ID, clear=False)
    again = ingest(receiver_source(), [trace(TRACE_ID, SECRET, 5)], replace=False)
    assert (again.created, again.buried) == (0, 1)
    # From another source it is a trace like any other, and counts.
    ingest(upload_source(), [trace(TRACE_ID, SECRET)], replace=False)
    record = TraceRecord.objects.get()
    assert record.counted
    assert record.listed
    assert verify().differences == []


def test_snapshots_go_only_when_asked_to() -> None:
    ingest(receiver_source(), [trace(TRACE_ID, SECRET)], replace=False)
    create_snapshot_share(TraceRecord.objects.get(), days=1)
    assert erase_trace(TRACE_ID, clear=False).snapshots == 0
    assert erase_trace(TRACE_ID.upper(), shares=True, clear=False).snapshots == 1
    assert not Snapshot.objects.exists()
    assert not ShareLink.objects.exists()
    what = ShareEvent.objects.order_by("pk").values_list("what", flat=True)
    assert list(what) == ["created", "deleted"]


def test_short_links_to_the_trace_go_with_their_titles() -> None:
    ingest(receiver_source(), [trace(TRACE_ID, SECRET)], replace=False)
    for path in (
        f"/trace/{TRACE_ID}?uiFind=ann",
        f"/trace/{TRACE_ID.lstrip('0').upper()}",
        f"/trace/{OTHER}...{TRACE_ID}",
        f"/stitched/{OTHER}%2B{TRACE_ID}",
        f"/graph?level=service&overlay={TRACE_ID}",
    ):
        save_link(path, SECRET, LOCAL)
    kept = {f"/trace/{OTHER}", f"/graph?q=9{TRACE_ID}", "/search"}
    for path in kept:
        save_link(path, "", LOCAL)
    erase_trace(TRACE_ID, clear=False)
    assert set(SavedLink.objects.values_list("path", flat=True)) == kept


def test_what_was_never_there_is_erased_without_a_trace() -> None:
    found = erase_trace("7" * 32, clear=False)
    assert (found.copies, found.stones, found.words) == (0, 0, 0)
    assert not Tombstone.objects.exists()
