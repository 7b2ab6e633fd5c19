"""Is this span slow? Its duration among those of the same operation's stored calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from dashboard.graph.histogram import (
    BUCKETS,
    Histogram,
    bounds_ns,
    bucket_of,
    buckets_of,
    percentile,
)
from dashboard.traces.trace import Trace

LEAST_CALLS = 20  # fewer say nothing
MAX_BARS = 40
Operation = tuple[str, str]  # service and operation


@dataclass(frozen=True, slots=True)
class Known:
    """Stored durations of some operations in a window of minutes since the epoch.

    ``holds_own``: whether spans of the trace that is looked at may be among them.
    """

    histograms: Mapping[Operation, Histogram] = field(default_factory=dict)
    first_minute: int = 0
    last_minute: int = 0  # inclusive
    holds_own: bool = False
    captured: bool = False  # known when a snapshot was taken, not now

    @property
    def minutes(self) -> int:
        """Length of the window."""
        return max(self.last_minute - self.first_minute + 1, 0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a duration stands among ``count`` others; times in ns.

    ``faster`` of them were faster for sure, ``alike`` fall into the same bucket of
    the histogram. Each percentile comes with its ±. ``bars`` are lower edge, upper
    edge and count; ``bar`` is the one that holds the duration.
    """

    count: int
    faster: int
    alike: int
    p50_ns: tuple[int, int]
    p95_ns: tuple[int, int]
    p99_ns: tuple[int, int]
    bars: tuple[tuple[int, int, int], ...]
    bar: int

    @property
    def percent(self) -> float:
        """Of 100 others so many were faster; its bucket counts half."""
        return 100 * (self.faster + self.alike / 2) / self.count


def place(histogram: Histogram, duration_ns: int) -> Place | None:
    """The place of a duration, or ``None`` where too few others are known."""
    count = sum(histogram.values())
    if count < LEAST_CALLS:
        return None
    own = bucket_of(duration_ns)
    bars, bar = _bars(histogram, own)
    return Place(
        count=count,
        faster=sum(n for bucket, n in histogram.items() if bucket < own),
        alike=histogram.get(own, 0),
        p50_ns=percentile(histogram, 0.5),
        p95_ns=percentile(histogram, 0.95),
        p99_ns=percentile(histogram, 0.99),
        bars=bars,
        bar=bar,
    )


def _bars(
    histogram: Histogram, own: int
) -> tuple[tuple[tuple[int, int, int], ...], int]:
    """The distribution in at most ``MAX_BARS`` bars that also span ``own``."""
    low, high = min(own, *histogram), max(own, *histogram)
    step = -(-(high - low + 1) // MAX_BARS)
    counts = [0] * -(-(high - low + 1) // step)
    for bucket, number in histogram.items():
        counts[(bucket - low) // step] += number
    bars = []
    for place, number in enumerate(counts):
        first = low + place * step
        last = min(first + step, BUCKETS) - 1
        bars.append((round(bounds_ns(first)[0]), round(bounds_ns(last)[1]), number))
    return tuple(bars), (own - low) // step


def without_own(known: Known, trace: Trace, operation: Operation) -> Histogram:
    """The stored durations of an operation without this very trace's."""
    histogram = dict(known.histograms.get(operation, {}))
    if not known.holds_own or not histogram:
        return histogram
    rows = rows_of(trace, operation)
    minutes = trace.start_ns[rows] // (60 * 10**9)
    rows = rows[(minutes >= known.first_minute) & (minutes <= known.last_minute)]
    for bucket in buckets_of(trace.duration_ns[rows]).tolist():
        left = histogram.get(bucket, 0) - 1
        if left > 0:
            histogram[bucket] = left
        else:
            histogram.pop(bucket, None)
    return histogram


def rows_of(trace: Trace, operation: Operation) -> np.ndarray:
    """Rows of one operation of one service."""
    service = np.isin(trace.service, _numbers(trace.services, operation[0]))
    return np.flatnonzero(
        service & np.isin(trace.operation, _numbers(trace.operations, operation[1]))
    )


def _numbers(names: list[str], wanted: str) -> list[int]:
    """Where a name stands in a list; in a redacted one several may be equal."""
    return [number for number, name in enumerate(names) if name == wanted]


def operations_by_time(trace: Trace, limit: int) -> list[tuple[Operation, int]]:
    """The operations that took most time in all, each with its first row."""
    if not len(trace):
        return []
    key = trace.service.astype(np.int64) * len(trace.operations) + trace.operation
    _, first, member = np.unique(key, return_index=True, return_inverse=True)
    sums = np.bincount(member.reshape(-1), weights=trace.duration_ns)
    order = np.argsort(-sums, kind="stable")[:limit]
    return [
        ((trace.service_name(row), trace.operation_name(row)), row)
        for row in first[order].tolist()
    ]


def pack_known(
    known: Known, trace: Trace, rows: Iterable[tuple[Operation, int]]
) -> dict[str, np.ndarray]:
    """What is known of some operations as arrays, to be kept with a copy.

    ``rows`` names operations of ``trace`` and a row of each. Names are kept as
    their places in the trace's lists, so that a redacted copy may change them.
    """
    cells = [
        (trace.service[row], trace.operation[row], bucket, number)
        for operation, row in rows
        for bucket, number in without_own(known, trace, operation).items()
    ]
    flat = np.array(cells, np.int64).reshape(-1, 4)
    window = np.array([known.first_minute, known.last_minute], np.int64)
    names = ("known_service", "known_operation", "known_bucket", "known_count")
    return {
        "known_window": window,
        **{name: flat[:, place].copy() for place, name in enumerate(names)},
    }


def unpack_known(
    arrays: Mapping[str, np.ndarray], trace: Trace, wanted: Iterable[Operation]
) -> Known | None:
    """The inverse of ``pack_known``, for some operations; ``None`` without any."""
    if "known_window" not in arrays:
        return None
    first, last = arrays["known_window"].tolist()
    service, operation = arrays["known_service"], arrays["known_operation"]
    found: dict[Operation, Histogram] = {}
    for key in wanted:
        mine = np.isin(service, _numbers(trace.services, key[0]))
        mine &= np.isin(operation, _numbers(trace.operations, key[1]))
        total: Histogram = {}
        buckets, counts = arrays["known_bucket"][mine], arrays["known_count"][mine]
        for bucket, number in zip(buckets.tolist(), counts.tolist(), strict=True):
            total[bucket] = total.get(bucket, 0) + number
        found[key] = total
    return Known(found, first, last, captured=True)
