"""Traces into Jaeger's v1 JSON, as its UI downloads and uploads it."""

from __future__ import annotations

import json
from typing import Any

from dashboard.traces.details import (
    STRUCTURED,
    encode,
    read_details,
    tag_object,
)
from dashboard.traces.facts import text_of
from dashboard.traces.trace import Kind, Log, Tag, Trace


def to_jaeger_json(traces: list[Trace]) -> bytes:
    """``{"data": [...]}``; finer than a microsecond is lost, as in Jaeger."""
    return encode(
        {
            "data": [trace_object(trace) for trace in traces],
            "total": 0,
            "limit": 0,
            "offset": 0,
            "errors": None,
        }
    )


def trace_object(trace: Trace) -> dict[str, Any]:
    """One trace as Jaeger writes it."""
    return {
        "traceID": trace.trace_id,
        "spans": [span_object(trace, row) for row in range(len(trace))],
        "processes": {
            f"p{number + 1}": {
                "serviceName": process.service,
                "tags": [_tag(tag) for tag in process.tags],
            }
            for number, process in enumerate(trace.processes)
        },
        "warnings": None,
    }


def span_object(trace: Trace, row: int) -> dict[str, Any]:
    """One span as Jaeger writes it."""
    details = read_details(trace.details[row])
    tags = [_tag(tag) for tag in details.tags]
    kind = Kind(trace.kind[row])
    if kind != Kind.UNSET and not any(tag.key == "span.kind" for tag in details.tags):
        word = kind.name.lower()
        tags.append({"key": "span.kind", "type": "string", "value": word})
    return {
        "traceID": trace.trace_id,
        "spanID": trace.span_ids[row],
        "operationName": trace.operation_name(row),
        "references": [
            {"refType": ref.kind, "traceID": ref.trace_id, "spanID": ref.span_id}
            for ref in trace.references_of(row)
        ],
        "startTime": int(trace.start_ns[row]) // 1_000,
        "duration": int(trace.duration_ns[row]) // 1_000,
        "tags": tags,
        "logs": [_log(log) for log in details.logs],
        "processID": f"p{int(trace.process[row]) + 1}",
        "warnings": list(details.warnings) or None,
    }


def _tag(tag: Tag) -> dict[str, Any]:
    """Jaeger knows no arrays and maps: it tells them as text, in Go's spelling."""
    if tag.type != STRUCTURED:
        return tag_object(tag)
    return {"key": tag.key, "type": "string", "value": _go_text(text_of(tag.value))}


def _go_text(text: str) -> str:
    try:
        found = json.loads(text, parse_float=_whole)
    except (ValueError, RecursionError):
        return text  # it was changed since it was read
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _whole(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _log(log: Log) -> dict[str, Any]:
    fields = [_tag(tag) for tag in log.fields]
    return {"timestamp": log.at_ns // 1_000, "fields": fields}
