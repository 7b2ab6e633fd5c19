"""What one trace adds to the rollups: counts that add and subtract exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import zstandard

from dashboard.graph.calls import Call
from dashboard.graph.histogram import Histogram, bucket_of, buckets_of
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

    Levels and their keys: ``edge`` (caller, callee, caller version, callee
    version, virtual side, node kind, "async" or "", "self" or ""), ``service``
    (service, version, namespace) and ``operation`` (service, operation).
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
        packed = msgspec.msgpack.encode(self.plain())
        return zstandard.ZstdCompressor(level=3).compress(packed)

    @classmethod
    def from_bytes(cls, content: bytes | memoryview[int]) -> Contribution:
        """The inverse of ``to_bytes``; empty bytes are an empty contribution."""
        result = cls()
        if not content:
            return result
        plain = zstandard.ZstdDecompressor().decompress(bytes(content))
        for level, minute, key, tally in msgspec.msgpack.decode(plain):
            minutes = result.levels.setdefault(level, {})
            minutes.setdefault(minute, {})[tuple(key)] = Tally.unpacked(tally)
        return result

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
    plain = zstandard.ZstdDecompressor().decompress(bytes(content))
    for found, minute, key, tally in msgspec.msgpack.decode(plain):
        if found == level:
            yield minute, key, tally[4]


def contribution(trace: Trace, calls: list[Call]) -> Contribution:
    """What an adjusted trace adds (definitions, "aggregates").

    A call belongs to the minute of its caller span's raw start, else of its
    callee's. A service's requests are its SERVER and CONSUMER spans, or its
    entry spans where none of its spans carries a kind; an operation's figures
    count all its spans.
    """
    result = Contribution()
    for call in calls:
        key: Key = (
            call.caller,
            call.callee,
            call.caller_version,
            call.callee_version,
            call.virtual,
            call.node_kind,
            "async" if call.asynchronous else "",
            "self" if call.self_call else "",
        )
        tally = result.at("edge", call.start_ns // MINUTE_NS, key)
        _count(tally, call.error, call.duration_ns, bucket_of(call.duration_ns))
        tally.attempts += call.attempts
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
        key = (
            trace.services[services[row]],
            trace.fact("version", row),
            trace.fact("namespace", row),
        )
        tally = result.at("service", minutes[row], key)
        _count(tally, failed[row], durations[row], buckets[row])
    for row in range(len(trace)):
        key = (trace.services[services[row]], trace.operations[operations[row]])
        tally = result.at("operation", minutes[row], key)
        _count(tally, failed[row], durations[row], buckets[row])
    return result


def _count(tally: Tally, failed: bool, duration_ns: int, bucket: int) -> None:
    tally.count += 1
    tally.errors += failed
    tally.sum_ns += duration_ns
    tally.histogram[bucket] = tally.histogram.get(bucket, 0) + 1
