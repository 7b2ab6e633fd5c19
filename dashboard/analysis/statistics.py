"""Statistics of the spans of one trace by service, operation or a tag's value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dashboard.traces.details import encode, read_details
from dashboard.traces.facts import text_of
from dashboard.traces.trace import Flag, Int64, Trace

PERCENTILES = (50, 90, 95, 99)
By = Literal["service", "operation"]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Figures of one group of spans; durations in nanoseconds.

    ``percentiles_ns`` are by nearest rank over the exact durations (definitions,
    "percentile pitfalls"): the value at rank ceil(p/100 * n). Below 100 spans the
    99th is the maximum, so show ``count`` beside it.
    """

    name: str
    count: int
    errors: int
    total_ns: int
    self_ns: int
    min_ns: int
    max_ns: int
    percentiles_ns: dict[int, int]

    @property
    def mean_ns(self) -> float:
        """Mean duration."""
        return self.total_ns / self.count


def nearest_rank(ordered: Int64, percent: float) -> int:
    """The nearest-rank percentile of ascending values, of which there is one or more."""
    rank = max(1, math.ceil(percent / 100 * len(ordered) - 1e-9))
    return int(ordered[rank - 1])


def statistics_by(trace: Trace, self_ns: Int64, by: By) -> list[Statistics]:
    """Groups by service, or by ``service<TAB>operation``, most self time first."""
    if by == "service":
        group = trace.service.astype(np.int64)
        names = dict(enumerate(trace.services))
    else:
        width = len(trace.operations)
        group = trace.service * np.int64(width) + trace.operation
        names = {
            int(number): f"{trace.services[number // width]}\t"
            f"{trace.operations[number % width]}"
            for number in np.unique(group)
        }
    return _grouped(trace, self_ns, group, names)


def statistics_by_fact(trace: Trace, self_ns: Int64, key: str) -> list[Statistics]:
    """Groups by the value of a fact (``traces.facts``); spans without it are "".

    Raises ``KeyError`` for a key that no span of the trace has.
    """
    group = trace.facts[key].astype(np.int64)
    names = {
        int(number): "" if number < 0 else trace.fact_values[number]
        for number in np.unique(group)
    }
    return _grouped(trace, self_ns, group, names)


def statistics_of(
    trace: Trace, self_ns: Int64, group: Int64, names: dict[int, str]
) -> list[Statistics]:
    """Groups by any number of each row; ``names`` has the name of each number."""
    return _grouped(trace, self_ns, group, names)


def statistics_by_tag(trace: Trace, self_ns: Int64, key: str) -> list[Statistics]:
    """Groups by the value of any tag, a span's own before its process's.

    Spans without it are in the group "". Details of spans whose bytes do not hold
    the key are not decoded.
    """
    of_process = [
        next((text_of(t.value) for t in process.tags if t.key == key), "")
        for process in trace.processes
    ]
    plain = encode(key)[1:-1]
    numbers: dict[str, int] = {}
    group = np.empty(len(trace), np.int64)
    rows = zip(trace.details, trace.process.tolist(), strict=True)
    for row, (raw, process) in enumerate(rows):
        value = of_process[process]
        # A key that is written with escapes may look different.
        if plain in raw or b"\\" in raw:
            tags = read_details(raw).tags
            value = next((text_of(t.value) for t in tags if t.key == key), value)
        group[row] = numbers.setdefault(value, len(numbers))
    names = {number: value for value, number in numbers.items()}
    return _grouped(trace, self_ns, group, names)


def exact_sum(values: Int64) -> int:
    """The sum, also where it does not fit into 64 bits."""
    if len(values) and float(np.abs(values).max()) * len(values) >= 2**62:
        return sum(values.tolist())
    return int(values.sum())


def _grouped(
    trace: Trace, self_ns: Int64, group: Int64, names: dict[int, str]
) -> list[Statistics]:
    failed = (trace.flags & Flag.ERROR) != 0
    order = np.lexsort((trace.duration_ns, group))
    numbers, first = np.unique(group[order], return_index=True)
    found = []
    for number, rows in zip(
        numbers.tolist(), np.split(order, first[1:].tolist()), strict=False
    ):
        ordered = trace.duration_ns[rows]
        found.append(
            Statistics(
                name=names[number],
                count=len(rows),
                errors=int(failed[rows].sum()),
                total_ns=exact_sum(ordered),
                self_ns=exact_sum(self_ns[rows]),
                min_ns=int(ordered[0]),
                max_ns=int(ordered[-1]),
                percentiles_ns={p: nearest_rank(ordered, p) for p in PERCENTILES},
            )
        )
    found.sort(key=lambda one: (-one.self_ns, one.name))
    return found
