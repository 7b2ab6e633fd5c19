"""Zipkin v2 JSON into traces; v1 is recognised and refused with a hint."""

from __future__ import annotations

from typing import Any

import msgspec

from dashboard.sources.json_text import tolerant_json, without_lone_surrogates
from dashboard.traces.builder import (
    KINDS,
    MICROSECOND,
    NOT_GIVEN,
    Decoded,
    Problem,
    TraceBuilder,
)
from dashboard.traces.details import write_details
from dashboard.traces.errors import BadTracePayload
from dashboard.traces.ids import id_text, trace_key
from dashboard.traces.trace import Flag, Log, SpanDetails, Tag


def parse_v2(body: bytes) -> Decoded:
    """Traces of a list of Zipkin v2 spans, or of a list of such lists.

    Raises ``BadTracePayload`` for anything else, Zipkin v1 included.
    """
    body = without_lone_surrogates(body)
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        found = tolerant_json(body)
    if isinstance(found, dict):
        found = [found]
    spans: list[Any] = []
    for entry in found if isinstance(found, list) else []:
        if isinstance(entry, list):
            spans.extend(entry)
        else:
            spans.append(entry)
    return read_spans(spans, "zipkin")


def read_spans(spans: list[Any], format: str) -> Decoded:
    """Traces of v2 spans as objects of JSON."""
    builders: dict[str, TraceBuilder] = {}
    problems: list[Problem] = []
    for place, span in enumerate(spans):
        if not isinstance(span, dict):
            problems.append(Problem("not-a-span", f"span {place}"))
            continue
        if _is_v1(span):
            raise BadTracePayload(
                "These are Zipkin v1 spans (binaryAnnotations). Spanboard reads "
                "Zipkin v2: ask Zipkin's /api/v2 or convert the file."
            )
        trace_id, span_id = id_text(span.get("traceId")), id_text(span.get("id"))
        if not trace_id or not span_id:
            problems.append(Problem("bad-id", f"span {place}"))
            continue
        key = trace_key(trace_id)
        builder = builders.get(key)
        if builder is None:
            builder = builders[key] = TraceBuilder(trace_id.lower())
        _add(builder, span, span_id.lower())
    if spans and not builders:
        raise BadTracePayload(
            "The body holds no Zipkin v2 spans (traceId and id are missing)."
        )
    for found_builder in builders.values():
        found_builder.check_units(MICROSECOND)
    return Decoded([b.finish() for b in builders.values()], problems, format)


def _is_v1(span: dict[str, Any]) -> bool:
    """Only v1 writes an endpoint into each annotation."""
    notes = span.get("annotations")
    return "binaryAnnotations" in span or (
        isinstance(notes, list)
        and any(isinstance(note, dict) and "endpoint" in note for note in notes)
    )


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        return 0
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 0


def _time_ns(builder: TraceBuilder, span: dict[str, Any], name: str) -> int:
    """A time of a span; Zipkin's zero and absence are one."""
    found = _integer(span.get(name)) * 1_000
    if not found and span.get(name) not in (None, 0, "0"):
        value = str(span[name])[:100]
        builder.warn("bad-number", len(builder), field=name, value=value)
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _endpoint(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _add(builder: TraceBuilder, span: dict[str, Any], span_id: str) -> None:
    local = _endpoint(span.get("localEndpoint"))
    remote = _endpoint(span.get("remoteEndpoint"))
    row = len(builder)
    address = _text(local.get("ipv4")) or _text(local.get("ipv6"))
    process_tags = (Tag("ip", "string", address),) if address else ()
    process = builder.process(_text(local.get("serviceName")), process_tags)
    tags = []
    given = span.get("tags")
    for name, shape, code in (
        ("tags", dict, "unreadable-tags"),
        ("annotations", list, "unreadable-logs"),
    ):
        if not isinstance(span.get(name), shape | None):
            builder.warn(code, row)
    if not isinstance(span["id"], str):
        builder.warn("numeric-id", row, value=str(span["id"])[:40])
    for key, value in (given if isinstance(given, dict) else {}).items():
        text = value if isinstance(value, str) else str(value)
        # Zipkin: an error is the key's presence, whatever the value but "false".
        tags.append(Tag(key, "string", (text or "true") if key == "error" else text))
    name = _text(remote.get("serviceName"))
    peer = _text(remote.get("ipv4")) or _text(remote.get("ipv6"))
    if name:
        tags.append(Tag("remote.service", "string", name))
    if peer:
        port = _integer(remote.get("port"))
        tags.append(Tag("net.peer.ip", "string", f"{peer}:{port}" if port else peer))
    port = _integer(local.get("port"))
    here = f"{address}:{port}" if address and port else address
    facts = [*tags, Tag("endpoint", "string", here)] if here else tags
    annotations = span.get("annotations")
    logs = tuple(
        Log(
            _integer(note.get("timestamp")) * 1_000,
            (Tag("event", "string", str(note.get("value", ""))),),
        )
        for note in (annotations if isinstance(annotations, list) else [])
        if isinstance(note, dict)
    )
    parent = id_text(span.get("parentId")).lower()
    if not parent and span.get("parentId") not in (None, "", 0):
        builder.warn("bad-reference", row)
    builder.span(
        span_id,
        parent,
        _time_ns(builder, span, "timestamp"),
        _time_ns(builder, span, "duration") or NOT_GIVEN,
        _text(span.get("name")),
        KINDS.get(_text(span.get("kind")).lower(), 0),
        process,
        write_details(SpanDetails(tuple(tags), logs)),
        facts,
        flags=int(Flag.SHARED) if span.get("shared") is True else 0,
    )
    if span.get("timestamp") is None:
        builder.warn("missing-start", row)
