"""One trace as a binary payload of columns for the browser.

Layout, little-endian: ``u32`` length of the header, the header (JSON, padded
with spaces so that the columns begin at a multiple of eight bytes), then the columns one after another at
the offsets that the header names (relative to the header's end).
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from dashboard.presenters.colors import monogram, slots
from dashboard.presenters.marks import mark_columns
from dashboard.presenters.payload_answers import (
    fold_columns,
    narrow,
    pair_columns,
    placeholders,
)
from dashboard.traces.trace import Trace

REPEAT_LEAST = 5  # equal siblings that make one fold, unless the header says so
MAX_IDS = 5_000  # above, ids stay on the server: they do not compress


def unit_of(duration_ns: int) -> int:
    """Nanoseconds per unit of the payload's times: 1 up to 2.1 s, else 1,000."""
    return 1 if duration_ns < 2**31 - 1 else 1_000


def build_payload(
    trace: Trace, extra: dict[str, np.ndarray], head: dict[str, Any]
) -> bytes:
    """The payload of an adjusted trace with its analysis arrays.

    ``head`` is merged into the header (version, growing, …). Times are relative to
    the trace's start, in the header's ``unit_ns``; ``start`` is relative to the
    parent's start (roots: to the trace's), ``up`` is the row minus the parent's
    row (0 for roots).
    """
    count = len(trace)
    origin = int(trace.start_ns.min()) if count else 0
    whole = int(trace.end_ns.max()) - origin if count else 0
    unit = unit_of(whole)
    start = (trace.start_ns - origin) // unit
    parent = trace.parent
    base = np.where(parent >= 0, start[parent], 0) if count else start
    rows = np.arange(count)
    version = trace.facts.get("version", np.full(count, -1, np.int32))
    numbers, place = np.unique(version, return_inverse=True)
    versions = ["" if n < 0 else trace.fact_values[n] for n in numbers.tolist()]
    columns: list[tuple[str, np.ndarray]] = [
        ("start", narrow(start - base)),
        ("duration", narrow(trace.duration_ns // unit)),
        ("self", narrow(extra["self_ns"] // unit)),
        ("up", np.where(parent >= 0, rows - parent, 0).astype("<u4")),
        ("criticalRow", extra["critical_row"].astype("<u4")),
        ("criticalStart", narrow((extra["critical_start_ns"] - origin) // unit)),
        ("criticalEnd", narrow((extra["critical_end_ns"] - origin) // unit)),
    ]
    if trace.skew_ns is not None:
        columns.append(("skew", narrow(trace.skew_ns // unit)))
    for name, column, names in (
        ("service", trace.service, trace.services),
        ("operation", trace.operation, trace.operations),
        ("version", place.reshape(-1), versions),
    ):
        width = "<u2" if len(names) < 2**16 else "<u4"
        columns.append((name, column.astype(width)))
    columns.append(("flags", trace.flags.astype("<u2")))
    columns.append(("kind", trace.kind.astype("u1")))
    least = int(head.get("repeat_least", REPEAT_LEAST))
    columns += pair_columns(trace) + fold_columns(trace, unit, least)
    marks, peers = mark_columns(trace)
    columns += marks
    orphans, absent = placeholders(trace, origin, unit, bool(head.get("growing")))
    columns += orphans
    columns.sort(key=lambda item: -item[1].itemsize)
    colours = slots(trace.services)
    table, offset = [], 0
    for name, array in columns:
        table.append([name, array.dtype.str, offset, len(array)])
        offset += array.nbytes
    header = {
        **head,
        **absent,
        "repeat_least": least,
        "trace_id": trace.trace_id,
        "spans": count,
        "origin_us": str(origin // 1_000),
        "unit_ns": unit,
        "duration": whole // unit,
        "services": [[name, colours[name], monogram(name)] for name in trace.services],
        "operations": trace.operations,
        "versions": versions,
        "peers": peers,
        "ids": trace.span_ids if count <= MAX_IDS else None,
        "columns": table,
    }
    packed = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    body = packed.encode("utf-8", "replace")
    body += b" " * (-(len(body) + 4) % 8)
    return b"".join(
        [struct.pack("<I", len(body)), body, *(a.tobytes() for _, a in columns)]
    )
