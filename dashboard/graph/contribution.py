"""What one trace adds to the rollups: counts that add and subtract exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import zstandard

from dashboard.graph.calls import Call
from dashboard.graph.deep import Sites, paths
from dashboard.graph.histogram import Histogram, bucket_of, buckets_of
from dashboard.graph.packing import Row, is_packed, pack, unpack, words_of
from dashboard.traces.trace import Flag, Kind, Trace

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
    sites = Sites(trace)
    for call in calls:
        _count_call(result, sites, call)
    if not len(trace):
        return result
    kinds = trace.kind
    failed = ((trace.flags & Flag.ERROR) != 0).tolist()
    durations = trace.duration_ns.tolist()
    buckets = buckets_of(trace.duration_ns).tolist()
    minutes = (trace.start_ns // MINUTE_NS).tolist()
    parents = trace.parent
    above = np.where(parents >= 0, trace.service[parents], -1)
    untyped = np.ones(len(trace.services), bool)
    untyped[trace.service[kinds != Kind.UNSET]] = False
    request = (kinds == Kind.SERVER) | (kinds == Kind.CONSUMER)
    request |= untyped[trace.service] & (above != trace.service)
    services, operations = trace.service.tolist(), trace.operation.tolist()
    for row in np.flatnonzero(request).tolist():
        service = trace.services[services[row]]
        version, namespace = trace.fact("version", row), trace.fact("namespace", row)
        keys: tuple[tuple[str, Key], ...] = (
            ("service", (service, version, namespace)),
            ("entry", (service, trace.operations[operations[row]])),
            ("instance", (service, trace.fact("pod", row), version, namespace)),
        )
        for level, key in keys:
            tally = result.at(level, minutes[row], key)
            _count(tally, failed[row], durations[row], buckets[row])
    for row in range(len(trace)):
        key = (trace.services[services[row]], trace.operations[operations[row]])
        tally = result.at("operation", minutes[row], key)
        _count(tally, failed[row], durations[row], buckets[row])
    for minute, keys_at in list(result.levels["operation"].items()):
        for key, tally in keys_at.items():
            result.at("presence", minute, key[:1]).count += tally.count
    _count_paths(result, trace, calls, sites)
    return result


def _count_call(result: Contribution, sites: Sites, call: Call) -> None:
    """Book a call on each level of edges."""
    minute = call.start_ns // MINUTE_NS
    caller, callee = call.caller, call.callee
    nature = (
        call.virtual,
        call.node_kind,
        "async" if call.asynchronous else "",
        "self" if call.self_call else "",
    )
    operations = sites.operations(call)
    instances = sites.facts("pod", call)
    versions = (call.caller_version, call.callee_version)
    keys: tuple[tuple[str, Key], ...] = (
        (
            "edge",
            (caller, callee, *versions, *nature, *sites.facts("namespace", call)),
        ),
        (
            "operation-edge",
            (caller, operations[0], callee, operations[1], *nature),
        ),
        (
            "instance-edge",
            (caller, instances[0], callee, instances[1], *nature),
        ),
    )
    bucket = bucket_of(call.duration_ns)
    for level, key in keys:
        tally = result.at(level, minute, key)
        _count(tally, call.error, call.duration_ns, bucket)
        tally.attempts += call.attempts


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


def _count(tally: Tally, failed: bool, duration_ns: int, bucket: int) -> None:
    tally.count += 1
    tally.errors += failed
    tally.sum_ns += duration_ns
    tally.histogram[bucket] = tally.histogram.get(bucket, 0) + 1
