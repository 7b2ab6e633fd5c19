"""Traces into Zipkin v2 JSON; what it can not hold is left out."""

from __future__ import annotations

from typing import Any

from dashboard.traces.details import encode, read_details
from dashboard.traces.facts import text_of
from dashboard.traces.trace import Flag, Kind, Tag, Trace

KINDS = {Kind.CLIENT, Kind.SERVER, Kind.PRODUCER, Kind.CONSUMER}
FROM_ENDPOINTS = {"remote.service", "net.peer.ip"}


def to_zipkin_json(traces: list[Trace]) -> bytes:
    """One list of Zipkin v2 spans.

    Zipkin has no internal kind, no types of tags, no links beside the parent,
    and an annotation is one text at a microsecond.
    """
    return encode(
        [span_object(trace, row) for trace in traces for row in range(len(trace))]
    )


def span_object(trace: Trace, row: int) -> dict[str, Any]:
    """One span as Zipkin writes it."""
    details = read_details(trace.details[row])
    process = trace.processes[trace.process[row]]
    shared = bool(trace.flags[row] & Flag.SHARED)
    parent = next(
        (ref.span_id for ref in trace.references_of(row) if ref.kind == "CHILD_OF"), ""
    )
    kind = Kind(trace.kind[row])
    span: dict[str, Any] = {
        "traceId": trace.trace_id,
        "id": trace.span_ids[row].partition("~")[0],
        "parentId": parent or None,
        "name": trace.operation_name(row),
        "kind": kind.name if kind in KINDS else None,
        "timestamp": int(trace.start_ns[row]) // 1_000 or None,
        "duration": int(trace.duration_ns[row]) // 1_000 or None,
        "shared": True if shared else None,
        "localEndpoint": {
            "serviceName": process.service,
            "ipv4": _value(process.tags, "ip") or None,
        },
        "remoteEndpoint": _remote(trace, row),
        "annotations": [
            {
                "timestamp": log.at_ns // 1_000,
                "value": ", ".join(text_of(tag.value) for tag in log.fields),
            }
            for log in details.logs
        ],
        "tags": {
            tag.key: text_of(tag.value)
            for tag in details.tags
            if tag.key not in FROM_ENDPOINTS and _is_kept(tag)
        },
    }
    span["localEndpoint"] = {k: v for k, v in span["localEndpoint"].items() if v}
    return {key: value for key, value in span.items() if value not in (None, [], {})}


def _is_kept(tag: Tag) -> bool:
    """Zipkin takes any value of ``error`` for a failure, so false ones stay away."""
    return tag.key != "error" or text_of(tag.value).lower() not in ("", "false", "0")


def _value(tags: tuple[Tag, ...], key: str) -> str:
    return next((text_of(tag.value) for tag in tags if tag.key == key), "")


def _remote(trace: Trace, row: int) -> dict[str, Any] | None:
    name, peer = trace.fact("remote.service", row), trace.fact("net.peer.ip", row)
    address, colon, port = peer.rpartition(":")
    if not colon or not port.isdecimal() or "." not in address:
        address, port = peer, ""
    found: dict[str, Any] = {}
    if name:
        found["serviceName"] = name
    if address.count(".") == 3:
        found["ipv4"] = address
    if port:
        found["port"] = int(port)
    return found or None
