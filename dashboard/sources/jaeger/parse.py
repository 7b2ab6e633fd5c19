"""Jaeger's v1 JSON into traces: a strict fast path, a tolerant one behind it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from msgspec import Raw, Struct, field

from dashboard.sources.jaeger.tags import BLOCK, JaegerTag, TagScan, process_of
from dashboard.sources.json_text import tolerant_json, without_lone_surrogates
from dashboard.traces.builder import (
    MAX_NS,
    MICROSECOND,
    NOT_GIVEN,
    Decoded,
    Problem,
    TraceBuilder,
)
from dashboard.traces.collector import no_collection
from dashboard.traces.details import encode, read_tags
from dashboard.traces.errors import BadTracePayload
from dashboard.traces.ids import id_text
from dashboard.traces.trace import Reference, Trace

Told = tuple[str, int]  # a trace's id and its start in µs
EMPTY = (b"", b"null", b"[]")


class JaegerReference(Struct, gc=False):
    """A reference as Jaeger writes it."""

    refType: str = "CHILD_OF"
    traceID: str = ""
    spanID: str = ""
    tags: Any = None


class JaegerSpan(Struct, gc=False):
    """A span whose tags and logs stay undecoded."""

    spanID: str
    startTime: int
    operationName: str = ""
    duration: int = NOT_GIVEN
    references: list[JaegerReference] | None = None
    tags: Raw = field(default_factory=Raw)
    logs: list[Raw] | None = None
    processID: str = ""
    process: Any = None
    warnings: Any = None


class JaegerTrace(Struct, gc=False):
    """A trace of Jaeger's."""

    traceID: str = ""
    spans: list[JaegerSpan] | None = None
    processes: dict[str, Raw] | None = None


class Answer(Struct, gc=False):
    """The answer around traces that are as Jaeger writes them."""

    data: list[JaegerTrace]


class Envelope(Struct, gc=False):
    """The answer around the traces; each stays undecoded at first."""

    data: Raw = field(default_factory=Raw)  # empty: not there
    spans: Raw = field(default_factory=Raw)


_answer = msgspec.json.Decoder(Answer)
_traces = msgspec.json.Decoder(list[JaegerTrace])
_envelope = msgspec.json.Decoder(Envelope)
_raw_list = msgspec.json.Decoder(list[Raw])
_trace = msgspec.json.Decoder(JaegerTrace)
_tags = msgspec.json.Decoder(list[JaegerTag])


def parse_v1(body: bytes) -> Decoded:
    """Traces of a Jaeger answer, download or list.

    Takes ``{"data": [...]}``, ``{"data": {...}}``, a list of traces or one
    trace. Raises ``BadTracePayload`` when the body is no such JSON.
    """
    with no_collection():
        return _parse(without_lone_surrogates(body))


def parse_new(
    body: bytes, known: Mapping[bytes, Told]
) -> tuple[Decoded, list[Told], list[tuple[bytes, Told]]]:
    """Of an answer the traces whose bytes are not known yet.

    Returns them, what is known of the others by the digest of their bytes, and the
    digests of those that were read.
    """
    with no_collection():
        body = without_lone_surrogates(body)
        problems: list[Problem] = []
        traces: list[Trace] = []
        unchanged: list[Told] = []
        marks: list[tuple[bytes, Told]] = []
        scan = TagScan()
        for place, raw in enumerate(_split(body)):
            mark = b""
            if isinstance(raw, bytes | Raw):
                mark = hashlib.blake2b(raw, digest_size=16).digest()
                if mark in known:
                    unchanged.append(known[mark])
                    continue
            trace = _one(raw, scan, problems, place)
            if trace is not None and len(trace):
                traces.append(trace)
                if mark:
                    start_us = int(trace.start_ns.min()) // 1_000
                    marks.append((mark, (trace.trace_id, start_us)))
        return Decoded(traces, problems, "jaeger"), unchanged, marks


def _parse(body: bytes) -> Decoded:
    problems: list[Problem] = []
    scan = TagScan()
    try:
        if body.lstrip()[:1] == b"[":
            whole = _traces.decode(body)
        else:
            whole = _answer.decode(body).data
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        whole = []  # the look at each trace alone finds what can be read
    if whole and all(found.traceID for found in whole):
        traces = [_build(found, scan) for found in whole]
    else:
        traces = []
        for place, raw in enumerate(_split(body)):
            trace = _one(raw, scan, problems, place)
            if trace is not None:
                traces.append(trace)
    return Decoded([trace for trace in traces if len(trace)], problems, "jaeger")


def _one(
    raw: Any, scan: TagScan, problems: list[Problem], position: int
) -> Trace | None:
    """One trace, by the strict path where its JSON is as Jaeger writes it."""
    try:
        found = _trace.decode(raw if isinstance(raw, bytes | Raw) else encode(raw))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _tolerant(raw, problems, position)
    if not found.traceID and found.spans:
        return _tolerant(raw, problems, position)
    return _build(found, scan)


def _split(body: bytes) -> list[Any]:
    """The traces of a body, undecoded where the body is strict JSON."""
    try:
        if body.lstrip()[:1] == b"[":
            return list(_raw_list.decode(body))
        envelope = _envelope.decode(body)
        data = bytes(envelope.data)
        if data == b"null":
            return []
        if data:
            return list(_raw_list.decode(data)) if data[:1] == b"[" else [data]
        if bytes(envelope.spans) not in EMPTY[:2]:
            return [body]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass  # the tolerant reader below takes it
    found = tolerant_json(body)
    if isinstance(found, dict) and "data" in found:
        found = found["data"]
    if found is None:
        return []
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise BadTracePayload(
            "The body is JSON but holds no traces: expected Jaeger's "
            '{"data": [...]}, a list of traces or one trace.'
        )
    return found


def _build(found: JaegerTrace, scan: TagScan) -> Trace:
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
        _add(builder, span, numbers, trace_id)
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


def _process(builder: TraceBuilder, content: Any, name: Any) -> int:
    return builder.process(*process_of(content), name)


def _add(
    builder: TraceBuilder, span: JaegerSpan, numbers: dict[str, int], trace_id: str
) -> None:
    row = len(builder)
    process = numbers.get(span.processID)
    if process is None:
        if isinstance(span.process, dict):
            process = _process(builder, span.process, json.dumps(span.process))
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
        repaired = _encoded(tolerant_json(raw))
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


def _tolerant(raw: Any, problems: list[Problem], position: int) -> Trace | None:
    """A trace with bad values in it: only the bad values are lost."""
    try:
        found = tolerant_json(bytes(raw)) if isinstance(raw, bytes | Raw) else raw
    except BadTracePayload as problem:
        problems.append(
            Problem("unreadable-trace", f"trace {position}", {"text": str(problem)})
        )
        return None
    if not isinstance(found, dict):
        problems.append(Problem("not-a-trace", f"trace {position}", {}))
        return None
    spans = found.get("spans")
    if spans is not None and not isinstance(spans, list):
        problems.append(Problem("not-a-list", f"spans of trace {position}", {}))
    spans = spans if isinstance(spans, list) else []
    trace_id = id_text(found.get("traceID"))
    if not trace_id:
        ids = [id_text(s.get("traceID")) for s in spans if isinstance(s, dict)]
        trace_id = next((text for text in ids if text), "")
    trace_id = trace_id.lower()
    builder = TraceBuilder(trace_id)
    processes = found.get("processes")
    numbers = {
        str(name): _process(builder, content, str(name))
        for name, content in (processes if isinstance(processes, dict) else {}).items()
    }
    for place, content in enumerate(spans):
        if not isinstance(content, dict) or not id_text(content.get("spanID")):
            where = f"trace {trace_id or position}, span {place}"
            problems.append(Problem("not-a-span", where, {}))
            continue
        _add_tolerant(builder, content, numbers, trace_id)
    builder.check_units(MICROSECOND)
    return builder.finish()


def _add_tolerant(
    builder: TraceBuilder,
    content: dict[str, Any],
    numbers: dict[str, int],
    trace_id: str,
) -> None:
    row = len(builder)
    if not isinstance(content["spanID"], str):
        builder.warn("numeric-id", row, value=str(content["spanID"])[:40])
    references = []
    given = content.get("references")
    for entry in given if isinstance(given, list) else []:
        if isinstance(entry, dict) and id_text(entry.get("spanID")):
            references.append(
                JaegerReference(
                    _text(entry.get("refType")) or "CHILD_OF",
                    id_text(entry.get("traceID")),
                    id_text(entry.get("spanID")),
                    entry.get("tags"),
                )
            )
        elif entry is not None:
            builder.warn("bad-reference", row)
    if given is not None and not isinstance(given, list):
        builder.warn("bad-reference", row)
    for name in ("tags", "logs"):
        if content.get(name) is not None and not isinstance(content[name], list):
            builder.warn(f"unreadable-{name}", row)
    start = _integer(builder, row, content.get("startTime"), "startTime", 0)
    duration = _integer(builder, row, content.get("duration"), "duration", NOT_GIVEN)
    span = JaegerSpan(
        spanID=id_text(content["spanID"]),
        startTime=start,
        operationName=_clean(_text(content.get("operationName"))),
        duration=duration,
        references=references,
        tags=Raw(_encoded(content.get("tags"))),
        logs=_raw_list.decode(_encoded(content.get("logs")) or b"[]"),
        processID=_text(content.get("processID")),
        process=content.get("process"),
        warnings=content.get("warnings"),
    )
    _add(builder, span, numbers, trace_id)


def _encoded(value: Any) -> bytes:
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


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _integer(
    builder: TraceBuilder, row: int, value: Any, name: str, absent: int
) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if value is None:
        return absent
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        builder.warn("bad-number", row, field=name, value=str(value)[:100])
        return absent
