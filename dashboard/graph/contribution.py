"""What one trace adds to the rollups: counts that add and subtract exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np

from dashboard.graph.calls import Call
from dashboard.graph.counting import MINUTE_NS, Figures, Key, Members, grouped, numbered
from dashboard.graph.deep import Ends, paths
from dashboard.graph.histogram import Histogram
from dashboard.graph.mesh import MeshNames
from dashboard.graph.packing import Row, is_packed, pack, unpack, words_of
from dashboard.traces.squeeze import decompress
from dashboard.traces.trace import Flag, Int64, Kind, Trace


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
        has_empty = False
        for level, minute, key, tally in other.items():
            mine = self.at(level, minute, key)
            mine.add(tally, sign)
            if not mine:
                del self.levels[level][minute][key]
                has_empty = True
        if has_empty:
            self._tidy()
        return self

    def _tidy(self) -> None:
        """Drop minutes and levels that are empty."""
        for level in list(self.levels):
            minutes = self.levels[level]
            for minute in [m for m, keys in minutes.items() if not keys]:
                del minutes[minute]
            if not minutes:
                del self.levels[level]

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
        plain = decompress(content)
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
    plain = decompress(content)
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
    ends = Ends(trace, calls)
    members = Members()
    count_calls(members, trace, calls, ends, _figures(calls))
    if len(trace):
        count_spans(members, trace, (trace.start_ns, trace.duration_ns))
        _count_paths(result, trace, calls, ends)
    for level, key, minute, count, errors, tries, sum_ns, cells in members.counted():
        if level == "presence":  # whether a service is there is all that is asked
            tally = Tally(count)
        else:
            tally = Tally(count, errors, tries, sum_ns, cells)
        keys = result.levels.setdefault(level, {}).setdefault(minute, {})
        if key in keys:
            keys[key].add(tally)
        else:
            keys[key] = tally
    return result


def _figures(calls: list[Call]) -> Figures:
    """What is counted of each call."""
    return Figures(
        *(
            np.fromiter(map(itemgetter(place), calls), np.int64, len(calls))
            for place in _FIGURES
        )
    )


def count_calls(
    members: Members, trace: Trace, calls: list[Call], ends: Ends, figures: Figures
) -> None:
    """Book calls on each level of edges."""
    if not calls:
        return
    edge, edges = numbered(list(map(_EDGE, calls)))
    base, bases = numbered([(found[:2], found[4:]) for found in edges])
    natures = [
        (ends, (*nature[:2], "async" if nature[2] else "", "self" if nature[3] else ""))
        for ends, nature in bases
    ]
    of_base = base[edge]
    texts = [*trace.fact_values, ""]  # the last one where there is none
    group, found = grouped(edge, *ends.facts("namespace"))
    keys: list[Key] = []
    for number, above, below in found:
        (left, right), nature = natures[base[number]]
        versions = edges[number][2:4]
        keys.append((left, right, *versions, *nature, texts[above], texts[below]))
    members.add("edge", keys, group, figures)
    names = [*trace.operations, ""]
    for level, columns, words in (
        ("operation-edge", ends.operations, names),
        ("instance-edge", ends.facts("pod"), texts),
    ):
        group, found = grouped(of_base, *columns)
        keys = []
        for number, above, below in found:
            (left, right), nature = natures[number]
            keys.append((left, words[above], right, words[below], *nature))
        members.add(level, keys, group, figures)


def call_keys(trace: Trace, call: Call, level: str) -> set[Key]:
    """The key of a table of edges under which one call is booked."""
    members = Members()
    count_calls(members, trace, [call], Ends(trace, [call]), _figures([call]))
    return {key for found, key in members.names if found == level}


def request_rows(trace: Trace, mesh: MeshNames) -> Int64:
    """The rows that are requests of their services."""
    service, parent, kind = mesh.service, trace.parent, trace.kind
    above = np.where(parent >= 0, service[parent], -1)
    untyped = np.ones(len(mesh.names), bool)
    untyped[service[kind != Kind.UNSET]] = False
    request = (kind == Kind.SERVER) | (kind == Kind.CONSUMER)
    request |= untyped[service] & (above != service)
    return np.flatnonzero(request)


def count_spans(members: Members, trace: Trace, times: tuple[Int64, Int64]) -> None:
    """Book requests by service, operation and instance, and all spans.

    ``times`` are the start and the duration of each row.
    """
    mesh = MeshNames(trace)
    service, names = mesh.service, mesh.names
    failed = ((trace.flags & Flag.ERROR) != 0).astype(np.int64)
    all_spans = Figures(*times, failed, np.zeros(len(trace), np.int64))
    rows = request_rows(trace, mesh)
    requests = Figures(*(column[rows] for column in all_spans))
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
        group, found = grouped(service[rows], *(column[rows] for column in columns))
        keys: list[Key] = [
            (names[number], *(words[part] for part in parts))
            for number, *parts in found
        ]
        members.add(level, keys, group, requests)
    group, found = grouped(trace.service, trace.operation)
    keys = [(trace.services[number], operations[part]) for number, part in found]
    members.add("operation", keys, group, all_spans)
    members.add(
        "presence",
        [(name,) for name in names],
        np.asarray(service, np.int64),
        all_spans,
    )


def _count_paths(
    result: Contribution, trace: Trace, calls: list[Call], ends: Ends
) -> None:
    """Book the paths of calls, and how the trace was sampled."""
    minute = int(trace.start_ns.min()) // MINUTE_NS
    for path in paths(trace, calls, ends):
        tally = result.at("path", minute, path.words)
        tally.count += path.calls
        tally.errors += path.errors
        tally.attempts += 1
        tally.sum_ns += path.sum_ns
    result.at("sampling", minute, sampler_of(trace)).count += 1


def sampler_of(trace: Trace) -> Key:
    """How the trace was sampled: the sampler's type and parameter."""
    if "sampler.type" in trace.facts:
        rows = np.flatnonzero(trace.facts["sampler.type"] >= 0)
        if len(rows):
            row = int(rows[0])
            return (
                trace.fact("sampler.type", row),
                trace.fact("sampler.param", row),
            )
    return ("", "")


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
        ("start_ns", "duration_ns", "error", "attempts"),
    )
)
