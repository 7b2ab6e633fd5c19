"""A trace as plain JSON columns that another Spanboard takes in, checked to the last row.

What comes from a file is hostile: every number that names a row or a place in a list
is held to its bounds, and what follows from other columns (depth, subtrees, flags of
warnings) is computed anew. Nothing of the file is kept as it stood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Raw, Struct

from dashboard.traces.builder import MAX_NS, storable
from dashboard.traces.details import read_details, read_tags, tag_object, write_details
from dashboard.traces.ids import normalise_trace_id
from dashboard.traces.trace import (
    NO_ROW,
    Flag,
    Kind,
    Process,
    Reference,
    Trace,
    Warning,
)

Scalar = str | int | float | bool | None
Id = Annotated[str, Meta(max_length=400)]
ALL_FLAGS = sum(Flag)
MAX_SKEW_NS = 2**60
MAX_MINUTE = 2**31
NOTHING = Raw(b"null")
KNOWN = ("known_service", "known_operation", "known_bucket", "known_count")


class BadFile(ValueError):
    """The file can not be taken in; the text says why, and names no value."""


class PortableReferences(Struct):
    """All references of one row that are not just one parent."""

    row: int
    references: list[dict[str, Any]]


class PortableWarning(Struct):
    """A repair or a doubt, see ``traces.trace.Warning``."""

    code: Annotated[str, Meta(max_length=100)]
    row: int = NO_ROW
    values: dict[str, Scalar] = {}
    structural: bool = False


class PortableTrace(Struct):
    """The columns of ``Trace`` as JSON; times in nanoseconds since the epoch.

    ``details`` are the objects of ``traces.details``, ``null`` where a span has none.
    ``known`` are stored durations, see ``graph.slowness.pack_known``.
    """

    trace_id: str
    services: list[str]
    operations: list[str]
    processes: list[dict[str, Any]]
    span_ids: list[Id]
    parent_ids: list[Id]
    start_ns: list[int]
    duration_ns: list[int]
    service: list[int]
    operation: list[int]
    kind: list[int]
    flags: list[int]
    process: list[int]
    parent: list[int]
    details: list[Raw]
    facts: dict[str, list[int]] = {}
    fact_values: list[str] = []
    references: list[PortableReferences] = []
    warnings: list[PortableWarning] = []
    skew_ns: list[int] | None = None
    known: dict[str, list[int]] = {}


def to_portable(trace: Trace, extra: Mapping[str, np.ndarray]) -> PortableTrace:
    """An adjusted trace with details as it goes into a file."""
    return PortableTrace(
        trace_id=trace.trace_id,
        services=trace.services,
        operations=trace.operations,
        processes=[
            {"service": p.service, "tags": [tag_object(tag) for tag in p.tags]}
            for p in trace.processes
        ],
        span_ids=trace.span_ids,
        parent_ids=trace.parent_ids,
        start_ns=trace.start_ns.tolist(),
        duration_ns=trace.duration_ns.tolist(),
        service=trace.service.tolist(),
        operation=trace.operation.tolist(),
        kind=trace.kind.tolist(),
        flags=trace.flags.tolist(),
        process=trace.process.tolist(),
        parent=trace.parent.tolist(),
        details=[
            Raw(write_details(read_details(raw))) if raw else NOTHING
            for raw in trace.details
        ],
        facts={key: column.tolist() for key, column in trace.facts.items()},
        fact_values=trace.fact_values,
        references=[
            PortableReferences(row, [_reference_object(one) for one in found])
            for row, found in trace.references.items()
        ],
        warnings=[
            PortableWarning(w.code, w.row, dict(w.values), w.structural)
            for w in trace.warnings
        ],
        skew_ns=None if trace.skew_ns is None else trace.skew_ns.tolist(),
        known={k: v.tolist() for k, v in extra.items() if k.startswith("known_")},
    )


def _reference_object(one: Reference) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "trace_id": one.trace_id,
        "span_id": one.span_id,
        "tags": [tag_object(tag) for tag in one.tags],
    }


def from_portable(
    found: PortableTrace, buckets: int
) -> tuple[Trace, dict[str, np.ndarray]]:
    """The trace with details, and what is known of its operations.

    ``buckets`` is how many a histogram of durations has. Raises ``BadFile``.
    """
    count = len(found.span_ids)
    _must(count > 0, "It holds no span.")
    try:
        same_id = normalise_trace_id(found.trace_id) == found.trace_id
    except ValueError:
        same_id = False
    _must(same_id, "Its trace id is none.")
    services = [storable(name) for name in found.services]
    operations = [storable(name) for name in found.operations]
    processes = [_process(one) for one in found.processes]

    def column(name: str, dtype: type[np.generic], low: int, high: int) -> np.ndarray:
        """A column of the file; ``high`` is exclusive."""
        return _array(name, getattr(found, name), count, dtype, low, high)

    ids = [*found.span_ids, *found.parent_ids]
    _must(len(ids) == 2 * count, "Its columns are not of one length.")
    _must(len(found.details) == count, "Its columns are not of one length.")
    _must(not any("\n" in one for one in ids), "An id holds a line break.")
    trace = Trace(
        trace_id=found.trace_id,
        span_ids=found.span_ids,
        parent_ids=found.parent_ids,
        references=_references(found.references, count),
        start_ns=column("start_ns", np.int64, 0, MAX_NS + 1),
        duration_ns=column("duration_ns", np.int64, 0, MAX_NS + 1),
        service=column("service", np.int32, 0, len(services)),
        operation=column("operation", np.int32, 0, len(operations)),
        kind=column("kind", np.uint8, 0, max(Kind) + 1),
        flags=column("flags", np.uint16, 0, ALL_FLAGS + 1),
        process=column("process", np.int32, 0, len(processes)),
        services=services,
        operations=operations,
        processes=processes,
        details=[_details(raw) for raw in found.details],
        facts={
            key: _array(
                "facts", values, count, np.int32, NO_ROW, len(found.fact_values)
            )
            for key, values in found.facts.items()
        },
        fact_values=[storable(value) for value in found.fact_values],
        warnings=_warnings(found.warnings, count),
        parent=column("parent", np.int32, NO_ROW, count),
    )
    if found.skew_ns is not None:
        trace.skew_ns = column("skew_ns", np.int64, -MAX_SKEW_NS, MAX_SKEW_NS)
    return _shaped(trace), _known(found, buckets)


def _must(holds: bool, sentence: str) -> None:
    if not holds:
        raise BadFile(sentence)


def _array(
    name: str,
    values: Sequence[int],
    count: int,
    dtype: type[np.generic],
    low: int,
    high: int,
) -> np.ndarray:
    _must(len(values) == count, "Its columns are not of one length.")
    try:
        wide = np.array(values, np.int64)
    except OverflowError as problem:
        raise BadFile(f"A number in its column {name} is out of range.") from problem
    _must(
        not count or bool(wide.min() >= low and wide.max() < high),
        f"A number in its column {name} is out of range.",
    )
    return wide.astype(dtype)


def _process(found: Mapping[str, Any]) -> Process:
    return Process(
        storable(str(found.get("service", ""))), read_tags(found.get("tags"))
    )


def _details(raw: Raw) -> bytes:
    content = bytes(raw)
    return b"" if content == b"null" else write_details(read_details(content))


def _references(
    found: Sequence[PortableReferences], count: int
) -> dict[int, tuple[Reference, ...]]:
    result = {}
    for entry in found:
        _must(0 <= entry.row < count, "A reference is of a row that is not there.")
        result[entry.row] = tuple(
            Reference(
                "FOLLOWS_FROM" if one.get("kind") == "FOLLOWS_FROM" else "CHILD_OF",
                str(one.get("trace_id", ""))[:400],
                str(one.get("span_id", ""))[:400],
                read_tags(one.get("tags")),
            )
            for one in entry.references
        )
    return result


def _warnings(found: Sequence[PortableWarning], count: int) -> list[Warning]:
    for one in found:
        _must(NO_ROW <= one.row < count, "A warning is of a row that is not there.")
        delta = one.values.get("delta_us", 0)
        _must(
            isinstance(delta, int) and abs(delta) < MAX_NS,
            "A warning holds a number out of range.",
        )
    return [Warning(w.code, w.row, w.values, w.structural) for w in found]


def _shaped(trace: Trace) -> Trace:
    """The trace with depth and subtrees; its rows must be a tree in display order."""
    parent = trace.parent.tolist()
    count = len(parent)
    size, depth = [1] * count, [0] * count
    for row in range(count - 1, -1, -1):
        above = parent[row]
        _must(above < row, "A span stands before its caller.")
        if above >= 0:
            size[above] += size[row]
    path: list[int] = []
    for row in range(count):
        while path and path[-1] + size[path[-1]] <= row:
            path.pop()
        _must(
            parent[row] == (path[-1] if path else NO_ROW),
            "Its spans do not stand below their callers.",
        )
        depth[row] = len(path)
        path.append(row)
    return replace(
        trace, depth=np.array(depth, np.int32), subtree=np.array(size, np.int32)
    )


def _known(found: PortableTrace, buckets: int) -> dict[str, np.ndarray]:
    if not found.known:
        return {}
    _must(
        set(found.known) == {"known_window", *KNOWN},
        "What is known of its operations is not whole.",
    )
    window = found.known["known_window"]
    number = len(found.known["known_count"])
    high = (len(found.services), len(found.operations), buckets, 2**40)
    return {
        "known_window": _array("known_window", window, 2, np.int64, 0, MAX_MINUTE),
        **{
            name: _array(name, found.known[name], number, np.int64, 0, limit)
            for name, limit in zip(KNOWN, high, strict=True)
        },
    }
