"""Requests and failures over the whole stored time, for the band under the graph."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Max, Min

from dashboard.models import RollupBlock, RollupDelta
from dashboard.reads.rollups import frames_of
from dashboard.reads.traces import visible_sources

MAX_POINTS = 1_500
STEPS = (1, 2, 5, 10, 15, 30, 60)
LEVELS = ("service",)


@dataclass(slots=True)
class Point:
    """Requests and failures of some minutes from ``minute`` (since the epoch) on."""

    minute: int
    minutes: int
    requests: int = 0
    failed: int = 0


def stored_minutes(source: str = "") -> tuple[int, int] | None:
    """First and last minute that the rollups hold anything of."""
    sources = visible_sources(source)
    blocks = RollupBlock.objects.filter(source__in=sources)
    deltas = RollupDelta.objects.filter(source__in=sources)
    ends = [
        *blocks.aggregate(a=Min("minute"), b=Max("minute")).values(),
        *deltas.aggregate(a=Min("first_minute"), b=Max("last_minute")).values(),
    ]
    known = [minute for minute in ends if minute is not None]
    return (min(known), max(known)) if known else None


def read_band(first: int, last: int, source: str = "") -> list[Point]:
    """Points in order; where only hours or days are stored, a point is that long.

    Minutes are put together so that about ``MAX_POINTS`` remain.
    """
    sums = _sums(first, last, source)
    fine = [minute for length, minute in sums if length == 1]
    step = STEPS[-1]
    if fine:
        spread = max(fine) - min(fine) + 1
        step = next((s for s in STEPS if spread <= s * MAX_POINTS), STEPS[-1])
    points: dict[tuple[int, int], Point] = {}
    for (length, minute), (requests, failed) in sums.items():
        size = step if length == 1 else length
        begin = minute - minute % size
        point = points.setdefault((size, begin), Point(begin, size))
        point.requests += requests
        point.failed += failed
    return sorted(points.values(), key=lambda point: (point.minute, point.minutes))


def read_minutes(first: int, last: int, source: str = "") -> dict[int, tuple[int, int]]:
    """Requests and failures by the minute at which they are booked."""
    found: dict[int, tuple[int, int]] = {}
    for (_length, minute), (requests, failed) in _sums(first, last, source).items():
        before = found.get(minute, (0, 0))
        found[minute] = (before[0] + requests, before[1] + failed)
    return found


def _sums(first: int, last: int, source: str) -> dict[tuple[int, int], list[int]]:
    """Requests and failures by length in minutes and first minute."""
    sources = list(visible_sources(source).values_list("pk", flat=True))
    blocks = RollupBlock.objects.filter(
        source__in=sources, minute__gte=first, minute__lte=last, level__in=("", "graph")
    )
    deltas = RollupDelta.objects.filter(
        source__in=sources, last_minute__gte=first, first_minute__lte=last
    )
    if source:
        blocks, deltas = blocks.filter(overlap=False), deltas.filter(overlap=False)
    sums: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    rows = blocks.values_list("minute", "span_minutes", "requests", "failed")
    for minute, length, requests, failed in rows.filter(requests__isnull=False):
        found = sums[length, minute]
        found[0] += requests or 0
        found[1] += failed or 0
    old = blocks.filter(requests__isnull=True).values_list("span_minutes", "payload")
    for length, payload in old.iterator(200):
        _add(sums, payload, length, first, last)
    for payload in deltas.values_list("payload", flat=True).iterator(200):
        _add(sums, payload, 1, first, last)
    return sums


def _add(
    sums: dict[tuple[int, int], list[int]],
    payload: bytes | memoryview[int],
    length: int,
    first: int,
    last: int,
) -> None:
    frame = frames_of(payload, LEVELS).get("service")
    if frame is None:
        return
    rows = zip(
        frame.minute.tolist(), frame.count.tolist(), frame.errors.tolist(), strict=True
    )
    for minute, count, errors in rows:
        if first <= minute <= last:
            found = sums[length, minute]
            found[0] += count
            found[1] += errors
