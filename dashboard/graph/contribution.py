"""What one trace adds to the rollups: counts that add and subtract exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np
import zstandard

from dashboard.graph.calls import Call
from dashboard.graph.deep import Sites, entry_rows, paths
from dashboard.graph.histogram import BUCKETS, Histogram, buckets_of
from dashboard.graph.mesh import MeshNames
from dashboard.graph.packing import Row, is_packed, pack, unpack, words_of
from dashboard.traces.trace import Flag, Int64, Kind, Trace

MINUTE_NS = 60 * 10**9
Key = tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """Counts of one key in one minute; every field adds and subtracts."""

    count: int = 0
    errors: int = 0
    attempts: int = 0
    sum_ns: int = 0
    histogram: Histogram = field(default_factory=dict)

    def add(self, other: Tally, sign: int = 1) -> None:
        """Add (or with ``sign`` -1 subtract) another tally."""
        self.count += sign * other.count
        self.errors += sign * other.errors
        self.attempts += sign * other.attempts
        self.sum_ns += sign * other.sum_ns
        histogram = self.histogram
        for bucket, number in other.histogram.items():
            total = histogram.get(bucket, 0) + sign * number
            if total:
                histogram[bucket] = total
            else:
                histogram.pop(bucket, None)

    def __bool__(self) -> bool:
        return bool(
            self.count or self.errors or self.attempts or self.sum_ns or self.histogram
        )

    def packed(self) -> list[Any]:
        """Plain lists for storage."""
        flat = [n for pair in sorted(self.histogram.items()) for n in pair]
        return [self.count, self.errors, self.attempts, self.sum_ns, flat]

    @classmethod
    def unpacked(cls, content: list[Any]) -> Tally:
        """The inverse of ``packed``."""
        flat = content[4]
        histogram = dict(zip(flat[::2], flat[1::2], strict=True))
        return cls(content[0], content[1], content[2], content[3], histogram)


Minutes = dict[int, dict[Key, Tally]]


@dataclass(slots=True)
class Contribution:
    """Tallies by level, minute (since the epoch) and key.

    Levels and their keys, where ``…`` is (virtual side, node kind, "async" or "",
    "self" or ""):

    - ``edge``: caller, callee, caller version, callee version, …, caller
      namespace, callee namespace
    - ``operation-edge``: caller, its operation, callee, its operation, …
    - ``instance-edge``: caller, its instance, callee, its instance, …
    - ``service`` (requests): service, version, namespace
    - ``entry`` (requests): service, operation
    - ``instance`` (requests): service, instance, version, namespace
    - ``operation`` (all spans): service, operation
    - ``presence`` (all spans): service
    - ``path`` (last calls; attempts are traces): service, operation, service, …
    - ``sampling`` (traces): sampler, its parameter
    """

    levels: dict[str, Minutes] = field(default_factory=dict)

    def at(self, level: str, minute: int, key: Key) -> Tally:
        """The tally of a key, made when absent."""
        minutes = self.levels.setdefault(level, {})
        return minutes.setdefault(minute, {}).setdefault(key, Tally())

    def merge(self, other: Contribution, sign: int = 1) -> Contribution:
        """Add another contribution in place (``sign`` -1: subtract); zeros vanish."""
        for level, minute, key, tally in other.items():
            mine = self.at(level, minute, key)
            mine.add(tally, sign)
            if not mine:
                del self.levels[level][minute][key]
        for level in list(self.levels):
            minutes = self.levels[level]
            for minute in [m for m, keys in minutes.items() if not keys]:
                del minutes[minute]
            if not minutes:
                del self.levels[level]
        return self

    def items(self) -> Iterator[tuple[str, int, Key, Tally]]:
        """Every tally with its level, minute and key."""
        for level, minutes in self.levels.items():
            for minute, keys in minutes.items():
                for key, tally in keys.items():
                    yield level, minute, key, tally

    def __bool__(self) -> bool:
        return any(True for _ in self.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contribution) and self.plain() == other.plain()

    def plain(self) -> list[Any]:
        """Sorted plain lists, equal for equal contributions."""
        rows = [
            [level, minute, list(key), tally.packed()]
            for level, minute, key, tally in self.items()
        ]
        rows.sort(key=lambda row: row[:3])
        return rows

    def to_bytes(self) -> bytes:
        """Compressed bytes for storage."""
        return pack(
            {level: _rows_of(minutes) for level, minutes in self.levels.items()}
        )

    @classmethod
    def from_bytes(cls, content: bytes | memoryview[int]) -> Contribution:
        """The inverse of ``to_bytes``; empty bytes are an empty contribution."""
        result = cls()
        if not content:
            return result
        if is_packed(content):
            return result._read(content)
        plain = zstandard.ZstdDecompressor().decompress(bytes(content))
        for level, minute, key, tally in msgspec.msgpack.decode(plain):
            minutes = result.levels.setdefault(level, {})
            words = (*key, "", "") if level == "edge" else tuple(key)
            minutes.setdefault(minute, {})[words] = Tally.unpacked(tally)
        return result

    def _read(self, content: bytes | memoryview[int]) -> Contribution:
        for level, frame in unpack(content).items():
            minutes = self.levels.setdefault(level, {})
            buckets, numbers = frame.bucket.tolist(), frame.number.tolist()
            first = 0
            for key, minute, count, errors, attempts, sum_ns, length in zip(
                frame.keys,
                frame.minute.tolist(),
                frame.count.tolist(),
                frame.errors.tolist(),
                frame.attempts.tolist(),
                frame.sum_ns.tolist(),
                frame.lengths.tolist(),
                strict=True,
            ):
                last = first + length
                histogram = dict(
                    zip(buckets[first:last], numbers[first:last], strict=True)
                )
                tally = Tally(count, errors, attempts, sum_ns, histogram)
                minutes.setdefault(minute, {})[words_of(key)] = tally
                first = last
        return self

    @classmethod
    def total(cls, parts: Iterable[Contribution]) -> Contribution:
        """The sum of many."""
        result = cls()
        for part in parts:
            result.merge(part)
        return result


def histograms_in(
    content: bytes | memoryview[int], level: str
) -> Iterator[tuple[int, list[str], list[int]]]:
    """Minute, key and flat histogram (bucket, count, …) of one level's tallies.

    Of stored bytes, without making tallies of all the rest.
    """
    if not content:
        return
    if is_packed(content):
        for frame in unpack(content, (level,)).values():
            cells = np.column_stack((frame.bucket, frame.number)).ravel().tolist()
            first = 0
            rows = zip(frame.minute.tolist(), frame.lengths.tolist(), strict=True)
            for packed, (minute, length) in zip(frame.keys, rows, strict=True):
                last = first + 2 * length
                yield minute, list(words_of(packed)), cells[first:last]
                first = last
        return
    plain = zstandard.ZstdDecompressor().decompress(bytes(content))
    for found, minute, key, tally in msgspec.msgpack.decode(plain):
        if found == level:
            yield minute, key, tally[4]


def _rows_of(minutes: Minutes) -> Iterator[Row]:
    for minute, keys in minutes.items():
        for key, tally in keys.items():
            yield (
                minute,
                key,
                tally.count,
                tally.errors,
                tally.attempts,
                tally.sum_ns,
                tally.histogram,
            )


def contribution(trace: Trace, calls: list[Call]) -> Contribution:
    """What an adjusted trace adds (definitions, "aggregates").

    A call belongs to the minute of its caller span's raw start, else of its
    callee's; paths and sampling to that of the trace's. A service's requests are
    its SERVER and CONSUMER spans, or its entry spans where none of its spans
    carries a kind; an operation's figures count all its spans.
    """
    result = Contribution()
    _count_calls(result, trace, calls)
    if not len(trace):
        return result
    _count_spans(result, trace)
    _count_paths(result, trace, calls, Sites(trace))
    return result


def _count_calls(result: Contribution, trace: Trace, calls: list[Call]) -> None:
    """Book calls on each level of edges."""
    if not calls:
        return
    count = len(calls)
    caller, callee, start, duration, error, attempts = (
        np.fromiter(map(itemgetter(place), calls), np.int64, count)
        for place in _FIGURES
    )
    figures = (start, duration, error, attempts)
    edge, edges = _numbered(list(map(_EDGE, calls)))
    base, bases = _numbered([(found[:2], found[4:]) for found in edges])
    natures = [
        (ends, (*nature[:2], "async" if nature[2] else "", "self" if nature[3] else ""))
        for ends, nature in bases
    ]
    of_base = base[edge]
    # One more entry stands for a side without spans: row -1 reads the last one.
    texts = [*trace.fact_values, ""]
    namespace, pod = (
        np.append(trace.facts.get(key, np.full(len(trace), -1)), -1)
        for key in ("namespace", "pod")
    )
    group, found = _groups(edge, namespace[caller], namespace[callee])
    keys: list[Key] = []
    for number, above, below in found:
        (left, right), nature = natures[base[number]]
        versions = edges[number][2:4]
        keys.append((left, right, *versions, *nature, texts[above], texts[below]))
    _add(result, "edge", keys, group, *figures)
    operation = np.append(trace.operation, -1)
    names = [*trace.operations, ""]
    sender = np.append(operation[entry_rows(trace)], -1)[caller]
    receiver = np.where(callee >= 0, operation[callee], operation[caller])
    for level, columns, words in (
        ("operation-edge", (sender, receiver), names),
        ("instance-edge", (pod[caller], pod[callee]), texts),
    ):
        group, found = _groups(of_base, *columns)
        keys = []
        for number, above, below in found:
            (left, right), nature = natures[number]
            keys.append((left, words[above], right, words[below], *nature))
        _add(result, level, keys, group, *figures)


def call_keys(trace: Trace, call: Call, level: str) -> set[Key]:
    """The key of a table of edges under which one call is booked."""
    result = Contribution()
    _count_calls(result, trace, [call])
    return {key for keys in result.levels.get(level, {}).values() for key in keys}


def request_rows(trace: Trace, mesh: MeshNames) -> Int64:
    """The rows that are requests of their services."""
    service, parent, kind = mesh.service, trace.parent, trace.kind
    above = np.where(parent >= 0, service[parent], -1)
    untyped = np.ones(len(mesh.names), bool)
    untyped[service[kind != Kind.UNSET]] = False
    request = (kind == Kind.SERVER) | (kind == Kind.CONSUMER)
    request |= untyped[service] & (above != service)
    return np.flatnonzero(request)


def _count_spans(result: Contribution, trace: Trace) -> None:
    """Book requests by service, operation and instance, and all spans."""
    mesh = MeshNames(trace)
    service, names = mesh.service, mesh.names
    start, duration = trace.start_ns, trace.duration_ns
    failed = ((trace.flags & Flag.ERROR) != 0).astype(np.int64)
    rows = request_rows(trace, mesh)
    texts = [*trace.fact_values, ""]  # the last one where there is none
    absent = np.full(len(trace), -1)
    version, namespace, pod = (
        trace.facts.get(key, absent) for key in ("version", "namespace", "pod")
    )
    operations = trace.operations
    for level, columns, words in (
        ("service", (version, namespace), texts),
        ("entry", (trace.operation,), operations),
        ("instance", (pod, version, namespace), texts),
    ):
        group, found = _groups(service[rows], *(column[rows] for column in columns))
        keys: list[Key] = [
            (names[number], *(words[part] for part in parts))
            for number, *parts in found
        ]
        _add(result, level, keys, group, start[rows], duration[rows], failed[rows])
    group, found = _groups(trace.service, trace.operation)
    keys = [(trace.services[number], operations[part]) for number, part in found]
    _add(result, "operation", keys, group, start, duration, failed)
    group, found = _groups(service, start // MINUTE_NS)
    counts = np.bincount(group).tolist()
    for (number, minute), count in zip(found, counts, strict=True):
        result.at("presence", minute, (names[number],)).count += count


def _count_paths(
    result: Contribution, trace: Trace, calls: list[Call], sites: Sites
) -> None:
    """Book the paths of calls, and how the trace was sampled."""
    minute = int(trace.start_ns.min()) // MINUTE_NS
    for path in paths(trace, calls, sites):
        tally = result.at("path", minute, path.words)
        tally.count += path.calls
        tally.errors += path.errors
        tally.attempts += 1
        tally.sum_ns += path.sum_ns
    sampler = ("", "")
    if "sampler.type" in trace.facts:
        rows = np.flatnonzero(trace.facts["sampler.type"] >= 0)
        if len(rows):
            row = int(rows[0])
            sampler = (
                trace.fact("sampler.type", row),
                trace.fact("sampler.param", row),
            )
    result.at("sampling", minute, sampler).count += 1


_EDGE = itemgetter(
    *map(
        Call._fields.index,
        (
            "caller",
            "callee",
            "caller_version",
            "callee_version",
            "virtual",
            "node_kind",
            "asynchronous",
            "self_call",
        ),
    )
)
_FIGURES = tuple(
    map(
        Call._fields.index,
        ("caller_row", "callee_row", "start_ns", "duration_ns", "error", "attempts"),
    )
)


def _numbered(keys: list[tuple[Any, ...]]) -> tuple[Int64, list[tuple[Any, ...]]]:
    """A number for each key, and the keys by number."""
    index = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.fromiter(map(index.__getitem__, keys), np.int64, len(keys)), list(index)


def _groups(*columns: np.ndarray) -> tuple[Int64, list[tuple[int, ...]]]:
    """A number for each row by its values, and the values by number."""
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        low, high = int(column.min(initial=0)), int(column.max(initial=0))
        width = high - low + 1
        if (int(code.max(initial=0)) + 1) * width >= 2**62:
            code = np.unique(code, return_inverse=True)[1]
        code = code * width + (column - low)
    _, first, group = np.unique(code, return_index=True, return_inverse=True)
    return group, list(zip(*(c[first].tolist() for c in columns), strict=True))


def _add(
    result: Contribution,
    level: str,
    names: list[Key],
    group: Int64,
    start_ns: Int64,
    duration_ns: Int64,
    failed: Int64,
    attempts: Int64 | None = None,
) -> None:
    """Add members of numbered groups to the tallies of their minutes."""
    if not len(group):
        return
    minute = start_ns // MINUTE_NS
    first = int(minute.min())
    width = int(minute.max()) - first + 1
    # One number says group, minute and bucket: sorted, each tally is one run.
    bucket = buckets_of(duration_ns)
    if float(duration_ns.max()) * len(group) >= 2**62:  # a sum may not fit
        duration_ns = duration_ns.astype(object)
    code = (group * width + (minute - first)) * BUCKETS + bucket
    order = np.argsort(code, kind="stable")
    code = code[order]
    steps = np.flatnonzero(np.concatenate(([True], code[1:] != code[:-1])))
    sizes = np.diff(np.append(steps, len(code))).tolist()
    columns = [failed[order], duration_ns[order]]
    if attempts is not None:
        columns.append(attempts[order])
    sums = [np.add.reduceat(column, steps).tolist() for column in columns]
    tried = sums[2] if attempts is not None else repeat(0)
    for number, size, errors, sum_ns, attempt in zip(
        code[steps].tolist(), sizes, sums[0], sums[1], tried, strict=False
    ):
        place, bucket_number = divmod(number, BUCKETS)
        which, minutes = divmod(place, width)
        tally = result.at(level, first + minutes, names[which])
        tally.count += size
        tally.errors += errors
        tally.sum_ns += sum_ns
        tally.attempts += attempt
        tally.histogram[bucket_number] = tally.histogram.get(bucket_number, 0) + size
