"""Checks the rollups against a recount of what is stored, and repairs them."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction

from dashboard.actions.ingest import write_delta
from dashboard.graph.contribution import Contribution, contribution
from dashboard.graph.link import link
from dashboard.models import RollupBlock, RollupDelta, Source, Tombstone, TraceRecord
from dashboard.traces import codec


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
    """Recount every stored trace from its blob, add the tombstones' counts, compare."""
    result = Verification()
    for source in Source.objects.order_by("pk"):
        wanted = Contribution()
        for record in TraceRecord.objects.filter(source=source).iterator(50):
            trace, _ = codec.decode_columns(record.columns)
            result.traces += 1
            result.spans += len(trace)
            share = Contribution()
            if record.contribution:
                share = contribution(trace, link(trace))
            wanted.merge(share)
            if len(trace) != record.span_count:
                result.differences.append(
                    {
                        "trace": record.trace_id,
                        "spans": len(trace),
                        "said": record.span_count,
                    }
                )
        for stone in Tombstone.objects.filter(source=source).iterator(500):
            wanted.merge(Contribution.from_bytes(stone.contribution))
        result.calls += sum(t.count for lv, _, _, t in wanted.items() if lv == "edge")
        gone = _compare(source, wanted, result)
        if repair and gone:
            with transaction.atomic():
                write_delta(source.pk, gone)
    return result


def _compare(
    source: Source, wanted: Contribution, result: Verification
) -> Contribution:
    """Differences of one source are noted; what is missing is returned."""
    have = Contribution()
    rows = {"source": source, "overlap": False}
    for payload in RollupBlock.objects.filter(**rows).values_list("payload", flat=True):
        have.merge(Contribution.from_bytes(payload))
    for payload in RollupDelta.objects.filter(**rows).values_list("payload", flat=True):
        have.merge(Contribution.from_bytes(payload))
    missing = by_key(wanted).merge(by_key(have), -1)
    for level, _, key, tally in missing.items():
        result.differences.append(
            {
                "source": source.name,
                "level": level,
                "key": list(key),
                "calls": tally.count,
            }
        )
    if not missing:
        return Contribution()
    return Contribution().merge(wanted).merge(have, -1)
