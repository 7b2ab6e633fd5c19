"""Shapes of Jaeger's query API v1: the envelope, traces, operations."""

from __future__ import annotations

from typing import Any

from dashboard.presenters.text import warning_text
from dashboard.sources.jaeger.export import trace_object
from dashboard.sources.jaeger.served import as_adjusted, as_received, status_error
from dashboard.traces.collector import no_collection
from dashboard.traces.details import encode
from dashboard.traces.trace import Kind, Trace

MAX_EXACT = 2**53  # greater integers are text: many clients read doubles


def envelope(
    data: Any, total: int = 0, errors: list[dict[str, Any]] | None = None
) -> bytes:
    """The answer around any data; an empty list of errors is ``null``."""
    return encode(
        {"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors}
    )


def traces_envelope(traces: list[bytes], errors: list[dict[str, Any]] | None) -> bytes:
    """The envelope around traces that are JSON already."""
    tail = encode({"total": 0, "limit": 0, "offset": 0, "errors": errors})
    return b'{"data":[' + b",".join(traces) + b"]," + tail[1:]


def trace_json(trace: Trace, raw: bool) -> bytes:
    """One trace, whose details must be there."""
    with no_collection():
        served = as_received(trace) if raw else as_adjusted(trace, warnings_of(trace))
        document = trace_object(served)
        trace_id = id_in_v1(trace.trace_id)
        document["traceID"] = trace_id
        for span in document["spans"]:
            _complete(span, trace_id, raw)
        for process in document["processes"].values():
            _safe(process["tags"])
        return encode(document)


def warnings_of(trace: Trace) -> dict[int, list[str]]:
    """Spanboard's own repairs as sentences, by row."""
    found: dict[int, list[str]] = {}
    for warning in trace.warnings:
        if warning.row >= 0:
            text = warning_text(warning.code, dict(warning.values))
            found.setdefault(warning.row, []).append(text)
    return found


def id_in_v1(trace_id: str) -> str:
    """A trace id as v1 writes it: 16 digits where they are enough, else 32."""
    digits = trace_id.lstrip("0")
    return digits.zfill(16 if len(digits) <= 16 else 32)


def _complete(span: dict[str, Any], trace_id: str, raw: bool) -> None:
    span["traceID"] = trace_id
    span["spanID"] = span["spanID"].zfill(16)
    for reference in span["references"]:
        reference["traceID"] = id_in_v1(reference["traceID"])
        reference["spanID"] = reference["spanID"].zfill(16)
    if status_error(span["tags"]):
        span["tags"].append({"key": "error", "type": "bool", "value": True})
    if not raw:
        span["tags"].sort(key=lambda tag: str(tag["key"]))
    _safe(span["tags"])
    for log in span["logs"]:
        log["fields"] = [
            field
            for field in log["fields"]
            if field["value"] != "" or field["key"] != "event"
        ]
        _safe(log["fields"])


def _safe(tags: list[dict[str, Any]]) -> None:
    """Numbers as Jaeger writes them: great ones as text, whole floats without point."""
    for tag in tags:
        value = tag["value"]
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        small = -MAX_EXACT < value < MAX_EXACT
        if isinstance(value, float):
            tag["value"] = int(value) if small and value.is_integer() else value
        elif not small:
            tag["value"] = str(value)


def kind_word(kind: int, unset: str = "") -> str:
    """A span kind as Jaeger writes it."""
    return Kind(kind).name.lower() if kind else unset
