"""Which value of a key each span of a trace has: service, operation, kind or a tag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec
import numpy as np

from dashboard.traces.details import encode, read_details
from dashboard.traces.facts import text_of
from dashboard.traces.trace import Int64, Kind, Trace

Frames = Iterable[tuple[int, np.ndarray, bytes]]
"""Details as ``traces.codec.detail_frames`` gives them."""

COLUMNS = ("service", "operation", "kind")
PREFIX = "tag:"  # asks for a tag that is called like a column
SAMPLED_PER_FRAME = 64
MAX_KEYS = 200
MAX_KEY = 200  # characters of a key that is offered
MAX_VALUE = 500  # characters by which values are told apart


class _Pair(msgspec.Struct, gc=False):
    key: Any = None
    value: Any = None


class _Tags(msgspec.Struct, gc=False):
    tags: list[_Pair] | None = None


_decoder = msgspec.json.Decoder(_Tags)


@dataclass(frozen=True, slots=True)
class Values:
    """``number[row]`` is an index into ``names``, or -1 where the row has no value."""

    number: Int64
    names: list[str]


def values_of(trace: Trace, frames: Frames, key: str) -> Values:
    """The value of a key on each row; a span's own tag goes before its process's.

    ``service``, ``operation`` and ``kind`` are columns; any other key is a tag
    (``tag:kind`` for a tag that is called so). Values are told apart by their first
    ``MAX_VALUE`` characters. Raises ``KeyError`` for a tag that
    no span of the trace has.
    """
    if key == "service":
        return Values(trace.service.astype(np.int64), trace.services)
    if key == "operation":
        return Values(trace.operation.astype(np.int64), trace.operations)
    if key == "kind":
        kinds = [kind.name.lower() for kind in Kind]
        number = trace.kind.astype(np.int64)
        number[number == Kind.UNSET] = -1
        return Values(number, kinds)
    wanted = key.removeprefix(PREFIX)
    names: list[str] = []
    index: dict[str, int] = {}

    def number_of(value: Any) -> int:
        text = (
            encode(value).decode() if isinstance(value, list | dict) else text_of(value)
        )[:MAX_VALUE]
        found = index.setdefault(text, len(names))
        if found == len(names):
            names.append(text)
        return found

    of_process = [
        next((number_of(t.value) for t in process.tags if t.key == wanted), -1)
        for process in trace.processes
    ]
    number = np.array([*of_process, -1], np.int64)[trace.process]
    needle = msgspec.json.encode(wanted)
    for row, raw in _rows(frames):
        # An escape may hide the key from a search through the bytes.
        if needle not in raw and b"\\" not in raw:
            continue
        for pair in pairs_of(raw):
            if pair.key == wanted:
                number[row] = number_of(pair.value)
                break
    if not names:
        raise KeyError(wanted)
    return Values(number, names)


def keys_of(trace: Trace, frames: Frames) -> list[str]:
    """Tag keys of a trace, the most frequent first; a quarter of the spans is read."""
    found: Counter[str] = Counter()
    for _, ends, body in frames:
        for raw in islice(_cut(ends, body), SAMPLED_PER_FRAME):
            found.update({str(pair.key) for pair in pairs_of(raw)})
    for process in trace.processes:
        found.update({tag.key for tag in process.tags})
    offered = (key for key, _ in found.most_common() if len(key) <= MAX_KEY)
    return list(islice(offered, MAX_KEYS))


def _rows(frames: Frames) -> Iterator[tuple[int, bytes]]:
    for first, ends, body in frames:
        yield from enumerate(_cut(ends, body), first)


def _cut(ends: np.ndarray, body: bytes) -> Iterator[bytes]:
    position = 0
    for end in ends.tolist():
        yield body[position:end]
        position = end


def pairs_of(raw: bytes) -> Iterable[_Pair]:
    """Keys and values of one span's own tags, from its details."""
    if not raw:
        return ()
    try:
        return _decoder.decode(raw).tags or ()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return [_Pair(tag.key, tag.value) for tag in read_details(raw).tags]
