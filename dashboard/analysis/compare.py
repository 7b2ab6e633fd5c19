"""Compares traces, one with one or group with group, aligned by operation path."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dashboard.adjusters.roots import main_root
from dashboard.analysis.critical_path import find_critical_path
from dashboard.analysis.self_time import self_times
from dashboard.analysis.statistics import exact_sum, nearest_rank
from dashboard.traces.trace import Flag, Int64, Trace

MAX_DEPTH = 200
Path = tuple[str, ...]


class PathTable:
    """Operation paths of many traces as one tree: equal paths have one number.

    A path is the chain of (service, operation) from the root. Whether a call has
    children is no part of it: one that gains its first child stays the same call
    (definitions, "comparing two traces"). Paths need no more memory than their
    last step, so 100,000 levels are as cheap as 100,000 siblings.
    """

    def __init__(self) -> None:
        self.above: list[int] = []
        self.step: list[tuple[str, str]] = []
        self.depth: list[int] = []
        self.known: dict[tuple[int, int], int] = {}
        self.steps: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self.above)

    def numbers_of(self, trace: Trace) -> Int64:
        """The path's number of each row of an adjusted trace."""
        width = max(len(trace.operations), 1)
        pairs = trace.service * np.int64(width) + trace.operation
        step_of = {
            pair: self._step(
                trace.services[pair // width], trace.operations[pair % width]
            )
            for pair in np.unique(pairs).tolist()
        }
        numbers: list[int] = []
        known, names = self.known, list(self.steps)
        rows = zip(trace.parent.tolist(), pairs.tolist(), strict=True)
        for above_row, pair in rows:  # a parent's row comes before its children's
            above = numbers[above_row] if above_row >= 0 else -1
            step = step_of[pair]
            number = known.get((above, step))
            if number is None:
                number = known[above, step] = len(self.above)
                self.above.append(above)
                self.step.append(names[step])
                self.depth.append(self.depth[above] + 1 if above >= 0 else 0)
            numbers.append(number)
        return np.array(numbers, np.int64)

    def path(self, number: int) -> Path:
        """``service<TAB>operation`` of each step, from the root."""
        steps = []
        while number >= 0:
            steps.append("\t".join(self.step[number]))
            number = self.above[number]
        return tuple(reversed(steps))

    def _step(self, service: str, operation: str) -> int:
        return self.steps.setdefault((service, operation), len(self.steps))


@dataclass(frozen=True, slots=True)
class Side:
    """One path in one group of traces; times in nanoseconds, percentiles exact."""

    count: int = 0  # spans
    traces: int = 0  # traces in which it occurs
    errors: int = 0
    sum_ns: int = 0
    self_ns: int = 0
    p50_ns: int = 0
    p95_ns: int = 0
    critical_ns: int = 0  # on the critical path of the main root
    each_ns: tuple[int, ...] = ()  # the same, of each trace in which it occurs
    versions: tuple[str, ...] = ()


NOTHING = Side()


@dataclass(frozen=True, slots=True)
class PathDifference:
    """A path with its figures in both groups; ``above`` is its parent's number."""

    number: int
    above: int  # -1 for a root
    depth: int
    service: str
    operation: str
    a: Side
    b: Side

    @property
    def only_in(self) -> str:
        """``"a"`` or ``"b"`` where the other group never takes this path, else ``""``."""
        if self.a.count and self.b.count:
            return ""
        return "a" if self.a.count else "b"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two groups side by side, parents before children."""

    a_traces: int
    b_traces: int
    paths: list[PathDifference]
    similarity: float  # see ``similarity``, over the mean counts per trace
    table: PathTable


def compare(a: Iterable[Trace], b: Iterable[Trace]) -> Comparison:
    """Align two groups of adjusted traces by operation path.

    For one trace on each side the figures are those of the traces; for groups
    divide counts and sums by ``a_traces`` and ``b_traces`` to get means.
    """
    table = PathTable()
    left, a_traces = _side(table, a)
    right, b_traces = _side(table, b)
    paths = [
        PathDifference(
            number=number,
            above=table.above[number],
            depth=table.depth[number],
            service=table.step[number][0],
            operation=table.step[number][1],
            a=left.get(number, NOTHING),
            b=right.get(number, NOTHING),
        )
        for number in range(len(table))
    ]
    alike = _overlap(
        {n: side.count / a_traces for n, side in left.items()},
        {n: side.count / b_traces for n, side in right.items()},
    )
    return Comparison(a_traces, b_traces, paths, alike, table)


def similarity(a: Trace, b: Trace) -> float:
    """How alike two adjusted traces are in what they call, 0 to 1.

    The weighted Jaccard index (Ruzicka, 1958) over the number of spans of each
    operation path: the sum of the smaller counts divided by that of the larger.
    Times do not enter it; two empty traces are alike.
    """
    table = PathTable()
    left = Counter(table.numbers_of(a).tolist())
    right = Counter(table.numbers_of(b).tolist())
    return _overlap(dict(left), dict(right))


def path_counts(traces: Iterable[Trace]) -> Counter[Path]:
    """How often each operation path occurs; paths below 200 levels are left out."""
    table = PathTable()
    total: Counter[int] = Counter()
    for trace in traces:
        total.update(table.numbers_of(trace).tolist())
    return Counter(
        {
            table.path(number): count
            for number, count in total.items()
            if table.depth[number] < MAX_DEPTH
        }
    )


def _overlap(a: dict[int, float], b: dict[int, float]) -> float:
    both = a.keys() | b.keys()
    larger = sum(max(a.get(n, 0), b.get(n, 0)) for n in both)
    smaller = sum(min(a.get(n, 0), b.get(n, 0)) for n in both)
    return smaller / larger if larger else 1.0


def _side(table: PathTable, traces: Iterable[Trace]) -> tuple[dict[int, Side], int]:
    """Figures by path's number, and how many traces there were."""
    columns: list[list[np.ndarray]] = [[], [], [], [], [], []]
    versions: dict[int, set[str]] = defaultdict(set)
    count = 0
    for trace in traces:
        failed = (trace.flags & Flag.ERROR) != 0
        numbers = table.numbers_of(trace)
        if "version" in trace.facts:
            for number, value in set(
                zip(numbers.tolist(), trace.facts["version"].tolist(), strict=True)
            ):
                if value >= 0:
                    versions[number].add(trace.fact_values[value])
        for column, part in zip(
            columns,
            (
                numbers,
                trace.duration_ns,
                self_times(trace) if len(trace) else trace.duration_ns,
                failed,
                np.full(len(trace), count),
                critical_times(trace),
            ),
            strict=True,
        ):
            column.append(part)
        count += 1
    if not count:
        return {}, 0
    number, duration, own, failed, which, critical = (
        np.concatenate(c) for c in columns
    )
    order = np.lexsort((duration, number))
    paths, first = np.unique(number[order], return_index=True)
    result = {}
    for path, rows in zip(
        paths.tolist(), np.split(order, first[1:].tolist()), strict=False
    ):
        ordered = duration[rows]
        if len(rows) == 1:  # as nearly all paths of wild traces
            each = critical[rows]
        else:
            of_trace, place = np.unique(which[rows], return_inverse=True)
            each = np.zeros(len(of_trace), np.int64)
            np.add.at(each, place.reshape(-1), critical[rows])
        result[path] = Side(
            count=len(rows),
            traces=len(each),
            errors=int(failed[rows].sum()),
            sum_ns=exact_sum(ordered),
            self_ns=exact_sum(own[rows]),
            p50_ns=nearest_rank(ordered, 50),
            p95_ns=nearest_rank(ordered, 95),
            critical_ns=exact_sum(each),
            each_ns=tuple(each.tolist()),
            versions=tuple(sorted(versions.get(path, ()))),
        )
    return result, count


def critical_times(trace: Trace) -> Int64:
    """Nanoseconds that each row is on the critical path of the main root."""
    result = np.zeros(len(trace), np.int64)
    if len(trace):
        path = find_critical_path(trace, main_root(trace))
        np.add.at(result, path.row, path.end_ns - path.start_ns)
    return result
