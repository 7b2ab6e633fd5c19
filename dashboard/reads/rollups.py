"""Reads rollups of a window: blocks and the deltas not yet folded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, QuerySet, Sum

from dashboard.graph.contribution import Contribution
from dashboard.graph.packing import Frame, is_packed, unpack
from dashboard.graph.tables import GROUP_OF, GROUPS, Adder, Table, within
from dashboard.models import RollupBlock, RollupDelta, TraceRecord, TraceTerm
from dashboard.reads.traces import visible_sources
from dashboard.traces.terms import OVERFLOW, term

MAX_MINUTES = 90 * 1440
GRAPH = GROUPS["graph"]
MAX_KEPT = 12  # windows whose sums this process keeps
TRIES = 4
Stamp = tuple[int, ...]
Query = tuple[int, int, str, frozenset[str]]


@dataclass(slots=True)
class Window:
    """The sums of a window; equal ``stamp`` means equal sums."""

    stamp: Stamp
    tables: dict[str, Table]
    folded: Adder  # what was read of blocks: they change less often than deltas
    derived: dict[Any, Any] = field(default_factory=dict)  # made of the tables


_kept: OrderedDict[Query, Window] = OrderedDict()
_lock = threading.Lock()


def forget_windows() -> None:
    """Drop all that is kept."""
    with _lock:
        _kept.clear()


def _stored(
    first: int, last: int, source: str, levels: Iterable[str]
) -> tuple[QuerySet[RollupBlock], QuerySet[RollupDelta]]:
    """Blocks and deltas of a window; a coarse block counts when it begins in it."""
    sources = list(visible_sources(source).values_list("pk", flat=True))
    blocks = RollupBlock.objects.filter(
        source__in=sources,
        minute__gte=first,
        minute__lte=last,
        level__in=["", *{GROUP_OF[level] for level in levels}],
    )
    deltas = RollupDelta.objects.filter(
        source__in=sources, last_minute__gte=first, first_minute__lte=last
    )
    if source:
        blocks, deltas = blocks.filter(overlap=False), deltas.filter(overlap=False)
    return blocks, deltas


def _stamp_of(rows: QuerySet[Any]) -> Stamp:
    found = rows.aggregate(n=Count("pk"), pks=Sum("pk"), revisions=Sum("revision"))
    return tuple(int(value or 0) for value in found.values())


def read_window_sums(
    first: int, last: int, source: str = "", levels: Iterable[str] = GRAPH
) -> Window:
    """Tables of the minutes ``first`` to ``last`` (inclusive, since the epoch).

    Old minutes were folded into hours and days; a block counts when it begins in
    the window. With all sources, what several of them hold counts once. What has
    not changed since it was last asked for is not read again.
    """
    wanted = frozenset(levels)
    query = (first, last, source, wanted)
    with _lock:
        kept = _kept.get(query)
        if kept is not None:
            _kept.move_to_end(query)
    for _attempt in range(TRIES):
        blocks, deltas = _stored(first, last, source, wanted)
        folded, fresh = _stamp_of(blocks), _stamp_of(deltas)
        if kept is not None and kept.stamp == folded + fresh:
            return kept
        if kept is not None and kept.stamp[: len(folded)] == folded:
            base = kept.folded
        else:
            base = Adder()
            for payload in blocks.values_list("payload", flat=True).iterator(200):
                base.add(frames_of(payload, wanted))
        adder = base.copy()
        for payload in deltas.values_list("payload", flat=True).iterator(200):
            frames = frames_of(payload, wanted)
            adder.add({lv: within(frame, first, last) for lv, frame in frames.items()})
        # Deltas that were folded meanwhile would be missing, or count twice.
        if _stamp_of(blocks) == folded:
            break
    window = Window(folded + fresh, adder.tables(wanted), base)
    with _lock:
        _kept[query] = window
        _kept.move_to_end(query)
        while len(_kept) > MAX_KEPT:
            _kept.popitem(last=False)
    return window


def read_tables(
    first: int, last: int, source: str = "", levels: Iterable[str] = GRAPH
) -> dict[str, Table]:
    """The tables of ``read_window_sums``."""
    return read_window_sums(first, last, source, levels).tables


def frames_of(
    payload: bytes | memoryview[int], levels: Collection[str]
) -> dict[str, Frame]:
    """The frames of stored bytes, also of those of the version before."""
    if not is_packed(payload):
        payload = Contribution.from_bytes(payload).to_bytes()
    return unpack(payload, levels)


def read_window(first: int, last: int, source: str = "") -> Contribution:
    """The same as one contribution, all levels; slower, for checks."""
    total = Contribution()
    blocks, deltas = _stored(first, last, source, GROUP_OF)
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
