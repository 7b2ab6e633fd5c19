"""Tallies as bytes: columns of numbers that many blocks can be added up from fast.

Version 1 is one byte, then a compressed list of levels, each ``[level, keys,
minutes, counts, errors, attempts, sums, lengths, buckets, numbers]``. A key is the
packed list of its words; the numbers are little-endian 64-bit (buckets 16-bit);
``lengths`` tells how many buckets of the histogram belong to each row.
What begins with the magic number of zstd is of the version before: rows.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from dashboard.traces.squeeze import compress, decompress
from dashboard.traces.trace import Int64

VERSION = b"\x01"
Row = tuple[int, tuple[str, ...], int, int, int, int, Mapping[int, int]]
_encode = msgspec.msgpack.Encoder().encode


@dataclass(slots=True)
class Frame:
    """The rows of one level; ``keys`` are packed, see ``words_of``."""

    keys: list[bytes]
    minute: Int64
    count: Int64
    errors: Int64
    attempts: Int64
    sum_ns: Int64
    lengths: Int64
    bucket: Int64
    number: Int64

    def __len__(self) -> int:
        return len(self.keys)


def words_of(key: bytes) -> tuple[str, ...]:
    """The words of a packed key."""
    return tuple(msgspec.msgpack.decode(key))


def pack_key(words: tuple[str, ...]) -> bytes:
    """The packed form of a key: equal for equal words."""
    return _encode(words)


def pack(levels: Mapping[str, Iterable[Row]]) -> bytes:
    """Rows ``(minute, key, count, errors, attempts, sum, histogram)`` as bytes."""
    found = []
    for level, rows in levels.items():
        keys: list[bytes] = []
        columns = [array("q") for _ in range(6)]
        minutes, counts, errors, attempts, sums, lengths = columns
        buckets, numbers = array("h"), array("q")
        for minute, key, count, failed, tried, sum_ns, histogram in rows:
            keys.append(_encode(key))
            minutes.append(minute)
            counts.append(count)
            errors.append(failed)
            attempts.append(tried)
            sums.append(sum_ns)
            lengths.append(len(histogram))
            buckets.extend(histogram.keys())
            numbers.extend(histogram.values())
        found.append([level, keys, *map(_bytes, [*columns, buckets, numbers])])
    return pack_columns(found)


def pack_columns(levels: list[Any]) -> bytes:
    """Levels as bytes; each as the head of this module says."""
    return VERSION + compress(_encode(levels))


def _bytes(column: array[int]) -> bytes:
    if sys.byteorder != "little":
        column.byteswap()
    return column.tobytes()


def is_packed(content: bytes | memoryview[int]) -> bool:
    """Whether bytes are of this version."""
    return bytes(content[:1]) == VERSION


def unpack(
    content: bytes | memoryview[int], levels: Collection[str] | None = None
) -> dict[str, Frame]:
    """The frames by level (those asked for) of what ``pack`` made."""
    plain = decompress(memoryview(content)[1:])
    result = {}
    for level, keys, *columns in msgspec.msgpack.decode(plain):
        if levels is not None and level not in levels:
            continue
        types = ["<i8"] * 6 + ["<i2", "<i8"]
        arrays: list[Any] = [
            np.frombuffer(column, kind)
            for column, kind in zip(columns, types, strict=True)
        ]
        result[level] = Frame(keys, *arrays)
    return result
