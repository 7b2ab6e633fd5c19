"""The spans of a trace as CSV (RFC 4180), safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

import numpy as np

from dashboard.traces.trace import Flag, Int64, Kind, Trace

HEAD = (
    "span_id",
    "parent_id",
    "service",
    "operation",
    "kind",
    "start_us",
    "offset_ns",
    "duration_ns",
    "self_ns",
    "failed",
    "depth",
    "critical_ns",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
CHUNK = 2_000


def safe(value: str) -> str:
    """Text that no spreadsheet takes for a formula: such ones get an apostrophe."""
    return f"'{value}" if value.lstrip(" ").startswith(FORMULA) else value


def spans_csv(
    trace: Trace, extra: dict[str, np.ndarray], rows: Iterable[int] | None = None
) -> Iterator[bytes]:
    """Lines in pieces, UTF-8 with a byte order mark; ``rows`` in this order, or all."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(HEAD)
    origin = int(trace.start_ns.min()) if len(trace) else 0
    critical = critical_ns(trace, extra)
    yield b"\xef\xbb\xbf"
    for number, row in enumerate(range(len(trace)) if rows is None else rows, 1):
        above, kind = int(trace.parent[row]), Kind(trace.kind[row])
        start = int(trace.start_ns[row])
        writer.writerow(
            (
                safe(trace.span_ids[row]),
                safe(trace.span_ids[above] if above >= 0 else trace.parent_ids[row]),
                safe(trace.service_name(row)),
                safe(trace.operation_name(row)),
                "" if kind == Kind.UNSET else kind.name.lower(),
                start // 1_000,
                start - origin,
                int(trace.duration_ns[row]),
                int(extra["self_ns"][row]),
                "true" if trace.flags[row] & Flag.ERROR else "false",
                int(trace.depth[row]),
                int(critical[row]),
            )
        )
        if number % CHUNK == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def critical_ns(trace: Trace, extra: dict[str, np.ndarray]) -> Int64:
    """Nanoseconds of each row on the critical path."""
    found = np.zeros(len(trace), np.int64)
    lengths = extra["critical_end_ns"] - extra["critical_start_ns"]
    np.add.at(found, extra["critical_row"], lengths)
    return found


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "replace")
