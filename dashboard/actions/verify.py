"""Checks the rollups against a recount of what is stored, and repairs them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from django.conf import settings
from django.db import connection, transaction

from dashboard.actions.ingest import write_delta
from dashboard.actions.locks import alone
from dashboard.actions.prepare import plans
from dashboard.actions.rollups import DAY, current_minute
from dashboard.graph.contribution import Contribution, contribution
from dashboard.graph.link import link
from dashboard.graph.packing import is_packed
from dashboard.graph.plans import Plan, book
from dashboard.models import RollupBlock, RollupDelta, Source, Tombstone, TraceRecord
from dashboard.traces import codec
from dashboard.traces.collector import no_collection
from dashboard.traces.trace import Trace

AT_ONCE = 100  # records in memory
ALONE = 20  # one in so many is counted without a plan, which checks the plans too


class AlreadyVerifying(Exception):
    """Another process verifies and may repair."""


@dataclass(slots=True)
class Verification:
    """What was counted, and where rollups and recount differ."""

    traces: int = 0
    spans: int = 0
    calls: int = 0
    differences: list[dict[str, object]] = field(default_factory=list)


def by_key(found: Contribution) -> Contribution:
    """The same tallies without their minutes, which folding makes coarser."""
    result = Contribution()
    for level, _, key, tally in found.items():
        result.at(level, 0, key).add(tally)
    return result


def verify(*, repair: bool = False) -> Verification:
    """Recount every stored trace from its blob, add the tombstones' counts, compare.

    Each source is seen as it was at one moment, so that a repair never takes away
    what an ingest has just added. Days at the end of the rollups' age
    are left out, since rollups and tombstones go at different moments there.
    """
    with alone("verify") as mine:
        if repair and not mine:  # two repairs would add what is missing twice
            raise AlreadyVerifying("Another verify runs. Wait until it has ended.")
        return _verify(repair)


def _verify(repair: bool) -> Verification:
    result = Verification()
    for source_id in Source.objects.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            _see_one_moment()
            source = Source.objects.filter(pk=source_id).first()
            if source is None:
                continue
            wanted, uncounted = _recount(source, result)
            missing = _difference(source, wanted, False, result)
            surplus = _difference(source, uncounted, True, result)
            if repair:
                write_delta(source.pk, missing)
                write_delta(source.pk, surplus, overlap=True)
    return result


def _see_one_moment() -> None:
    """Read one snapshot until the transaction ends; on SQLite it is so anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def batched(records: Iterable[TraceRecord], size: int) -> Iterator[list[TraceRecord]]:
    """Records in lists, of which one is in memory at a time."""
    rest = iter(records)
    while part := list(islice(rest, size)):
        yield part


def _recount(source: Source, result: Verification) -> tuple[Contribution, Contribution]:
    """What a source's rollups should hold, and what to take off for double copies."""
    wanted, uncounted = Contribution(), Contribution()
    records = TraceRecord.objects.filter(source=source).only(
        "trace_id", "span_count", "counted", "columns", "contribution"
    )
    for part in batched(records.iterator(AT_ONCE), AT_ONCE):
        with no_collection():
            _recount_some(part, result, wanted, uncounted)
    for stone in Tombstone.objects.filter(source=source).iterator(500):
        share = Contribution.from_bytes(stone.contribution)
        wanted.merge(share)
        if not stone.counted:
            uncounted.merge(share, -1)
    result.calls += sum(t.count for lv, _, _, t in wanted.items() if lv == "edge")
    return wanted, uncounted


def _recount_some(
    records: Sequence[TraceRecord],
    result: Verification,
    wanted: Contribution,
    uncounted: Contribution,
) -> None:
    """Add what some records should have added."""
    planned: list[tuple[Trace, Plan]] = []
    for record in records:
        trace, _ = codec.decode_columns(record.columns)
        result.traces += 1
        result.spans += len(trace)
        if len(trace) != record.span_count:
            result.differences.append(
                {
                    "trace": record.trace_id,
                    "spans": len(trace),
                    "said": record.span_count,
                }
            )
        if not record.contribution or not is_packed(record.contribution):
            # What an earlier version counted is what will be taken off.
            share = Contribution.from_bytes(record.contribution)
        elif (
            record.counted
            and result.traces % ALONE
            and (plan := plans.of(trace)) is not None
        ):
            planned.append((trace, plan))
            continue
        else:
            share = contribution(trace, link(trace))
        wanted.merge(share)
        if not record.counted:
            uncounted.merge(share, -1)
    wanted.merge(book(planned)[1])


def _difference(
    source: Source, wanted: Contribution, overlap: bool, result: Verification
) -> Contribution:
    """What the rollups lack (negative: have too much); noted in the result."""
    have = Contribution()
    rows = {"source": source, "overlap": overlap}
    for model in (RollupBlock, RollupDelta):
        payloads = model.objects.filter(**rows).values_list("payload", flat=True)
        for payload in payloads.iterator(AT_ONCE):
            have.merge(Contribution.from_bytes(payload))
    wanted, have = _recent(wanted), _recent(have)
    missing = by_key(wanted).merge(by_key(have), -1)
    for level, _, key, tally in missing.items():
        result.differences.append(
            {
                "source": source.name,
                "level": level,
                "key": list(key),
                "overlap": overlap,
                "calls": tally.count,
            }
        )
    if not missing:
        return Contribution()
    return Contribution().merge(wanted).merge(have, -1)


def _recent(found: Contribution) -> Contribution:
    """Tallies of whole days that no rollup has lost yet."""
    limit = current_minute() - round((settings.SPANBOARD_ROLLUP_DAYS - 1) * DAY)
    limit -= limit % DAY
    result = Contribution()
    for level, minute, key, tally in found.items():
        if minute >= limit:
            result.at(level, minute, key).add(tally)
    return result
