"""A trace as two compressed blobs: columns, and details in frames.

Details are compressed in frames of 256 spans with a table of offsets, so that
opening one span unpacks one frame.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from dashboard.traces.squeeze import compress, decompress
from dashboard.traces.trace import Process, Reference, Tag, Trace, Warning

FRAME = 256
VERSION = 1
Blob = bytes | memoryview
_HEAD = struct.Struct("<III")
COLUMNS = (
    "start_ns",
    "duration_ns",
    "service",
    "operation",
    "kind",
    "flags",
    "process",
    "parent",
    "depth",
    "subtree",
)


def encode_columns(trace: Trace, extra: dict[str, np.ndarray] | None = None) -> bytes:
    """Everything of a trace but the details; ``extra`` adds named arrays."""
    arrays = {name: getattr(trace, name) for name in COLUMNS}
    if trace.skew_ns is not None:
        arrays["skew_ns"] = trace.skew_ns
    for key, column in trace.facts.items():
        arrays[f"fact:{key}"] = column
    for name, array in (extra or {}).items():
        arrays[f"extra:{name}"] = array
    head = {
        "version": VERSION,
        "trace_id": trace.trace_id,
        "services": trace.services,
        "operations": trace.operations,
        "processes": [
            (p.service, [(t.key, t.type, t.value) for t in p.tags])
            for p in trace.processes
        ],
        "references": [
            (
                row,
                [
                    (
                        r.kind,
                        r.trace_id,
                        r.span_id,
                        [(t.key, t.type, t.value) for t in r.tags],
                    )
                    for r in found
                ],
            )
            for row, found in trace.references.items()
        ],
        "fact_values": trace.fact_values,
        "warnings": [
            (w.code, w.row, dict(w.values), w.structural) for w in trace.warnings
        ],
        "span_ids": "\n".join(trace.span_ids),
        "parent_ids": "\n".join(trace.parent_ids),
        "arrays": [(name, a.dtype.str, len(a)) for name, a in arrays.items()],
    }
    packed = msgspec.msgpack.encode(head)
    body = b"".join(
        [struct.pack("<I", len(packed)), packed]
        + [np.ascontiguousarray(array).tobytes() for array in arrays.values()]
    )
    return compress(body)


def decode_columns(blob: Blob) -> tuple[Trace, dict[str, np.ndarray]]:
    """The trace (with empty details) and the extra arrays of a blob."""
    body = decompress(blob)
    (length,) = struct.unpack_from("<I", body)
    head: dict[str, Any] = msgspec.msgpack.decode(body[4 : 4 + length])
    position = 4 + length
    arrays: dict[str, np.ndarray] = {}
    for name, dtype, count in head["arrays"]:
        kind = np.dtype(dtype)
        found = np.frombuffer(body, kind, count, position)
        arrays[name] = found.copy()
        position += count * kind.itemsize
    count = len(arrays["start_ns"])
    trace = Trace(
        trace_id=head["trace_id"],
        span_ids=head["span_ids"].split("\n") if count else [],
        parent_ids=head["parent_ids"].split("\n") if count else [],
        references={
            row: tuple(Reference(k, t, s, _tags(tags)) for k, t, s, tags in found)
            for row, found in head["references"]
        },
        services=head["services"],
        operations=head["operations"],
        processes=[Process(name, _tags(tags)) for name, tags in head["processes"]],
        details=[b""] * count,
        facts={n[5:]: a for n, a in arrays.items() if n.startswith("fact:")},
        fact_values=head["fact_values"],
        warnings=[Warning(c, r, v, s) for c, r, v, s in head["warnings"]],
        skew_ns=arrays.get("skew_ns"),
        **{name: arrays[name] for name in COLUMNS},
    )
    extra = {n[6:]: a for n, a in arrays.items() if n.startswith("extra:")}
    return trace, extra


class _Names(msgspec.Struct, gc=False):
    """What a search by columns needs of the head; the rest is passed over."""

    services: list[str]
    operations: list[str]
    arrays: list[tuple[str, str, int]]


_names = msgspec.msgpack.Decoder(_Names)
_EMPTY = np.empty(0, np.int64)


def decode_bare(blob: Blob) -> Trace:
    """Services, operations and the columns only: no ids, facts, tags or warnings.

    A quarter of the time of ``decode_columns``. The columns can not be written.
    """
    body = decompress(blob)
    (length,) = struct.unpack_from("<I", body)
    head = _names.decode(memoryview(body)[4 : 4 + length])
    position = 4 + length
    arrays: dict[str, Any] = dict.fromkeys(COLUMNS, _EMPTY)
    for name, dtype, count in head.arrays:
        kind = _kinds.get(dtype) or _kinds.setdefault(dtype, np.dtype(dtype))
        if name in arrays:
            arrays[name] = np.frombuffer(body, kind, count, position)
        position += count * kind.itemsize
    return Trace(
        trace_id="",
        span_ids=[""] * len(arrays["service"]),
        parent_ids=[],
        references={},
        services=head.services,
        operations=head.operations,
        processes=[],
        details=[],
        **arrays,
    )


_kinds: dict[str, np.dtype[Any]] = {}


def _tags(found: list[Any]) -> tuple[Tag, ...]:
    return tuple(Tag(key, kind, value) for key, kind, value in found)


def encode_details(trace: Trace) -> bytes:
    """The details of all spans, in frames."""
    frames = []
    for first in range(0, len(trace), FRAME):
        rows = trace.details[first : first + FRAME]
        lengths = np.array([len(row) for row in rows], "<u4").tobytes()
        frames.append(compress(lengths + b"".join(rows)))
    sizes = np.array([len(frame) for frame in frames], "<u4").tobytes()
    head = _HEAD.pack(VERSION, len(trace), len(frames))
    return head + sizes + b"".join(frames)


def _frame(blob: bytes, number: int) -> tuple[np.ndarray, bytes]:
    """Ends of a frame's rows in its body, and the body."""
    _, count, frames = _HEAD.unpack_from(blob)
    sizes = np.frombuffer(blob, "<u4", frames, _HEAD.size).astype(np.int64)
    first = _HEAD.size + 4 * frames + int(sizes[:number].sum())
    packed = bytes(blob[first : first + int(sizes[number])])
    plain = decompress(packed)
    rows = min(FRAME, count - number * FRAME)
    ends = np.frombuffer(plain, "<u4", rows).astype(np.int64).cumsum()
    return ends, plain[4 * rows :]


def _rows(ends: np.ndarray, body: bytes) -> list[bytes]:
    result, position = [], 0
    for end in ends.tolist():
        result.append(body[position:end])
        position = end
    return result


def detail_frames(blob: Blob) -> Iterator[tuple[int, np.ndarray, bytes]]:
    """Frame by frame: first row, ends of the rows in the body, and the body."""
    blob = bytes(blob)
    _, _, frames = _HEAD.unpack_from(blob)
    for number in range(frames):
        yield number * FRAME, *_frame(blob, number)


def read_detail(blob: Blob, row: int) -> bytes:
    """Details of one row; raises ``IndexError`` for a row that is not there."""
    _, count, _ = _HEAD.unpack_from(blob)
    if not 0 <= row < count:
        raise IndexError(row)
    return _rows(*_frame(bytes(blob), row // FRAME))[row % FRAME]


def frame_rows(blob: Blob, number: int) -> Iterator[tuple[int, bytes]]:
    """Row numbers and details of one frame; nothing where there is no such frame."""
    _, _, frames = _HEAD.unpack_from(blob)
    if 0 <= number < frames:
        yield from enumerate(_rows(*_frame(bytes(blob), number)), number * FRAME)


def decode_all_details(blob: Blob) -> list[bytes]:
    """Details of all rows, in order."""
    return [row for _, ends, body in detail_frames(blob) for row in _rows(ends, body)]
