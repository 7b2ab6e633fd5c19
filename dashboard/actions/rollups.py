"""Folds rollup deltas into blocks of minutes, hours and days."""

from __future__ import annotations

from collections import defaultdict

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from dashboard.actions.locks import alone
from dashboard.graph.contribution import Contribution
from dashboard.graph.tables import GROUP_OF
from dashboard.models import RollupBlock, RollupDelta, fresh_revision

HOUR, DAY = 60, 1440
FOLD_AT_ONCE = 2000


def current_minute() -> int:
    """The running minute since the epoch."""
    return int(timezone.now().timestamp() // 60)


def fold_rollups() -> int:
    """Fold all deltas into minute blocks, and old minutes into hours and days.

    Each step is one transaction: the sum of blocks and deltas never changes.
    Returns how many deltas were folded; 0 where another process is at it.
    """
    with alone("fold") as mine:
        return _fold() if mine else 0


def _fold() -> int:
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


Place = tuple[int, int, bool, str]  # source, minute, overlap, group of levels


def _into_minutes(deltas: list[RollupDelta]) -> None:
    sums: dict[Place, Contribution] = defaultdict(Contribution)
    for delta in deltas:
        found = Contribution.from_bytes(delta.payload)
        for level, minute, key, tally in found.items():
            place = (delta.source_id, minute, delta.overlap, GROUP_OF[level])
            sums[place].at(level, minute, key).add(tally)
    for (source, minute, overlap, group), total in sums.items():
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
                    level=group,
                )
                .first()
            )
            if block is not None or length == 1:
                break
        if block is None:
            block = RollupBlock(
                source_id=source,
                span_minutes=1,
                minute=minute,
                overlap=overlap,
                level=group,
            )
        _add_to(block, total)


def _add_to(block: RollupBlock, more: Contribution) -> None:
    total = Contribution.from_bytes(block.payload)
    if block.span_minutes > 1:
        more = at_minute(more, block.minute)
    total.merge(more)
    if total:
        block.payload = total.to_bytes()
        block.revision = fresh_revision()
        if block.level == "graph":
            services = [t for lv, _, _, t in total.items() if lv == "service"]
            block.requests = sum(tally.count for tally in services)
            block.failed = sum(tally.errors for tally in services)
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
    groups: dict[Place, list[int]] = defaultdict(list)
    for pk, source, minute, overlap, group in blocks.values_list(
        "pk", "source_id", "minute", "overlap", "level"
    )[:20_000]:
        groups[source, minute - minute % longer, overlap, group].append(pk)
    for (source, first, overlap, group), pks in groups.items():
        with transaction.atomic():
            parts = list(RollupBlock.objects.select_for_update().filter(pk__in=pks))
            total = Contribution.total(
                Contribution.from_bytes(part.payload) for part in parts
            )
            place = {
                "source_id": source,
                "span_minutes": longer,
                "minute": first,
                "overlap": overlap,
                "level": group,
            }
            block = RollupBlock.objects.filter(**place).first() or RollupBlock(**place)
            RollupBlock.objects.filter(pk__in=pks).delete()
            _add_to(block, total)
