"""What sources gave, counted by the minute while it is stored: rates and lag."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count

from dashboard.actions.locks import alone
from dashboard.models import Source, SourceMinute, TraceRecord

KEPT_MINUTES = 24 * 60
STEPS = 4  # buckets of lag for each doubling: 19 % wide
AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """One stored trace: its new spans, start and end (µs since the epoch)."""

    is_new: bool
    new_spans: int
    start_us: int
    end_us: int


def count_arrivals(
    source_id: int, arrivals: Iterable[Arrival], now: datetime, *, timed: bool
) -> None:
    """Note what is stored; call it inside the write's transaction.

    One more row and no lock, so that writers do not wait for each other; ``tally``
    folds the rows. ``timed``: the traces came as they happened, so that their lag
    means something.
    """
    all_of_them = list(arrivals)
    if not all_of_them:
        return
    new = [arrival for arrival in all_of_them if arrival.is_new]
    lags: Counter[str] = Counter()
    if timed:
        now_us = time.time() * 1e6
        lags.update(str(bucket_of((now_us - a.end_us) / 1e3)) for a in new)
    newest_us = max(arrival.start_us for arrival in all_of_them)
    SourceMinute.objects.create(
        source_id=source_id,
        minute=int(now.timestamp()) // 60,
        traces=len(new),
        spans=sum(max(0, arrival.new_spans) for arrival in all_of_them),
        lags=dict(lags),
        newest_us=min(newest_us, round(now.timestamp() * 1e6)),
    )


def bucket_of(lag_ms: float) -> int:
    """The bucket of a lag; what ends in the future has none and is 0."""
    return max(0, math.ceil(STEPS * math.log2(lag_ms))) if lag_ms > 1 else 0


def bucket_ms(bucket: int) -> float:
    """The upper bound of a bucket."""
    return float(2 ** (bucket / STEPS))


def tally() -> None:
    """Fold the rows by minute, and count what is held anew.

    Traces are deleted too, so the number held is counted, once a minute and
    never for a page.
    """
    with alone("tally") as mine:
        if mine:
            _fold()
            _count()


def _fold() -> None:
    limit = int(time.time()) // 60 - KEPT_MINUTES
    SourceMinute.objects.filter(minute__lt=limit).delete()
    with transaction.atomic():
        rows = list(SourceMinute.objects.filter(folded=False).order_by("pk")[:AT_ONCE])
        groups: dict[tuple[int, int], list[SourceMinute]] = defaultdict(list)
        for row in rows:
            groups[row.source_id, row.minute].append(row)
        for (source_id, minute), parts in groups.items():
            total, _ = SourceMinute.objects.get_or_create(
                source_id=source_id, minute=minute, folded=True
            )
            lags = Counter(total.lags)
            for part in parts:
                total.traces += part.traces
                total.spans += part.spans
                lags.update(part.lags)
                total.newest_us = max(total.newest_us, part.newest_us)
            total.lags = dict(lags)
            total.save()
        SourceMinute.objects.filter(pk__in=[row.pk for row in rows]).delete()


def _count() -> None:
    counts = dict(
        TraceRecord.objects.order_by().values_list("source_id").annotate(Count("pk"))
    )
    newest: dict[int, int] = {}
    for source_id, at_us in SourceMinute.objects.values_list("source_id", "newest_us"):
        newest[source_id] = max(newest.get(source_id, 0), at_us)
    for source in Source.objects.only("pk", "held", "newest_us"):
        held = counts.get(source.pk, 0)
        newest_us = max(newest.get(source.pk, 0), source.newest_us or 0) or None
        if (held, newest_us) != (source.held, source.newest_us):
            Source.objects.filter(pk=source.pk).update(held=held, newest_us=newest_us)
