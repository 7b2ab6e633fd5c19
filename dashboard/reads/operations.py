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
from dashboard.graph.packing import Frame, is_packed, pack, pack_key, unpack
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
MAX_OPERATIONS = 3_000  # of one part; those called least are left out
MAX_CAPTURED = 500  # operations whose durations a snapshot keeps
CAPTURE_BUDGET_S = 2.0
_NONE = np.empty(0, np.int64)


@dataclass(slots=True)
class _Part:
    """Histograms of the minutes of one part of the window, by packed key."""

    read_at: float
    earliest: int | None  # first minute with anything
    found: dict[bytes, tuple[np.ndarray, np.ndarray]]  # buckets and counts


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
    numbers: dict[bytes, int] = {}
    owners, buckets, counts = [_NONE], [_NONE], [_NONE]
    earliest: int | None = None
    for payload in payloads:
        for frame in _frames(payload):
            inside = (frame.minute >= first) & (frame.minute < end)
            if not inside.any():
                continue
            begin = int(frame.minute[inside].min())
            earliest = begin if earliest is None else min(begin, earliest)
            owner = np.array([numbers.setdefault(k, len(numbers)) for k in frame.keys])
            cells = np.repeat(inside, frame.lengths)
            owners.append(np.repeat(owner, frame.lengths)[cells])
            buckets.append(frame.bucket[cells])
            counts.append(frame.number[cells])
    place = np.concatenate(owners) * BUCKETS + np.concatenate(buckets)
    filled, cell = np.unique(place, return_inverse=True)
    sums = np.bincount(
        cell.reshape(-1), weights=np.concatenate(counts), minlength=len(filled)
    ).astype(np.int64)
    kept = _most_called(list(numbers), filled // BUCKETS, sums)
    edges = np.searchsorted(filled, np.arange(len(numbers) + 1) * BUCKETS)
    found = {}
    for key, number in kept:
        mine = slice(int(edges[number]), int(edges[number + 1]))
        # Copies, so that what is left out goes.
        found[key] = (
            (filled[mine] % BUCKETS).astype(np.int16),
            sums[mine].copy(),
        )
    return _Part(time.monotonic(), earliest, found)


def _frames(payload: bytes | memoryview) -> Iterable[Frame]:
    """The columns of one block's operations, also of a block as rows."""
    if is_packed(payload):
        return unpack(payload, ("operation",)).values()
    rows = [
        (
            minute,
            (key[0], key[1]),
            0,
            0,
            0,
            0,
            dict(zip(cells[::2], cells[1::2], strict=True)),
        )
        for minute, key, cells in histograms_in(payload, "operation")
    ]
    return unpack(pack({"operation": rows})).values()


def _most_called(
    keys: list[bytes], owner: np.ndarray, sums: np.ndarray
) -> list[tuple[bytes, int]]:
    """The operations that are kept: with ids in their names there may be any number."""
    if len(keys) <= MAX_OPERATIONS:
        return list(zip(keys, range(len(keys)), strict=True))
    calls = np.bincount(owner, weights=sums, minlength=len(keys))
    order = np.argsort(-calls, kind="stable")[:MAX_OPERATIONS]
    return [(keys[number], number) for number in order.tolist()]


def _add_up(parts: list[_Part], key: Operation) -> Histogram:
    total: Histogram = {}
    packed = pack_key(key)
    for part in parts:
        found = part.found.get(packed)
        if found is not None:
            for bucket, number in zip(*(a.tolist() for a in found), strict=True):
                total[bucket] = total.get(bucket, 0) + number
    return {bucket: number for bucket, number in total.items() if number > 0}
