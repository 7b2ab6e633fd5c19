"""Reads rollups of a window: blocks and the deltas not yet folded."""

from __future__ import annotations

from dashboard.graph.contribution import Contribution
from dashboard.models import RollupBlock, RollupDelta, TraceRecord, TraceTerm
from dashboard.reads.traces import visible_sources
from dashboard.traces.terms import OVERFLOW, term

MAX_MINUTES = 90 * 1440


def read_window(first: int, last: int, source: str = "") -> Contribution:
    """Tallies of the minutes ``first`` to ``last`` (inclusive, since the epoch).

    Old minutes were folded into hours and days; a block counts when it begins in
    the window. With all sources, what several of them hold counts once.
    """
    sources = list(visible_sources(source).values_list("pk", flat=True))
    total = Contribution()
    blocks = RollupBlock.objects.filter(
        source__in=sources, minute__gte=first, minute__lte=last
    )
    deltas = RollupDelta.objects.filter(
        source__in=sources, last_minute__gte=first, first_minute__lte=last
    )
    if source:
        blocks, deltas = blocks.filter(overlap=False), deltas.filter(overlap=False)
    for payload in blocks.values_list("payload", flat=True).iterator():
        total.merge(Contribution.from_bytes(payload))
    for payload in deltas.values_list("payload", flat=True).iterator():
        for level, minute, key, tally in Contribution.from_bytes(payload).items():
            if first <= minute <= last:
                total.at(level, minute, key).add(tally)
    return total


def traces_between(
    caller: str, callee: str, first: int, last: int, source: str = "", limit: int = 20
) -> list[TraceRecord]:
    """Newest traces that hold spans of both services, or of one if the other is "".

    A pre-selection: a side that sends no spans of its own is not asked for.
    """
    records = TraceRecord.objects.filter(
        source__in=visible_sources(source),
        start_us__gte=first * 60_000_000,
        start_us__lt=(last + 1) * 60_000_000,
    )
    for name in (caller, callee):
        if name:
            number = term("s", name)
            if TraceTerm.objects.filter(term=number).exists():
                having = TraceTerm.objects.filter(term__in=(number, OVERFLOW))
                records = records.filter(pk__in=having.values("record"))
    return list(
        records.defer("columns", "details", "contribution")
        .select_related("source")
        .order_by("-start_us")[:limit]
    )
