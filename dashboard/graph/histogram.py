"""A fixed log-scale histogram of durations: it adds and subtracts exactly."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping

import numpy as np

from dashboard.traces.trace import Int64

PER_OCTAVE = 8  # bucket edges grow by 2**(1/8): a percentile is within ±4.5 %
LOWEST_NS = 1_000
BUCKETS = 36 * PER_OCTAVE  # up to 19 hours
Histogram = dict[int, int]


# The least whole nanoseconds of each bucket but the first: exact, whatever the
# machine's logarithm. One nanosecond is added since 1 µs itself is in bucket 0.
EDGES_NS = [LOWEST_NS + 1] + [
    math.ceil(LOWEST_NS * 2 ** (step / PER_OCTAVE)) for step in range(1, BUCKETS - 1)
]
_EDGES = np.array(EDGES_NS, np.int64)


def bucket_of(duration_ns: int) -> int:
    """The bucket of a duration; 0 holds all up to 1 µs, the last all above 19 h."""
    return bisect_right(EDGES_NS, duration_ns)


def buckets_of(durations_ns: Int64) -> Int64:
    """The buckets of many durations."""
    return np.searchsorted(_EDGES, durations_ns, side="right")


def bounds_ns(bucket: int) -> tuple[float, float]:
    """Lower and upper edge of a bucket in ns."""
    if bucket <= 0:
        return 0.0, float(LOWEST_NS)
    return (
        LOWEST_NS * 2 ** ((bucket - 1) / PER_OCTAVE),
        LOWEST_NS * 2 ** (bucket / PER_OCTAVE),
    )


def percentile(histogram: Mapping[int, int], share: float) -> tuple[int, int]:
    """The percentile (``share`` of 0..1, nearest rank) and its ± in ns."""
    total = sum(histogram.values())
    if total <= 0:
        return 0, 0
    wanted = max(1, math.ceil(share * total))
    seen = 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= wanted:
            low, high = bounds_ns(bucket)
            return round((low + high) / 2), round((high - low) / 2)
    return 0, 0
