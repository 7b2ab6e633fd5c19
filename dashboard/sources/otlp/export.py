"""Traces into OTLP JSON (one object with ``resourceSpans``)."""

from __future__ import annotations

import json
from typing import Any

from dashboard.traces.details import STRUCTURED, encode, read_details
from dashboard.traces.facts import text_of
from dashboard.traces.trace import Log, Tag, Trace

OWN = {
    "otel.status_code",
    "otel.status_description",
    "otel.scope.name",
    "otel.scope.version",
    "w3c.tracestate",
    "span.kind",
}
STATUS = {"OK": 1, "ERROR": 2}


def to_otlp_json(traces: list[Trace]) -> bytes:
    """OTLP JSON with hex ids and 64-bit numbers as text; keeps nanoseconds."""
    blocks = [block for trace in traces for block in resource_spans(trace)]
    return encode({"resourceSpans": blocks})


def resource_spans(trace: Trace) -> list[dict[str, Any]]:
    """The trace's blocks, one for each process and scope."""
    rows: dict[tuple[int, str, str], list[dict[str, Any]]] = {}
    for row in range(len(trace)):
        details = read_details(trace.details[row])
        own = {tag.key: text_of(tag.value) for tag in details.tags if tag.key in OWN}
        scope = (own.get("otel.scope.name", ""), own.get("otel.scope.version", ""))
        key = (int(trace.process[row]), *scope)
        rows.setdefault(key, []).append(_span(trace, row, details, own))
    blocks = []
    for (number, name, version), spans in rows.items():
        process = trace.processes[number]
        service = Tag("service.name", "string", process.service)
        blocks.append(
            {
                "resource": {
                    "attributes": [_pair(t) for t in (service, *process.tags)]
                },
                "scopeSpans": [
                    {"scope": {"name": name, "version": version}, "spans": spans}
                ],
            }
        )
    return blocks


def _span(trace: Trace, row: int, details: Any, own: dict[str, str]) -> dict[str, Any]:
    references = trace.references_of(row)
    parent = next((r for r in references if r.kind == "CHILD_OF"), None)
    start_ns = int(trace.start_ns[row])
    span: dict[str, Any] = {
        "traceId": trace.trace_id.zfill(32),
        "spanId": trace.span_ids[row].partition("~")[0].zfill(16),
        "parentSpanId": parent.span_id.zfill(16) if parent else "",
        "name": trace.operation_name(row),
        "kind": int(trace.kind[row]),
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(start_ns + int(trace.duration_ns[row])),
        "attributes": [_pair(tag) for tag in details.tags if tag.key not in OWN],
        "events": [_event(log) for log in details.logs],
        "links": [
            {
                "traceId": ref.trace_id.zfill(32),
                "spanId": ref.span_id.zfill(16),
                "attributes": [_pair(tag) for tag in ref.tags],
            }
            for ref in references
            if ref is not parent
        ],
        "status": {},
    }
    code = STATUS.get(own.get("otel.status_code", "").upper())
    if code:
        span["status"]["code"] = code
    if own.get("otel.status_description"):
        span["status"]["message"] = own["otel.status_description"]
    if own.get("w3c.tracestate"):
        span["traceState"] = own["w3c.tracestate"]
    return span


def _event(log: Log) -> dict[str, Any]:
    name = next((text_of(t.value) for t in log.fields if t.key == "event"), "")
    return {
        "timeUnixNano": str(log.at_ns),
        "name": name,
        "attributes": [_pair(tag) for tag in log.fields if tag.key != "event"],
    }


def _pair(tag: Tag) -> dict[str, Any]:
    value: dict[str, Any]
    if tag.type == "bool" and isinstance(tag.value, bool):
        value = {"boolValue": tag.value}
    elif tag.type == "int64":
        value = {"intValue": text_of(tag.value)}
    elif tag.type == "float64" and isinstance(tag.value, int | float):
        value = {"doubleValue": tag.value}
    elif tag.type == "binary":
        value = {"bytesValue": text_of(tag.value)}
    elif tag.type == STRUCTURED:
        value = _structured(text_of(tag.value))
    else:
        value = {"stringValue": text_of(tag.value)}
    return {"key": tag.key, "value": value}


def _structured(text: str) -> dict[str, Any]:
    """The array or map that was kept as JSON; what is none any more stays text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    return (
        _any_value(found) if isinstance(found, list | dict) else {"stringValue": text}
    )


def _any_value(value: Any) -> dict[str, Any]:
    """OTLP's form of a decoded value; parsing kept it within MAX_DEPTH levels."""
    if isinstance(value, list):
        members = [_any_value(member) for member in value]
        return {"arrayValue": {"values": members} if members else {}}
    if isinstance(value, dict):
        pairs = [{"key": key, "value": _any_value(value[key])} for key in value]
        return {"kvlistValue": {"values": pairs} if pairs else {}}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {} if value is None else {"stringValue": str(value)}
