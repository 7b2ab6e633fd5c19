"""Drops byte-identical copies; tells different spans of one id apart."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import replace

import numpy as np

from dashboard.traces.trace import Flag, Kind, Trace, Warning


def deduplicate(trace: Trace) -> Trace:
    """One copy of each span (definitions, "duplicates").

    Two halves of one call (a client and servers) may share an id and are left
    alone. Other spans of one id are all kept; all but the first get an id
    derived from their content, so that it does not depend on the input's order.
    """
    if len(set(trace.span_ids)) == len(trace):
        return trace
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, span_id in enumerate(trace.span_ids):
        rows_of[span_id].append(row)
    drop: set[int] = set()
    renamed: dict[int, str] = {}
    warnings = list(trace.warnings)
    for span_id, rows in rows_of.items():
        if len(rows) == 1:
            continue
        seen: dict[tuple[object, ...], int] = {}
        kept = []
        for row in rows:
            content = _content(trace, row)
            if content in seen:
                drop.add(row)
                continue
            seen[content] = row
            kept.append(row)
        if len(kept) > 1:
            _tell_apart(trace, span_id, kept, renamed, warnings)
    flags = trace.flags.copy()
    span_ids = list(trace.span_ids)
    for row, name in renamed.items():
        span_ids[row] = name
        flags[row] |= Flag.RENAMED
    trace = replace(trace, span_ids=span_ids, flags=flags, warnings=warnings)
    if drop:
        left = np.array([r for r in range(len(trace)) if r not in drop], np.int64)
        trace = trace.take(left)
        trace.warnings.append(
            Warning("duplicates-dropped", values={"count": len(drop)})
        )
    return trace


def _content(trace: Trace, row: int) -> tuple[object, ...]:
    return (
        int(trace.start_ns[row]),
        int(trace.duration_ns[row]),
        int(trace.kind[row]),
        trace.service_name(row),
        trace.operation_name(row),
        trace.references_of(row),
        bytes(trace.details[row]),
        trace.processes[trace.process[row]],
    )


def _tell_apart(
    trace: Trace,
    span_id: str,
    rows: list[int],
    renamed: dict[int, str],
    warnings: list[Warning],
) -> None:
    """Rename what is neither the client nor a server half of a shared id."""
    clients = [r for r in rows if trace.kind[r] in (Kind.CLIENT, Kind.PRODUCER)]
    servers = [r for r in rows if trace.kind[r] in (Kind.SERVER, Kind.CONSUMER)]
    shared = len(clients) == 1 and len(servers) >= 1
    sides = {*clients, *servers}
    others = [r for r in rows if r not in sides]
    if not shared and any(trace.flags[r] & Flag.SHARED for r in servers):
        shared, others = True, [*others, *clients]
    first_free = 0 if shared else 1
    rest = others if shared else rows
    if not shared or others:
        ordered = sorted(rest, key=lambda r: repr(_content(trace, r)))
        ordered.sort(key=lambda r: int(trace.start_ns[r]))
        for row in ordered[first_free:]:
            state = repr(_content(trace, row)).encode("utf-8", "replace")
            renamed[row] = span_id + "~" + hashlib.sha256(state).hexdigest()[:6]
            warnings.append(Warning("duplicate-id", row, {"span_id": span_id}))
