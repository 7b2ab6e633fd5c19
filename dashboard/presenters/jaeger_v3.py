"""Shapes of Jaeger's query API v3: OTLP JSON and summaries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from dashboard.presenters.jaeger_v1 import warnings_of
from dashboard.sources.jaeger.served import as_adjusted, as_received
from dashboard.sources.otlp.export import resource_spans
from dashboard.traces.collector import no_collection
from dashboard.traces.details import encode, read_details
from dashboard.traces.trace import Flag, Trace

WARNINGS = "@jaeger@warnings"
DROPPED_WHEN_EMPTY = (
    "parentSpanId",
    "traceState",
    "kind",
    "attributes",
    "events",
    "links",
)


def resource_spans_json(trace: Trace, raw: bool) -> list[bytes]:
    """The blocks of one trace, each as JSON; values that say nothing are left out."""
    with no_collection():
        if raw:
            served, said = as_received(trace), {}
        else:
            served = as_adjusted(trace, warnings_of(trace))
            said = _warnings(served)
        return [encode(_sparse(block, said)) for block in resource_spans(served)]


def traces_json(blocks: Iterable[bytes]) -> bytes:
    """All blocks of all traces in one list, as Jaeger does."""
    return b'{"result":{"resourceSpans":[' + b",".join(blocks) + b"]}}"


def _warnings(trace: Trace) -> dict[str, tuple[str, ...]]:
    """Sentences by span id (the ids are distinct once adjusted, or near enough)."""
    found = {}
    for row, details in enumerate(trace.details):
        texts = read_details(details).warnings
        if texts:
            found[trace.span_ids[row].zfill(16)] = texts
    return found


def _sparse(block: dict[str, Any], said: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    for scoped in block["scopeSpans"]:
        scoped["scope"] = {k: v for k, v in scoped["scope"].items() if v}
        for span in scoped["spans"]:
            texts = said.get(span["spanId"])
            if texts:
                values = [{"stringValue": text} for text in texts]
                span["attributes"] = [
                    *span["attributes"],
                    {"key": WARNINGS, "value": {"arrayValue": {"values": values}}},
                ]
            for event in span["events"]:
                _drop(event, ("name", "attributes"))
            for link in span["links"]:
                _drop(link, ("attributes",))
            _drop(span, DROPPED_WHEN_EMPTY)
            for name in ("startTimeUnixNano", "endTimeUnixNano"):
                if span[name] == "0":
                    del span[name]
    return block


def _drop(content: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if not content.get(name, True):
            del content[name]


def summary_object(trace: Trace) -> dict[str, Any]:
    """What Jaeger tells of a trace in ``trace-summaries``; zeros are left out."""
    failed = (trace.flags & Flag.ERROR) != 0
    orphan = (trace.flags & Flag.ORPHAN) != 0
    counts = np.bincount(trace.service, minlength=len(trace.services)).tolist()
    errors = np.bincount(
        trace.service, weights=failed, minlength=len(trace.services)
    ).tolist()
    roots = [
        row
        for row in np.flatnonzero((trace.parent < 0) & ~orphan).tolist()
        if not any(r.kind == "CHILD_OF" for r in trace.references_of(row))
    ]
    root = min(roots, key=lambda row: int(trace.start_ns[row]), default=None)
    content: dict[str, Any] = {
        "traceId": trace.trace_id.zfill(32),
        "rootServiceName": "" if root is None else trace.service_name(root),
        "rootOperationName": "" if root is None else trace.operation_name(root),
        "minStartTimeUnixNano": str(int(trace.start_ns.min())),
        "maxEndTimeUnixNano": str(int(trace.end_ns.max())),
        "spanCount": len(trace),
        "errorSpanCount": int(failed.sum()),
        "orphanSpanCount": int(orphan.sum()),
    }
    services = [
        {"name": name, "spanCount": counts[number], "errorSpanCount": int(error)}
        for number, (name, error) in enumerate(
            zip(trace.services, errors, strict=False)
        )
        if counts[number]
    ]
    services.sort(key=lambda service: str(service["name"]))
    content["services"] = [
        {k: v for k, v in service.items() if v} for service in services
    ]
    return {key: value for key, value in content.items() if value}
