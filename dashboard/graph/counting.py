"""Counts members by key, minute and bucket of their duration, all keys at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        minute = start // MINUTE_NS
        first = int(minute.min())
        width = int(minute.max()) - first + 1
        # One number says group, minute and bucket: sorted, each tally is one run.
        code = (group * width + (minute - first)) * BUCKETS + buckets_of(duration)
        if float(duration.max()) * len(group) >= 2**62:  # a sum may not fit
            duration = duration.astype(object)
        order = np.argsort(code)
        code = code[order]
        runs = starts_of(code)
        sizes = np.diff(runs, append=len(code)).tolist()
        place, bucket = np.divmod(code[runs], BUCKETS)
        buckets = bucket.tolist()
        steps = starts_of(place)
        ends = [*steps[1:].tolist(), len(place)]
        which, minutes = np.divmod(place[steps], width)
        of_rows = runs[steps]
        columns = zip(
            which.tolist(),
            (minutes + first).tolist(),
            np.diff(of_rows, append=len(code)).tolist(),
            *(
                np.add.reduceat(column[order], of_rows).tolist()
                for column in (failed, attempts, duration)
            ),
            steps.tolist(),
            ends,
            strict=True,
        )
        names = self.names
        for number, at, count, errors, tries, sum_ns, low, high in columns:
            histogram = dict(zip(buckets[low:high], sizes[low:high], strict=True))
            level, key = names[number]
            yield level, key, at, count, errors, tries, sum_ns, histogram


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
