"""Deletes what is too old or too much; counts stay in the rollups."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from dashboard.actions.locks import alone, hold_traces
from dashboard.actions.terms import list_terms
from dashboard.live.events import TRACES, publish
from dashboard.models import Tombstone, TraceRecord

log = logging.getLogger(__name__)
AT_ONCE = 500
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
    oldest_first = TraceRecord.objects.order_by("arrived_at", "pk")
    limit = now - timedelta(days=settings.SPANBOARD_RETENTION_DAYS)
    while part := list(oldest_first.filter(arrived_at__lt=limit)[:AT_ONCE]):
        buried += _bury(part)
    while (
        over := TraceRecord.objects.count() - settings.SPANBOARD_RETENTION_TRACES
    ) > 0:
        buried += _bury(list(oldest_first[: min(over, AT_ONCE)]))
    size = TraceRecord.objects.aggregate(total=Sum("byte_size"))["total"] or 0
    while size > settings.SPANBOARD_RETENTION_BYTES:
        part = []
        for record in oldest_first[:AT_ONCE]:
            part.append(record)
            size -= record.byte_size
            if size <= settings.SPANBOARD_RETENTION_BYTES:
                break
        buried += _bury(part)
    look_back = timedelta(seconds=settings.SPANBOARD_LOOKBACK_SECONDS)
    # A stone keeps the counts of its trace for as long as the rollups hold them.
    kept = max(look_back, timedelta(days=settings.SPANBOARD_ROLLUP_DAYS)) + 2 * DAY
    Tombstone.objects.filter(deleted_at__lt=now - kept).delete()
    if buried:
        log.info("%s traces were deleted to keep the limits", buried)
        publish(TRACES, {"all": True})
    return buried


def _bury(records: list[TraceRecord]) -> int:
    """Delete traces and leave stones, so that no re-pull counts them again."""
    now = timezone.now()
    with transaction.atomic():
        hold_traces(record.trace_key for record in records)
        # They may have grown since they were chosen; the stone keeps what counted.
        pks = [record.pk for record in records]
        present = TraceRecord.objects.filter(pk__in=pks)
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
        TraceRecord.objects.filter(pk__in=pks).delete()
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
