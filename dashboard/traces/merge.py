"""Merges two versions of one trace, for spans that are pushed in pieces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dashboard.traces.trace import Flag, Int32, Trace, Warning


def merge(old: Trace, new: Trace) -> Trace:
    """All spans of both, unadjusted; of one identity the newer wins.

    The identity of a span is its id, kind and local endpoint. Warnings that
    adjusters left are dropped, since adjusting finds them again.
    """
    identities = {_identity(new, row) for row in range(len(new))}
    kept = [row for row in range(len(old)) if _identity(old, row) not in identities]
    if len(kept) < len(old):
        old = old.take(np.array(kept, np.int64))
    if not len(old):
        return new
    shift = len(old)
    services, service = _names(old.services, new.services, new.service)
    operations, operation = _names(old.operations, new.operations, new.operation)
    values, remap = _indices(old.fact_values, new.fact_values)
    facts: dict[str, Int32] = {}
    for key in {**old.facts, **new.facts}:
        left = old.facts.get(key, np.full(len(old), -1, np.int32))
        right = new.facts.get(key, np.full(len(new), -1, np.int32))
        if len(remap):
            right = np.where(right >= 0, remap[right], -1)
        facts[key] = np.concatenate((left, right)).astype(np.int32)
    return Trace(
        trace_id=max(old.trace_id, new.trace_id, key=len),
        span_ids=old.span_ids + new.span_ids,
        parent_ids=old.parent_ids + new.parent_ids,
        references={
            **old.references,
            **{row + shift: found for row, found in new.references.items()},
        },
        start_ns=np.concatenate((old.start_ns, new.start_ns)),
        duration_ns=np.concatenate((old.duration_ns, new.duration_ns)),
        service=np.concatenate((old.service, service)),
        operation=np.concatenate((old.operation, operation)),
        kind=np.concatenate((old.kind, new.kind)),
        flags=np.concatenate((old.flags, new.flags)),
        process=np.concatenate((old.process, new.process + len(old.processes))).astype(
            np.int32
        ),
        services=services,
        operations=operations,
        processes=old.processes + new.processes,
        details=[*old.details, *new.details],
        facts=facts,
        fact_values=values,
        warnings=_warnings(old, 0) + _warnings(new, shift),
    )


def _identity(trace: Trace, row: int) -> tuple[str, int, str]:
    if trace.flags[row] & Flag.RENAMED:
        return trace.span_ids[row].partition("~")[0], -1, trace.span_ids[row]
    return trace.span_ids[row], int(trace.kind[row]), trace.fact("endpoint", row)


def _warnings(trace: Trace, shift: int) -> list[Warning]:
    return [
        w if w.row < 0 else replace(w, row=w.row + shift)
        for w in trace.warnings
        if not w.structural
    ]


def _indices(old: list[str], new: list[str]) -> tuple[list[str], Int32]:
    index = {value: place for place, value in enumerate(old)}
    remap = [index.setdefault(value, len(index)) for value in new]
    return list(index), np.array(remap, np.int32)


def _names(old: list[str], new: list[str], column: Int32) -> tuple[list[str], Int32]:
    names, remap = _indices(old, new)
    return names, remap[column] if len(remap) else column
