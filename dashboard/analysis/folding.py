"""Siblings that do the same thing, to be folded into one row "× 300"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dashboard.traces.trace import Flag, Int64, Trace

_ODD = 0x9E3779B97F4A7C15  # base of the sums below; odd, so that it has an inverse
_FAMILY = np.uint64(0xD6E8FEB86659FD93)  # odd; keeps a row's number from a label's
_INVERSE = pow(_ODD, -1, 2**64)


@dataclass(frozen=True, slots=True)
class Folds:
    """Groups of equal siblings; all arrays but ``rows`` have one entry a group.

    ``rows`` holds the members, group after group, each group by row.
    """

    first: Int64  # where a group begins in ``rows``
    count: Int64
    rows: Int64
    shortest_ns: Int64
    median_ns: Int64
    longest_ns: Int64
    total_ns: Int64
    wall_ns: Int64  # from the first start to the last end

    def __len__(self) -> int:
        return len(self.first)

    def members(self, group: int) -> Int64:
        """Rows of one group."""
        begin = int(self.first[group])
        return self.rows[begin : begin + int(self.count[group])]


def find_folds(trace: Trace, least: int) -> Folds:
    """Groups of at least ``least`` equal children of one span, by first row.

    Equal are children with the same service, operation, error mark and shape
    below: the same of these three at the same depths. So no failed call hides
    among good ones, and no odd one among plain ones. Roots are no siblings; times
    are raw; ``least`` below 2 finds nothing. Nothing here loops over spans.
    """
    none = np.empty(0, np.int64)
    below = np.flatnonzero(trace.parent >= 0)
    if least < 2 or len(below) < least:
        return Folds(none, none, none, none, none, none, none, none)
    with np.errstate(over="ignore"):
        family = _mix(trace.parent[below].astype(np.uint64)) * _FAMILY
        key = _shapes(trace)[below] + family
    order = np.argsort(key, kind="stable")
    sorted_key = key[order]
    cuts = np.flatnonzero(sorted_key[1:] != sorted_key[:-1]) + 1
    edges = np.concatenate(([0], cuts, [len(order)]))
    sizes = np.diff(edges)
    many = np.flatnonzero(sizes >= least)
    begins, count = edges[many], sizes[many]
    by_first = np.argsort(below[order[begins]], kind="stable")
    begins, count = begins[by_first], count[by_first]
    total = int(count.sum())
    if not total:
        return Folds(none, none, none, none, none, none, none, none)
    first = np.cumsum(count) - count
    inside = np.arange(total) - np.repeat(first, count)
    rows = below[order[np.repeat(begins, count) + inside]]
    lengths, start = trace.duration_ns[rows], trace.start_ns[rows]
    group = np.repeat(np.arange(len(count)), count)
    by_length = lengths[np.lexsort((lengths, group))]
    low, high = first + (count - 1) // 2, first + count // 2
    return Folds(
        first=first,
        count=count,
        rows=rows,
        shortest_ns=by_length[first],
        median_ns=(by_length[low] + by_length[high]) // 2,
        longest_ns=by_length[first + count - 1],
        total_ns=np.add.reduceat(lengths, first),
        wall_ns=np.maximum.reduceat(start + lengths, first)
        - np.minimum.reduceat(start, first),
    )


def _shapes(trace: Trace) -> np.ndarray:
    """A number of each row that is equal for equal subtrees.

    The sum over the subtree of (a number of service, operation and error mark) ×
    base ** (depth below the row), modulo 2**64. Subtrees are runs of rows, so one
    running sum serves all, whatever the depth.
    """
    label = trace.service.astype(np.uint64) * np.uint64(len(trace.operations) or 1)
    label = (label + trace.operation.astype(np.uint64)) * np.uint64(2)
    label += (trace.flags & Flag.ERROR) != 0
    depth = trace.depth.astype(np.int64)
    deepest = int(depth.max())
    with np.errstate(over="ignore"):
        sums = np.cumsum(_mix(label) * _powers(_ODD, deepest)[depth])
        before = np.concatenate((np.zeros(1, np.uint64), sums))
        rows = np.arange(len(trace))
        inside = before[rows + trace.subtree] - before[rows]
        return inside * _powers(_INVERSE, deepest)[depth]


def _powers(base: int, highest: int) -> np.ndarray:
    factors = np.full(highest + 1, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors)


def _mix(number: np.ndarray) -> np.ndarray:
    """Spread bits (the finaliser of splitmix64), so that sums do not meet by chance."""
    with np.errstate(over="ignore"):
        number = number + np.uint64(_ODD)
        number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return number ^ (number >> np.uint64(31))
