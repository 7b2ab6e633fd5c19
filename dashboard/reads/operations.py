"""Stored durations of operations over the last days, kept ready in this process.

Opening a span must not wait for ten thousand minutes of rollups to be unpacked.
So the window is cut into parts (20 minutes in the last day, days before), each
unpacked once and kept; a look-up reads the newest parts again when they are older
than half a minute, and spends a bounded time on what it has not read yet, newest
first. What is told is always the window that was read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from dashboard.graph.contribution import histograms_in
from dashboard.graph.histogram import BUCKETS, Histogram
from dashboard.graph.slowness import Known, Operation, operations_by_time, pack_known
from dashboard.models import RollupBlock, RollupDelta, TraceRecord
from dashboard.reads.traces import load

HOUR, DAY = 60, 1440
WINDOW = 7 * DAY
SHORT = 20  # minutes of one part
LATE = 5  # minutes after its end in which a part is read again each time
HOURS = 27  # older minutes were folded into hours, see ``actions.rollups``
NEWEST_S = 30.0
OLDER_S = 600.0
BUDGET_S = 0.04
MAX_DELTAS = 5_000
MAX_SOURCES = 8
MAX_CAPTURED = 500  # operations whose durations a snapshot keeps
CAPTURE_BUDGET_S = 2.0


@dataclass(slots=True)
class _Part:
    """Histograms of the minutes of one part of the window.

    That of operation ``numbers[key] == n`` is ``edges[n]`` to ``edges[n + 1]`` of
    ``buckets`` and ``counts``.
    """

    read_at: float
    earliest: int | None  # first minute with anything
    numbers: dict[Operation, int]
    edges: np.ndarray
    buckets: np.ndarray
    counts: np.ndarray


@dataclass(slots=True)
class _Window:
    """What was read of one source."""

    parts: dict[tuple[int, int], _Part] = field(default_factory=dict)
    deltas: _Part | None = None


_windows: dict[int, _Window] = {}
_lock = threading.Lock()


def forget_operations() -> None:
    """Drop everything that is kept; the next look-up reads anew."""
    with _lock:
        _windows.clear()


def known_operations(
    source: int, wanted: Iterable[Operation], budget_s: float = BUDGET_S
) -> Known:
    """Stored durations of operations (of one source, by its key), as far as read.

    Spends at most about ``budget_s`` seconds on reading the past.
    """
    minute = int(time.time() // 60)
    with _lock:
        window = _windows.pop(source, None) or _Window()
        _windows[source] = window
        while len(_windows) > MAX_SOURCES:
            del _windows[next(iter(_windows))]
        plan = plan_parts(minute)
        _read(window, source, plan, time.monotonic() + budget_s)
        parts = []
        for span in plan:
            if span not in window.parts:
                break
            parts.append(window.parts[span])
        first = plan[max(len(parts) - 1, 0)][0]
        if window.deltas is not None:
            parts.append(window.deltas)
        found = {key: _add_up(parts, key) for key in wanted}
        begins = [p.earliest for p in parts if p.earliest is not None]
    first = max(first, min(begins, default=minute))
    return Known(found, first, minute, holds_own=True)


def known_arrays(record: TraceRecord) -> dict[str, np.ndarray]:
    """What is known of a trace's operations, to be kept with a copy of it."""
    trace = load(record).trace
    operations = operations_by_time(trace, MAX_CAPTURED)
    known = known_operations(
        record.source_id, [name for name, _ in operations], CAPTURE_BUDGET_S
    )
    return pack_known(known, trace, operations)


def plan_parts(minute: int) -> list[tuple[int, int]]:
    """The parts of the window that ends now, newest first: first minute, end."""
    running = minute - minute % SHORT
    end, oldest = minute - minute % HOUR - HOURS * HOUR, minute - WINDOW
    parts = [(first, first + SHORT) for first in range(running, end - 1, -SHORT)]
    while end > oldest:
        first = (end - 1) - (end - 1) % DAY
        parts.append((first, end))
        end = first
    return parts


def _read(
    window: _Window, source: int, plan: list[tuple[int, int]], deadline: float
) -> None:
    for gone in set(window.parts) - set(plan):
        del window.parts[gone]
    now = time.monotonic()
    # Spans come late: while the running part is young, the one before grows too.
    newest = plan[:2] if time.time() // 60 - plan[0][0] < LATE else plan[:1]
    stale = window.deltas is None or now - window.deltas.read_at > NEWEST_S
    # Deltas are folded into blocks: reading both at once counts none twice.
    if stale:
        window.deltas = _read_deltas(source, plan[-1][0], plan[0][1])
        for span in newest:
            window.parts[span] = _read_blocks(source, *span)
    missing = [span for span in plan if span not in window.parts]
    old = [span for span in plan if span in window.parts]
    old.sort(key=lambda span: window.parts[span].read_at)
    for span in missing + [s for s in old if now - window.parts[s].read_at > OLDER_S]:
        if time.monotonic() > deadline:
            return
        window.parts[span] = _read_blocks(source, *span)


def _read_blocks(source: int, first: int, end: int) -> _Part:
    blocks = RollupBlock.objects.filter(
        source_id=source,
        span_minutes__in=(1, HOUR, DAY),
        minute__gte=first,
        minute__lt=end,
        overlap=False,
        level__in=("", "operation"),
    )
    return _merge(blocks.values_list("payload", flat=True), first, end)


def _read_deltas(source: int, first: int, end: int) -> _Part:
    deltas = RollupDelta.objects.filter(
        source_id=source, last_minute__gte=first, first_minute__lt=end, overlap=False
    ).order_by("-pk")[:MAX_DELTAS]
    return _merge(deltas.values_list("payload", flat=True), first, end)


def _merge(payloads: Iterable[bytes | memoryview], first: int, end: int) -> _Part:
    """Add up in one go: 60,000 short histograms are quick as one long column."""
    numbers: dict[Operation, int] = {}
    flat: list[int] = []
    owner: list[int] = []
    length: list[int] = []
    earliest: int | None = None
    for payload in payloads:
        for minute, key, found in histograms_in(payload, "operation"):
            if not first <= minute < end:
                continue
            if earliest is None or minute < earliest:
                earliest = minute
            owner.append(numbers.setdefault((key[0], key[1]), len(numbers)))
            length.append(len(found) // 2)
            flat += found
    cells = np.array(flat, np.int64).reshape(-1, 2)
    place = np.repeat(np.array(owner, np.int64), length) * BUCKETS + cells[:, 0]
    sums = np.bincount(place, weights=cells[:, 1], minlength=len(numbers) * BUCKETS)
    filled = np.flatnonzero(sums)
    edges = np.searchsorted(filled, np.arange(len(numbers) + 1) * BUCKETS)
    buckets, counts = filled % BUCKETS, sums[filled].astype(np.int64)
    return _Part(time.monotonic(), earliest, numbers, edges, buckets, counts)


def _add_up(parts: list[_Part], key: Operation) -> Histogram:
    total: Histogram = {}
    for part in parts:
        place = part.numbers.get(key)
        if place is not None:
            mine = slice(part.edges[place], part.edges[place + 1])
            pairs = zip(
                part.buckets[mine].tolist(), part.counts[mine].tolist(), strict=True
            )
            for bucket, number in pairs:
                total[bucket] = total.get(bucket, 0) + number
    return {bucket: number for bucket, number in total.items() if number > 0}
