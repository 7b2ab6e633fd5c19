"""Reads rollups of a window: blocks and the deltas not yet folded."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, QuerySet, Sum

from dashboard.graph.contribution import Contribution
from dashboard.graph.packing import Frame, is_packed, unpack
from dashboard.graph.tables import GROUP_OF, GROUPS, Adder, Table, step_of, within
from dashboard.models import RollupBlock, RollupDelta, TraceRecord, TraceTerm
from dashboard.reads.traces import visible_sources
from dashboard.traces.terms import OVERFLOW, term

MAX_MINUTES = 90 * 1440
GRAPH = GROUPS["graph"]
MAX_KEPT = 12  # windows whose sums this process keeps
MAX_CELLS = 8_000_000  # rows and histogram cells in them, but for the newest window
MAX_HOURS = 40  # hours whose minutes are kept put together, for long windows
MAX_DERIVED = 24  # graphs and answers made of one window's sums
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

    def keep(self, key: Any, value: Any) -> None:
        """Keep what was made of the sums; no more than a few such."""
        if len(self.derived) >= MAX_DERIVED:
            self.derived.clear()
        self.derived[key] = value

    @property
    def cells(self) -> int:
        """How much room it takes."""
        return sum(len(t.rows) + len(t.rows.number) for t in self.tables.values())


Hour = tuple[int, int, frozenset[str], Stamp]  # hour, step, levels
_kept: OrderedDict[Query, Window] = OrderedDict()
_hours: OrderedDict[Hour, dict[str, Frame]] = OrderedDict()
_lock = threading.Lock()


def forget_windows() -> None:
    """Drop all that is kept."""
    with _lock:
        _kept.clear()
        _hours.clear()


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
            base = _read_blocks(blocks, wanted, step_of(first, last))
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
        room = sum(each.cells for each in _kept.values())
        while len(_kept) > 1 and (len(_kept) > MAX_KEPT or room > MAX_CELLS):
            room -= _kept.popitem(last=False)[1].cells
    return window


def _read_blocks(
    blocks: QuerySet[RollupBlock], levels: frozenset[str], step: int
) -> Adder:
    """All frames; for long windows the minutes of an hour put together by ``step``."""
    result = Adder()
    if step == 1:
        for payload in blocks.values_list("payload", flat=True).iterator(200):
            result.add(frames_of(payload, levels))
        return result
    hours: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for pk, minute, revision in blocks.values_list("pk", "minute", "revision"):
        hours[minute // 60].append((pk, revision))
    for hour, rows in sorted(hours.items()):
        pks = [pk for pk, _ in rows]
        stamp = (len(rows), sum(pks), sum(revision for _, revision in rows))
        key = (hour, step, levels, stamp)
        with _lock:
            frames = _hours.pop(key, None)
        if frames is None:
            part = Adder()
            found = RollupBlock.objects.filter(pk__in=pks)
            for payload in found.values_list("payload", flat=True).iterator(200):
                part.add(frames_of(payload, levels))
            frames = part.compact(step)
        result.add(frames)
        if len(rows) > 2:  # else it is no more work to read it again
            with _lock:
                _hours[key] = frames
                while len(_hours) > MAX_HOURS:
                    _hours.popitem(last=False)
    return result


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
