"""Jaeger's v1 JSON into traces: a strict fast path, a tolerant one behind it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import Raw, Struct, field

from dashboard.sources.json_text import tolerant_json, without_lone_surrogates
from dashboard.traces.builder import (
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

EMPTY = (b"", b"null", b"[]")


class JaegerReference(Struct, gc=False):
    """A reference as Jaeger writes it."""

    refType: str = "CHILD_OF"
    traceID: str = ""
    spanID: str = ""
    tags: Any = None


class JaegerTag(Struct, gc=False):
    """A tag, without its type."""

    key: str = ""
    value: Any = None


class JaegerSpan(Struct, gc=False):
    """A span whose tags and logs stay undecoded."""

    traceID: str
    spanID: str
    startTime: int
    operationName: str = ""
    duration: int = NOT_GIVEN
    references: list[JaegerReference] | None = None
    tags: Raw = field(default_factory=Raw)
    logs: Raw = field(default_factory=Raw)
    processID: str = ""
    process: Any = None
    warnings: Any = None


class JaegerTrace(Struct, gc=False):
    """A trace of Jaeger's."""

    traceID: str = ""
    spans: list[JaegerSpan] | None = None
    processes: dict[str, Any] | None = None


class Envelope(Struct, gc=False):
    """The answer around the traces; each stays undecoded at first."""

    data: list[Raw] | None = None
    errors: Any = None


_envelope = msgspec.json.Decoder(Envelope)
_raw_list = msgspec.json.Decoder(list[Raw])
_trace = msgspec.json.Decoder(JaegerTrace)
_tags = msgspec.json.Decoder(list[JaegerTag])
_span = msgspec.json.Decoder(JaegerSpan)


def parse_v1(body: bytes) -> Decoded:
    """Traces of a Jaeger answer, download or list.

    Takes ``{"data": [...]}``, ``{"data": {...}}``, a list of traces or one
    trace. Raises ``BadTracePayload`` when the body is no such JSON.
    """
    with no_collection():
        return _parse(without_lone_surrogates(body))


def _parse(body: bytes) -> Decoded:
    problems: list[Problem] = []
    traces: list[Trace] = []
    for raw in _split(body, problems):
        try:
            found = _trace.decode(raw if isinstance(raw, Raw) else encode(raw))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            trace = _tolerant(raw, problems, len(traces))
        else:
            trace = _build(found)
        if trace is not None and len(trace):
            traces.append(trace)
    return Decoded(traces, problems, "jaeger")


def _split(body: bytes, problems: list[Problem]) -> list[Any]:
    """The traces of a body, undecoded where the body is strict JSON."""
    try:
        start = body.lstrip()[:1]
        if start == b"[":
            return list(_raw_list.decode(body))
        envelope = _envelope.decode(body)
        if envelope.data is not None:
            return list(envelope.data)
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


def _build(found: JaegerTrace) -> Trace | None:
    spans = found.spans or []
    trace_id = (found.traceID or (spans[0].traceID if spans else "")).lower()
    builder = TraceBuilder(trace_id)
    numbers: dict[str, int] = {}
    for name, content in (found.processes or {}).items():
        numbers[name] = _process(builder, content, name)
    for span in spans:
        _add(builder, span, numbers, trace_id)
    builder.check_units(MICROSECOND)
    return builder.finish()


def _process(builder: TraceBuilder, content: Any, name: Any) -> int:
    if not isinstance(content, dict):
        return builder.process("", (), name)
    service = content.get("serviceName")
    return builder.process(
        service if isinstance(service, str) else "",
        read_tags(content.get("tags")),
        name,
    )


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
    parent_id = ""
    references: tuple[Reference, ...] = ()
    given = span.references
    if given:
        first = given[0]
        if (
            len(given) == 1
            and first.refType == "CHILD_OF"
            and (first.traceID.lower() == trace_id or not first.traceID)
            and first.tags is None
        ):
            parent_id = first.spanID.lower()
        else:
            references = tuple(
                Reference(
                    ref.refType,
                    ref.traceID.lower() or trace_id,
                    ref.spanID.lower(),
                    read_tags(ref.tags),
                )
                for ref in given
            )
    if given and not all(reference.spanID for reference in given):
        builder.warn("bad-reference", row)
        references = tuple(ref for ref in references if ref.span_id)
    raw_tags, raw_logs = bytes(span.tags), bytes(span.logs)
    if raw_logs not in EMPTY and raw_logs[:1] != b"[":
        builder.warn("unreadable-logs", row)
        raw_logs = b""
    tags: list[JaegerTag] = []
    if raw_tags not in EMPTY:
        try:
            tags = _tags.decode(raw_tags)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raw_tags, tags = _repair_tags(raw_tags)
            builder.warn("repaired-tags" if tags else "unreadable-tags", row)
    builder.span(
        span.spanID.lower(),
        parent_id,
        span.startTime * 1_000,
        span.duration if span.duration == NOT_GIVEN else span.duration * 1_000,
        span.operationName,
        0,
        process,
        _details(raw_tags, raw_logs, span.warnings),
        tags,
        references,
    )


def _repair_tags(raw: bytes) -> tuple[bytes, list[JaegerTag]]:
    """Tags with a bad one among them: bytes and tags with only that one lost."""
    try:
        repaired = _encoded(tolerant_json(raw))
        return repaired, _tags.decode(repaired)
    except (BadTracePayload, msgspec.DecodeError, RecursionError):
        return b"", []


def _details(tags: bytes, logs: bytes, warnings: Any) -> bytes:
    """Details as JSON; logs go first, so that a look at the start finds them."""
    parts = []
    if logs not in EMPTY:
        parts.append(b'"logs":' + logs)
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
        traceID=trace_id,
        spanID=id_text(content["spanID"]),
        startTime=start,
        operationName=_clean(_text(content.get("operationName"))),
        duration=duration,
        references=references,
        tags=Raw(_encoded(content.get("tags"))),
        logs=Raw(_encoded(content.get("logs"))),
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
