"""Deletes what is too old or too much; counts stay in the rollups."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Sum
from django.utils import timezone

from dashboard.actions.locks import alone, hold_traces
from dashboard.actions.terms import list_terms
from dashboard.live.events import TRACES, publish
from dashboard.models import Tombstone, TraceRecord, TraceTerm

log = logging.getLogger(__name__)
AT_ONCE = 100  # a transaction, of some 100 ms
PAUSE_S = 0.02
DAY = timedelta(days=1)


def enforce_retention() -> int:
    """Bury traces beyond the limits of age (since arrival), number and bytes.

    One process at a time: two that count what is too much would delete twice that.
    """
    with alone("retention") as mine:
        return _enforce() if mine else 0


def _enforce() -> int:
    now = timezone.now()
    buried = 0
    limit = now - timedelta(days=settings.SPANBOARD_RETENTION_DAYS)
    while part := _oldest(AT_ONCE, arrived_at__lt=limit):
        buried += _bury([pk for pk, _ in part])
        _give_way()
    # Both come from one index, without a look at the rows or a lock.
    found = TraceRecord.objects.aggregate(traces=Count("pk"), size=Sum("byte_size"))
    over = found["traces"] - settings.SPANBOARD_RETENTION_TRACES
    too_large = (found["size"] or 0) - settings.SPANBOARD_RETENTION_BYTES
    while over > 0 or too_large > 0:
        chosen = []
        for pk, size in _oldest(AT_ONCE):
            if over <= 0 and too_large <= 0:
                break
            chosen.append(pk)
            over, too_large = over - 1, too_large - size
        if not chosen:
            break
        buried += _bury(chosen)
        _give_way()
    look_back = timedelta(seconds=settings.SPANBOARD_LOOKBACK_SECONDS)
    # A stone keeps the counts of its trace for as long as the rollups hold them.
    kept = max(look_back, timedelta(days=settings.SPANBOARD_ROLLUP_DAYS)) + 2 * DAY
    Tombstone.objects.filter(deleted_at__lt=now - kept).delete()
    if buried:
        log.info("%s traces were deleted to keep the limits", buried)
        publish(TRACES, {"all": True})
    return buried


def _oldest(count: int, **conditions: Any) -> list[tuple[int, int]]:
    """Numbers and bytes of the traces that arrived first, read from their index."""
    records = TraceRecord.objects.filter(**conditions).order_by("arrived_at", "pk")
    return list(records.values_list("pk", "byte_size")[:count])


def _give_way() -> None:
    """Let waiting writers in: SQLite has one at a time and keeps no queue."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        time.sleep(PAUSE_S)


def _bury(pks: list[int]) -> int:
    """Delete traces and leave stones, so that no re-pull counts them again."""
    now = timezone.now()
    with transaction.atomic():
        present = TraceRecord.objects.filter(pk__in=pks)
        hold_traces(present.values_list("trace_key", flat=True))
        # They may have grown since they were chosen; the stone keeps what counted.
        records = list(present.defer("columns", "details", "summary"))
        Tombstone.objects.bulk_create(
            [
                Tombstone(
                    source_id=record.source_id,
                    trace_key=record.trace_key,
                    span_count=record.span_count,
                    start_us=record.start_us,
                    deleted_at=now,
                    counted=record.counted,
                    contribution=record.contribution,
                )
                for record in records
            ],
            ignore_conflicts=True,
        )
        TraceTerm.objects.filter(record__in=pks).delete()
        # Django's own deletion would read every row with its blobs first.
        present._raw_delete(present.db)
        _show_heirs([record.trace_key for record in records if record.listed])
    return len(records)


def _show_heirs(keys: list[str]) -> None:
    """Show the fullest copy that is left of traces whose shown copy was deleted."""
    best: dict[str, tuple[int, int]] = {}
    left = TraceRecord.objects.filter(trace_key__in=keys)
    for key, spans, pk in left.values_list("trace_key", "span_count", "pk"):
        best[key] = max(best.get(key, (0, 0)), (spans, pk))
    pks = [pk for _, pk in best.values()]
    TraceRecord.objects.filter(pk__in=pks).update(listed=True)
    list_terms(pks, True)
