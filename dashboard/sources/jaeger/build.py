"""Decoded spans of Jaeger's into a trace: by columns, or one by one for repairs."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
from msgspec import Raw

from dashboard.sources.jaeger.shapes import JaegerReference, JaegerSpan, JaegerTrace
from dashboard.sources.jaeger.tags import BLOCK, JaegerTag, TagScan, process_of
from dashboard.sources.json_text import tolerant_json
from dashboard.traces.builder import MAX_NS, MICROSECOND, NOT_GIVEN, TraceBuilder
from dashboard.traces.details import encode, read_tags
from dashboard.traces.errors import BadTracePayload
from dashboard.traces.trace import Reference, Trace

EMPTY = (b"", b"null", b"[]")  # no tags
_tags = msgspec.json.Decoder(list[JaegerTag])


def build_trace(found: JaegerTrace, scan: TagScan) -> Trace:
    spans = found.spans or []
    trace_id = found.traceID.lower()
    builder = TraceBuilder(trace_id)
    numbers = _processes(builder, found, scan)
    trace = _columns(builder, spans, numbers, found.traceID, scan) if spans else None
    if trace is not None:
        return trace
    builder = TraceBuilder(trace_id)
    numbers = _processes(builder, found, scan)
    for span in spans:
        add_span(builder, span, numbers, trace_id)
    builder.check_units(MICROSECOND)
    return builder.finish()


def _processes(
    builder: TraceBuilder, found: JaegerTrace, scan: TagScan
) -> dict[str, int]:
    return {
        name: builder.process(*scan.process(bytes(raw)), name)
        for name, raw in (found.processes or {}).items()
    }


def _columns(
    builder: TraceBuilder,
    spans: list[JaegerSpan],
    numbers: dict[str, int],
    given_id: str,
    scan: TagScan,
) -> Trace | None:
    """The trace column by column, or ``None`` where a span needs a repair.

    Block by block: what one look brings into the processor's cache serves all.
    """
    count = len(spans)
    starts: list[int] = []
    durations: list[int] = []
    operations: list[str] = []
    process: list[int] = []
    span_ids: list[str] = []
    parent_ids: list[str] = []
    details: list[bytes] = []
    logs: list[int] = []
    for first in range(0, count, BLOCK):
        part = spans[first : first + BLOCK]
        starts += [span.startTime for span in part]
        durations += [span.duration for span in part]
        operations += [span.operationName for span in part]
        process += [numbers.get(span.processID, -1) for span in part]
        span_ids += [span.spanID for span in part]
        logs += [row for row, span in enumerate(part, first) if span.logs]
        for row, span in enumerate(part, first):
            parent_id, more = _parent_of(span.references, given_id, builder.trace_id)
            if more:
                if not all(reference.span_id for reference in more):
                    return None
                builder.references[row] = more
            parent_ids.append(parent_id)
        tags = [bytes(span.tags) for span in part]
        for place in sorted(scan.scan(tags, builder.facts, first, count)):
            row = first + place
            tags[place], found = _read_tags(builder, row, tags[place])
            builder.facts.add_tags(row, found)
        details += [
            _details(raw, span.logs, span.warnings)
            for raw, span in zip(tags, part, strict=True)
        ]
    try:
        start_us = np.array(starts, np.int64)
        duration_us = np.array(durations, np.int64)
    except OverflowError:
        return None
    if (
        start_us.min() <= 0
        or duration_us.min() < 0
        or max(start_us.max(), duration_us.max()) > MAX_NS // MICROSECOND
        or "" in operations
        or -1 in process
    ):
        return None
    builder.check_units(MICROSECOND, start_us * MICROSECOND)
    return builder.finish_columns(
        _lower(span_ids),
        _lower(parent_ids),
        start_us * MICROSECOND,
        duration_us * MICROSECOND,
        operations,
        process,
        details,
        logs,
    )


def _lower(words: list[str]) -> list[str]:
    """Words in lower case, which they nearly always are already."""
    whole = "".join(words)
    return words if whole == whole.lower() else [word.lower() for word in words]


def _parent_of(
    given: list[JaegerReference] | None, given_id: str, trace_id: str
) -> tuple[str, tuple[Reference, ...]]:
    """The parent's id where that is the only reference, else all references."""
    if not given:
        return "", ()
    first = given[0]
    if (
        len(given) == 1
        and first.refType == "CHILD_OF"
        and first.spanID
        and (first.traceID in (given_id, "") or first.traceID.lower() == trace_id)
        and first.tags is None
    ):
        return first.spanID, ()
    return "", tuple(
        Reference(
            ref.refType,
            ref.traceID.lower() or trace_id,
            ref.spanID.lower(),
            read_tags(ref.tags),
        )
        for ref in given
    )


def add_span(
    builder: TraceBuilder, span: JaegerSpan, numbers: dict[str, int], trace_id: str
) -> None:
    row = len(builder)
    process = numbers.get(span.processID)
    if process is None:
        if isinstance(span.process, dict):
            process = builder.process(
                *process_of(span.process), json.dumps(span.process)
            )
        else:
            process = builder.process("", (), "missing")
            builder.warn("missing-process", len(builder), process=span.processID)
    parent_id, references = _parent_of(span.references, trace_id, trace_id)
    parent_id = parent_id.lower()
    if not all(reference.span_id for reference in references):
        builder.warn("bad-reference", row)
        references = tuple(ref for ref in references if ref.span_id)
    raw_tags, tags = _read_tags(builder, row, bytes(span.tags))
    builder.span(
        span.spanID.lower(),
        parent_id,
        span.startTime * 1_000,
        span.duration if span.duration == NOT_GIVEN else span.duration * 1_000,
        span.operationName,
        0,
        process,
        _details(raw_tags, span.logs, span.warnings),
        tags,
        references,
    )


def _read_tags(
    builder: TraceBuilder, row: int, raw: bytes
) -> tuple[bytes, list[JaegerTag]]:
    """A row's tags, decoded; repaired with a warning where they can't be as they are."""
    if raw in EMPTY:
        return raw, []
    try:
        return raw, _tags.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raw, tags = _repair_tags(raw)
        builder.warn("repaired-tags" if tags else "unreadable-tags", row)
        return raw, tags


def _repair_tags(raw: bytes) -> tuple[bytes, list[JaegerTag]]:
    """Tags with a bad one among them: bytes and tags with only that one lost."""
    try:
        repaired = encoded_tags(tolerant_json(raw))
        return repaired, _tags.decode(repaired)
    except (BadTracePayload, msgspec.DecodeError, RecursionError):
        return b"", []


def _details(tags: bytes, logs: list[Raw] | None, warnings: Any) -> bytes:
    """Details as JSON; logs go first, so that a look at the start finds them."""
    if not logs and not warnings:
        return b'{"tags":%b}' % tags if tags not in EMPTY else b""
    parts = []
    if logs:
        parts.append(b'"logs":[%b]' % b",".join(map(bytes, logs)))
    if tags not in EMPTY:
        parts.append(b'"tags":' + tags)
    if warnings:
        parts.append(b'"warnings":' + encode(warnings))
    return b"{" + b",".join(parts) + b"}" if parts else b""


def encoded_tags(value: Any) -> bytes:
    if not isinstance(value, list):
        return b""
    members = [
        member
        if isinstance(member, dict)
        else {"key": "unreadable", "type": "string", "value": str(member)}
        for member in value
        if member is not None
    ]
    for member in members:
        if "key" in member and not isinstance(member["key"], str):
            member["key"] = str(member["key"])
    return encode(members)
