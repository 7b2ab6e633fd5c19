"""Folds rollup deltas into blocks of minutes, hours and days."""

from __future__ import annotations

from collections import defaultdict

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from dashboard.graph.contribution import Contribution
from dashboard.models import RollupBlock, RollupDelta

HOUR, DAY = 60, 1440
FOLD_AT_ONCE = 2000


def current_minute() -> int:
    """The running minute since the epoch."""
    return int(timezone.now().timestamp() // 60)


def fold_rollups() -> int:
    """Fold all deltas into minute blocks, and old minutes into hours and days.

    Each step is one transaction: the sum of blocks and deltas never changes.
    Returns how many deltas were folded.
    """
    folded = 0
    while True:
        with transaction.atomic():
            deltas = list(
                RollupDelta.objects.select_for_update().order_by("pk")[:FOLD_AT_ONCE]
            )
            if not deltas:
                break
            _into_minutes(deltas)
            RollupDelta.objects.filter(pk__in=[d.pk for d in deltas]).delete()
        folded += len(deltas)
    now = current_minute()
    _coarsen(1, HOUR, now - 26 * HOUR)
    _coarsen(HOUR, DAY, now - 8 * DAY)
    old = now - round(settings.SPANBOARD_ROLLUP_DAYS * DAY) - DAY
    RollupBlock.objects.filter(minute__lt=old).delete()
    return folded


def _into_minutes(deltas: list[RollupDelta]) -> None:
    sums: dict[tuple[int, int, bool], Contribution] = defaultdict(Contribution)
    for delta in deltas:
        found = Contribution.from_bytes(delta.payload)
        for level, minute, key, tally in found.items():
            total = sums[delta.source_id, minute, delta.overlap]
            total.at(level, minute, key).add(tally)
    for (source, minute, overlap), total in sums.items():
        # A minute that was folded into an hour or day already is added there.
        for length in (DAY, HOUR, 1):
            first = minute - minute % length
            block = (
                RollupBlock.objects.select_for_update()
                .filter(
                    source_id=source,
                    span_minutes=length,
                    minute=first,
                    overlap=overlap,
                )
                .first()
            )
            if block is not None or length == 1:
                break
        if block is None:
            block = RollupBlock(
                source_id=source, span_minutes=1, minute=minute, overlap=overlap
            )
        _add_to(block, total)


def _add_to(block: RollupBlock, more: Contribution) -> None:
    total = Contribution.from_bytes(block.payload)
    if block.span_minutes > 1:
        more = at_minute(more, block.minute)
    total.merge(more)
    if total:
        block.payload = total.to_bytes()
        block.save()
    elif block.pk is not None:
        block.delete()


def at_minute(found: Contribution, minute: int) -> Contribution:
    """The same tallies, all booked at one minute."""
    result = Contribution()
    for level, _, key, tally in found.items():
        result.at(level, minute, key).add(tally)
    return result


def _coarsen(length: int, longer: int, before: int) -> None:
    """Fold blocks of one length that lie wholly before a minute into longer ones."""
    limit = before - before % longer
    blocks = RollupBlock.objects.filter(span_minutes=length, minute__lt=limit)
    groups: dict[tuple[int, int, bool], list[int]] = defaultdict(list)
    for pk, source, minute, overlap in blocks.values_list(
        "pk", "source_id", "minute", "overlap"
    )[:20_000]:
        groups[source, minute - minute % longer, overlap].append(pk)
    for (source, first, overlap), pks in groups.items():
        with transaction.atomic():
            parts = list(RollupBlock.objects.select_for_update().filter(pk__in=pks))
            total = Contribution.total(
                Contribution.from_bytes(part.payload) for part in parts
            )
            block = RollupBlock.objects.filter(
                source_id=source, span_minutes=longer, minute=first, overlap=overlap
            ).first() or RollupBlock(
                source_id=source, span_minutes=longer, minute=first, overlap=overlap
            )
            RollupBlock.objects.filter(pk__in=pks).delete()
            _add_to(block, total)
