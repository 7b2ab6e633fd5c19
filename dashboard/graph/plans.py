"""What small traces of one shape add to the rollups, found once for all of them.

Requests of one kind leave traces that differ in times and ids only. A plan says which
rows are counted under which keys; times are filled in for many traces at once. A
trace whose calls depend on its times (attempts in turn, several roots) has no plan
and is counted alone by ``contribution``, to which plans are equal.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from dashboard.graph.calls import Call
from dashboard.graph.contribution import (
    Contribution,
    Tally,
    count_calls,
    count_spans,
    sampler_of,
)
from dashboard.graph.counting import MINUTE_NS, Figures, Key, Members, Sums, sums_of
from dashboard.graph.deep import MAX_PATHS, Ends, paths
from dashboard.graph.histogram import buckets_of
from dashboard.graph.link import Linker
from dashboard.graph.packing import pack_columns, pack_key
from dashboard.graph.rows import CLIENTS
from dashboard.traces.terms import MAX_TERMS, rows_of_terms, term
from dashboard.traces.trace import Flag, Int64, Trace

MAX_SPANS = 300
MAX_PLANS = 1_500  # some 20 KB each
LONGEST_NS = 2**44  # sums of a batch must fit
# Facts that neither calls nor terms look at, with a value of its own on each span.
UNREAD = {
    "request_id",
    "upstream_address",
    "peer.address",
    "status_message",
    "node_id",
    "endpoint",
}
COUNTED = np.uint16(Flag.ERROR | Flag.ORPHAN)


@dataclass(frozen=True, slots=True)
class Terms:
    """The search terms of a shape: the rows that have each, and whether one failed."""

    numbers: list[int]
    rows: Int64  # of one term after another
    first: Int64  # where each begins
    failed: list[bool]

    def of(self, trace: Trace) -> dict[int, tuple[int, bool]]:
        """The same as ``terms_of``."""
        longest = np.maximum.reduceat(trace.duration_ns[self.rows], self.first)
        figures = zip((longest // 1_000).tolist(), self.failed, strict=True)
        return dict(zip(self.numbers, figures, strict=True))


@dataclass(frozen=True, slots=True)
class Plan:
    """Members by group, as rows; paths by words; the same for every trace of a shape."""

    names: list[tuple[str, Key]]  # level and key of each group, levels together
    keys: list[bytes]  # packed
    levels: list[tuple[str, int, int]]  # with the first group and the one after
    counts_only: np.ndarray  # of each group whether figures are left out
    group: Int64
    start: Int64  # the row whose start says the minute
    length: Int64  # the row whose duration counts
    failed: Int64
    attempts: Int64
    paths: list[tuple[Key, int, int, Int64]]  # words, calls, errors, rows of durations
    sampler: Key
    terms: Terms


class Plans:
    """Plans by shape, the newest kept; ``None`` for a shape that has none."""

    def __init__(self) -> None:
        self.known: dict[Any, Plan | None] = {}
        self.lock = threading.Lock()

    def of(self, trace: Trace) -> Plan | None:
        """The plan of an adjusted trace, or ``None`` where it must be counted alone."""
        count = len(trace)
        if (
            not 0 < count <= MAX_SPANS
            or trace.references
            or int(trace.duration_ns.max()) >= LONGEST_NS
        ):
            return None
        shape = _shape(trace)
        if shape in self.known:
            return self.known[shape]
        found = _plan(trace)
        with self.lock:
            if len(self.known) >= MAX_PLANS:
                for old in list(self.known)[: MAX_PLANS // 4]:
                    del self.known[old]
            self.known[shape] = found
        return found


def _shape(trace: Trace) -> tuple[Any, ...]:
    """All that calls, keys and terms depend on, beside times."""
    texts = [*trace.fact_values, None]
    get = texts.__getitem__
    facts = tuple(
        (key, *map(get, column.tolist()))
        for key, column in trace.facts.items()
        if key not in UNREAD
    )
    columns = (trace.service, trace.operation, trace.parent, trace.kind)
    return (
        b"".join([column.tobytes() for column in columns]),
        (trace.flags & COUNTED).tobytes(),
        *trace.services,
        None,
        *trace.operations,
        facts,
    )


def _plan(trace: Trace) -> Plan | None:
    if int((trace.parent < 0).sum()) != 1:
        return None  # times decide which root is the main one
    linker = Linker(trace, {})
    calls = linker.calls()
    if linker.timed:
        return None
    ends = Ends(trace, calls)
    lengths = [_length_row(trace, call) for call in calls]
    starts = [c.caller_row if c.caller_row >= 0 else c.callee_row for c in calls]
    for call, start, length in zip(calls, starts, lengths, strict=True):
        if (call.start_ns, call.duration_ns) != (
            int(trace.start_ns[start]),
            int(trace.duration_ns[length]),
        ):
            return None
    # Rows in the place of times: the same code books them under the same keys.
    rows = np.arange(len(trace))
    members = Members()
    if calls:
        figures = Figures(
            np.array(starts, np.int64),
            np.array(lengths, np.int64),
            np.array([call.error for call in calls], np.int64),
            np.array([call.attempts for call in calls], np.int64),
        )
        count_calls(members, trace, calls, ends, figures)
    count_spans(members, trace, (rows, rows))
    found = _paths(trace, calls, ends, lengths)
    terms = _terms(trace, {(call.caller, call.callee) for call in calls})
    if found is None or terms is None:
        return None
    index: dict[tuple[str, Key], int] = {}
    number = [index.setdefault(name, len(index)) for name in members.names]
    names = list(index)
    levels: dict[str, list[int]] = {}
    for place, (level, _) in enumerate(names):
        levels.setdefault(level, [place, 0])[1] = place + 1
    if sum(last - first for first, last in levels.values()) != len(names):
        return None
    group = np.array(number, np.int64)[np.concatenate(members.groups)]
    columns = Figures(*map(np.concatenate, zip(*members.figures, strict=True)))
    return Plan(
        names=names,
        keys=[pack_key(key) for _, key in names],
        levels=[(level, first, last) for level, (first, last) in levels.items()],
        counts_only=np.array([level == "presence" for level, _ in names]),
        group=group,
        start=columns.start_ns,
        length=columns.duration_ns,
        failed=columns.failed,
        attempts=columns.attempts,
        paths=found,
        sampler=sampler_of(trace),
        terms=terms,
    )


def _terms(trace: Trace, edges: set[tuple[str, str]]) -> Terms | None:
    found = rows_of_terms(trace)
    if len(found) > MAX_TERMS:
        return None
    every = list(range(len(trace)))
    found |= {term("c", caller, callee): every for caller, callee in edges}
    failed = ((trace.flags & Flag.ERROR) != 0).tolist()
    first = [0, *accumulate(map(len, found.values()))][:-1]
    return Terms(
        list(found),
        np.concatenate([np.array(rows, np.int64) for rows in found.values()]),
        np.array(first, np.int64),
        [any(failed[row] for row in rows) for rows in found.values()],
    )


def _length_row(trace: Trace, call: Call) -> int:
    """The row whose duration is the call's: a waiting client's, else the callee's."""
    if call.caller_row < 0:
        return call.callee_row
    if call.callee_row < 0 or trace.kind[call.caller_row] in CLIENTS:
        return call.caller_row
    return call.callee_row


def _paths(
    trace: Trace, calls: list[Call], ends: Ends, lengths: list[int]
) -> list[tuple[Key, int, int, Int64]] | None:
    """Paths with the rows whose durations they add up; ``None`` where some are cut."""
    # Each call's place as its duration: a power of two, so that sums tell which.
    if len(calls) > 60:
        return None
    told = [call._replace(duration_ns=1 << n) for n, call in enumerate(calls)]
    found = paths(trace, told, ends)
    if len(found) >= MAX_PATHS or len({path.words for path in found}) < len(found):
        return None
    if not calls:
        return [(p.words, p.calls, p.errors, np.array([0], np.int64)) for p in found]
    return [
        (
            path.words,
            path.calls,
            path.errors,
            np.array(
                [row for n, row in enumerate(lengths) if path.sum_ns >> n & 1], np.int64
            ),
        )
        for path in found
    ]


def book(pairs: Sequence[tuple[Trace, Plan]]) -> tuple[list[bytes], Contribution]:
    """Each trace's contribution as bytes, and the sum of all."""
    if not pairs:
        return [], Contribution()
    plans = [plan for _, plan in pairs]
    sizes = [len(plan.group) for plan in plans]
    start = np.concatenate([trace.start_ns[plan.start] for trace, plan in pairs])
    length = np.concatenate([trace.duration_ns[plan.length] for trace, plan in pairs])
    failed = np.concatenate([plan.failed for plan in plans])
    attempts = np.concatenate([plan.attempts for plan in plans])
    minute, bucket = start // MINUTE_NS, buckets_of(length)

    def summed(group: Int64, counts_only: np.ndarray) -> Sums:
        found = sums_of(group, minute, bucket, length, failed, attempts)
        return found.without_figures(counts_only)

    offsets = [0, *accumulate(len(plan.names) for plan in plans)]
    local = np.concatenate([plan.group for plan in plans])
    group = local + np.repeat(np.array(offsets[:-1], np.int64), sizes)
    alone = summed(group, np.concatenate([plan.counts_only for plan in plans]))
    index: dict[tuple[str, Key], int] = {}
    places: dict[int, Int64] = {}
    for plan in plans:
        if id(plan) not in places:
            numbers = [index.setdefault(name, len(index)) for name in plan.names]
            places[id(plan)] = np.array(numbers, np.int64)
    shared = np.concatenate([places[id(plan)][plan.group] for plan in plans])
    names = list(index)
    only = np.array([level == "presence" for level, _ in names])
    total = _contribution(names, summed(shared, only))
    paths = [_path_rows(trace, plan, total) for trace, plan in pairs]
    return list(_pack(plans, offsets, alone, paths)), total


PathRow = tuple[Key, int, int, int, int, int]  # words, minute, calls, errors, 1, sum


def _path_rows(trace: Trace, plan: Plan, total: Contribution) -> list[PathRow]:
    """A trace's paths, which are added to the total at once, with its sampling."""
    minute = int(trace.start_ns.min()) // MINUTE_NS
    length = trace.duration_ns.tolist()
    found = []
    for words, calls, errors, rows in plan.paths:
        sum_ns = sum([length[row] for row in rows.tolist()])
        tally = total.at("path", minute, words)
        tally.count += calls
        tally.errors += errors
        tally.attempts += 1
        tally.sum_ns += sum_ns
        found.append((words, minute, calls, errors, 1, sum_ns))
    total.at("sampling", minute, plan.sampler).count += 1
    return found


def _contribution(names: list[tuple[str, Key]], sums: Sums) -> Contribution:
    result = Contribution()
    for number, minute, count, errors, attempts, sum_ns, cells in sums.rows():
        level, key = names[number]
        keys = result.levels.setdefault(level, {}).setdefault(minute, {})
        keys[key] = Tally(count, errors, attempts, sum_ns, cells)
    return result


def _pack(
    plans: list[Plan], offsets: list[int], sums: Sums, paths: list[list[PathRow]]
) -> Iterable[bytes]:
    """The bytes of each trace, cut out of the columns of all."""
    keys: list[bytes] = []
    bounds: list[int] = []
    for plan, offset in zip(plans, offsets, strict=False):
        keys += plan.keys
        bounds += [offset + first for _, first, _ in plan.levels]
    bounds.append(offsets[-1])
    edges = np.searchsorted(sums.group, np.array(bounds, np.int64)).tolist()
    cells = sums.first.tolist()
    row_keys = list(map(keys.__getitem__, sums.group.tolist()))
    wide = [
        column.astype("<i8", copy=False).tobytes()
        for column in (
            sums.minute,
            sums.count,
            sums.errors,
            sums.attempts,
            sums.sum_ns,
            np.diff(sums.first),
        )
    ]
    buckets = sums.bucket.astype("<i2").tobytes()
    numbers = sums.number.astype("<i8", copy=False).tobytes()
    place = 0
    for plan, of_paths in zip(plans, paths, strict=True):
        levels: list[Any] = []
        for level, _, _ in plan.levels:
            low, high = edges[place], edges[place + 1]
            place += 1
            columns = [column[8 * low : 8 * high] for column in wide]
            one, two = cells[low], cells[high]
            columns += [buckets[2 * one : 2 * two], numbers[8 * one : 8 * two]]
            levels.append([level, row_keys[low:high], *columns])
        minute = of_paths[0][1]
        rows = [(pack_key(row[0]), *row[1:]) for row in of_paths]
        levels.append(_flat("path", rows))
        levels.append(_flat("sampling", [(pack_key(plan.sampler), minute, 1, 0, 0, 0)]))
        yield pack_columns(levels)


def _flat(level: str, rows: list[tuple[Any, ...]]) -> list[Any]:
    """A level without histograms."""
    keys, *columns = zip(*rows, strict=True)
    packed = [np.array(column, "<i8").tobytes() for column in columns]
    return [level, list(keys), *packed, bytes(8 * len(rows)), b"", b""]
