"""Sums of many keys at once, with the percentiles of their histograms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.graph.histogram import BUCKETS, bounds_ns
from dashboard.traces.trace import Int64

_BOUNDS = np.array([bounds_ns(bucket) for bucket in range(BUCKETS)])
MIDDLE_NS = np.rint(_BOUNDS.mean(axis=1)).astype(np.int64)
SPREAD_NS = np.rint((_BOUNDS[:, 1] - _BOUNDS[:, 0]) / 2).astype(np.int64)
SHARES = (0.5, 0.95, 0.99)
EMPTY = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Measure:
    """The sums of one node or edge; durations in ns, spreads are ±."""

    count: int
    errors: int
    attempts: int
    sum_ns: int
    p50_ns: int
    p50_spread_ns: int
    p95_ns: int
    p95_spread_ns: int
    p99_ns: int
    p99_spread_ns: int

    @property
    def error_share(self) -> float:
        """Failed of all, 0..1."""
        return self.errors / self.count if self.count else 0.0


NOTHING = Measure(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


class Measures:
    """Columns of sums; the histograms are triples sorted by row and bucket."""

    __slots__ = (
        "attempts",
        "bucket",
        "count",
        "errors",
        "hist_row",
        "number",
        "percentiles",
        "sum_ns",
    )

    def __init__(
        self,
        count: Int64,
        errors: Int64,
        attempts: Int64,
        sum_ns: Int64,
        hist_row: Int64 = EMPTY,
        bucket: Int64 = EMPTY,
        number: Int64 = EMPTY,
    ):
        self.count, self.errors, self.attempts = count, errors, attempts
        self.sum_ns = sum_ns
        self.hist_row, self.bucket, self.number = hist_row, bucket, number
        self.percentiles: list[tuple[Int64, Int64]] = []

    def __len__(self) -> int:
        return len(self.count)

    @classmethod
    def none(cls, size: int) -> Measures:
        """So many rows of nothing."""
        return cls(*(np.zeros(size, np.int64) for _ in range(4)))

    @classmethod
    def joined(cls, parts: Sequence[Measures]) -> Measures:
        """The rows of several, one after another."""
        names = ("count", "errors", "attempts", "sum_ns")
        columns = [np.concatenate([getattr(p, n) for p in parts]) for n in names]
        shift = np.cumsum([0, *[len(part) for part in parts[:-1]]])
        rows = [part.hist_row + by for part, by in zip(parts, shift, strict=True)]
        columns += [
            np.concatenate(rows),
            np.concatenate([part.bucket for part in parts]),
            np.concatenate([part.number for part in parts]),
        ]
        return cls(*columns)

    def grouped(self, group: Int64, size: int) -> Measures:
        """Rows added up by ``group`` (a number below ``size``; negative: left out)."""
        keep = group >= 0
        to = group[keep]
        sums = [
            add_up(to, column[keep], size)
            for column in (self.count, self.errors, self.attempts, self.sum_ns)
        ]
        if not len(self.hist_row):
            return Measures(*sums)
        row = group[self.hist_row]
        inside = row >= 0
        flat = row[inside] * BUCKETS + self.bucket[inside]
        cells, numbers = add_cells(flat, self.number[inside], size * BUCKETS)
        sums += [cells // BUCKETS, cells % BUCKETS, numbers]
        return Measures(*sums)

    def taken(self, rows: Int64) -> Measures:
        """Only these rows, in this order."""
        group = np.full(len(self), -1, np.int64)
        group[rows] = np.arange(len(rows))
        return self.grouped(group, len(rows))

    def of(self, row: int) -> Measure:
        """One row with its percentiles."""
        if not self.percentiles:
            self.percentiles = [self.percentile(share) for share in SHARES]
        spread = [
            int(part[row]) for pair in self.percentiles for part in (pair[0], pair[1])
        ]
        return Measure(
            int(self.count[row]),
            int(self.errors[row]),
            int(self.attempts[row]),
            int(self.sum_ns[row]),
            *spread,
        )

    def percentile(self, share: float) -> tuple[Int64, Int64]:
        """The percentile of every row (nearest rank) and its ±, in ns."""
        size = len(self)
        middle, spread = np.zeros(size, np.int64), np.zeros(size, np.int64)
        if not len(self.hist_row):
            return middle, spread
        seen = np.cumsum(self.number)
        first = np.searchsorted(self.hist_row, np.arange(size + 1))
        before = np.concatenate(([0], seen))[first]
        total = before[1:] - before[:-1]
        has = total > 0
        wanted = np.maximum(np.ceil(share * total), 1).astype(np.int64)
        at = np.searchsorted(seen, (before[:-1] + wanted)[has])
        buckets = self.bucket[np.minimum(at, len(self.bucket) - 1)]
        middle[has], spread[has] = MIDDLE_NS[buckets], SPREAD_NS[buckets]
        return middle, spread

    def histogram(self, row: int) -> dict[int, int]:
        """Bucket → number of one row."""
        low, high = np.searchsorted(self.hist_row, (row, row + 1))
        return dict(
            zip(
                self.bucket[low:high].tolist(),
                self.number[low:high].tolist(),
                strict=True,
            )
        )


def add_up(group: Int64, values: Int64, size: int) -> Int64:
    """Exact sums of ``values`` by group."""
    result = np.zeros(size, np.int64)
    np.add.at(result, group, values)
    return result


def add_cells(flat: Int64, values: Int64, size: int) -> tuple[Int64, Int64]:
    """Cells whose sum is not 0, in order, with their sums."""
    if size <= max(8_000_000, 4 * len(flat)):
        sums = add_up(flat, values, size)
        cells = np.flatnonzero(sums)
        return cells, sums[cells]
    cells, place = np.unique(flat, return_inverse=True)
    sums = add_up(place, values, len(cells))
    keep = sums != 0
    return cells[keep], sums[keep]
