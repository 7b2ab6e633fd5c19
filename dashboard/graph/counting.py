"""Counts members by key, minute and bucket of their duration, all keys at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dashboard.graph.histogram import BUCKETS, Histogram, buckets_of
from dashboard.traces.trace import Int64

MINUTE_NS = 60 * 10**9
FEW = 300  # rows below which dictionaries beat arrays
Key = tuple[str, ...]


class Figures(NamedTuple):
    """What is counted of each member: nanoseconds, 0 or 1, and tries."""

    start_ns: Int64
    duration_ns: Int64
    failed: Int64
    attempts: Int64


# The sums of one key in one minute: level, key, minute; members, errors, attempts,
# nanoseconds and histogram.
Counted = tuple[str, Key, int, int, int, int, int, Histogram]


class Members:
    """Collects members of numbered groups, to count them together."""

    def __init__(self) -> None:
        self.names: list[tuple[str, Key]] = []
        self.groups: list[Int64] = []
        self.figures: list[Figures] = []

    def add(self, level: str, keys: Sequence[Key], group: Int64, of: Figures) -> None:
        """Members by number of their key."""
        if len(group):
            self.groups.append(group + len(self.names))
            self.names += [(level, key) for key in keys]
            self.figures.append(of)

    def counted(self) -> Iterator[Counted]:
        """The sums; a key stands twice where it was given two numbers."""
        if not self.groups:
            return
        group = np.concatenate(self.groups)
        start, duration, failed, attempts = map(
            np.concatenate, zip(*self.figures, strict=True)
        )
        if float(duration.max()) * len(group) >= 2**62:  # a sum may not fit
            duration = duration.astype(object)
        found = sums_of(
            group, start // MINUTE_NS, buckets_of(duration), duration, failed, attempts
        )
        for number, at, count, errors, tries, sum_ns, cells in found.rows():
            level, key = self.names[number]
            yield level, key, at, count, errors, tries, sum_ns, cells


@dataclass(slots=True)
class Sums:
    """Sums by group and minute, in their order; ``first`` places their buckets."""

    group: Int64
    minute: Int64
    count: Int64
    errors: Int64
    attempts: Int64
    sum_ns: Int64
    first: Int64  # one more than rows
    bucket: Int64
    number: Int64

    def rows(self) -> Iterator[tuple[int, int, int, int, int, int, Histogram]]:
        """Group, minute, members, errors, attempts, nanoseconds and histogram."""
        buckets, numbers = self.bucket.tolist(), self.number.tolist()
        low = 0
        for *figures, high in zip(
            self.group.tolist(),
            self.minute.tolist(),
            self.count.tolist(),
            self.errors.tolist(),
            self.attempts.tolist(),
            self.sum_ns.tolist(),
            self.first[1:].tolist(),
            strict=True,
        ):
            histogram = dict(zip(buckets[low:high], numbers[low:high], strict=True))
            low = high
            yield *figures, histogram

    def without_figures(self, groups: np.ndarray) -> Sums:
        """The same with nothing but members for the groups that are marked."""
        bare = groups[self.group]
        kept = ~bare
        lengths = np.diff(self.first)
        cells = np.repeat(kept, lengths)
        first = np.concatenate(([0], np.cumsum(lengths * kept)))
        return Sums(
            self.group,
            self.minute,
            self.count,
            self.errors * kept,
            self.attempts * kept,
            self.sum_ns * kept,
            first,
            self.bucket[cells],
            self.number[cells],
        )


def sums_of(
    group: Int64,
    minute: Int64,
    bucket: Int64,
    duration_ns: Int64,
    failed: Int64,
    attempts: Int64,
) -> Sums:
    """Members added up by group and minute."""
    first = int(minute.min())
    width = int(minute.max()) - first + 1
    # One number says group, minute and bucket: sorted, each tally is one run.
    code = (group * width + (minute - first)) * BUCKETS + bucket
    order = np.argsort(code)
    code = code[order]
    runs = starts_of(code)
    place, buckets = np.divmod(code[runs], BUCKETS)
    steps = starts_of(place)
    which, minutes = np.divmod(place[steps], width)
    of_rows = runs[steps]
    failed, attempts, duration_ns = (
        np.add.reduceat(column[order], of_rows)
        for column in (failed, attempts, duration_ns)
    )
    return Sums(
        which,
        minutes + first,
        np.diff(of_rows, append=len(code)),
        failed,
        attempts,
        duration_ns,
        np.append(steps, len(place)),
        buckets,
        np.diff(runs, append=len(code)),
    )


def starts_of(values: Int64) -> Int64:
    """Where runs of equal values begin."""
    return np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))


def numbered(keys: list[tuple[Any, ...]]) -> tuple[Int64, list[tuple[Any, ...]]]:
    """A number for each key, and the keys by number."""
    index = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.fromiter(map(index.__getitem__, keys), np.int64, len(keys)), list(index)


def grouped(*columns: np.ndarray) -> tuple[Int64, list[tuple[int, ...]]]:
    """A number for each row by its values, and the values by number."""
    if len(columns[0]) < FEW:
        return numbered(list(zip(*(c.tolist() for c in columns), strict=True)))
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        low, high = int(column.min()), int(column.max())
        width = high - low + 1
        if (int(code.max()) + 1) * width >= 2**62:
            code = np.unique(code, return_inverse=True)[1]
        code = code * width + (column - low)
    _, first, group = np.unique(code, return_index=True, return_inverse=True)
    return group, list(zip(*(c[first].tolist() for c in columns), strict=True))
