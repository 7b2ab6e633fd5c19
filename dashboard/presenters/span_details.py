"""One span for the panel: its times, tags, logs, references and neighbours."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from dashboard.analysis.summary import describe_error
from dashboard.presenters import text
from dashboard.presenters.colors import monogram
from dashboard.presenters.envoy import reason
from dashboard.presenters.shown import Shown
from dashboard.presenters.slowness import slowness
from dashboard.traces.details import read_details
from dashboard.traces.durations import format_duration_ns
from dashboard.traces.facts import text_of
from dashboard.traces.trace import Flag, Kind, Log, Tag, Trace

MAX_VALUE = 20_000  # characters of one value sent at first
MAX_TAGS = 500


def span_details(shown: Shown, row: int, raw: bytes) -> dict[str, Any]:
    """Everything about one span, for the panel."""
    trace = shown.trace
    details = read_details(raw)
    origin = int(trace.start_ns.min())
    start = int(trace.start_ns[row])
    duration, own = int(trace.duration_ns[row]), int(shown.extra["self_ns"][row])
    whole = max(int(trace.end_ns.max()) - origin, 1)
    process = trace.processes[trace.process[row]]
    above = int(trace.parent[row])
    references = trace.references_of(row)
    wanted = {ref.span_id for ref in references}
    ids = {
        span_id: place
        for place, span_id in enumerate(trace.span_ids if wanted else ())
        if span_id in wanted
    }
    operation = (trace.service_name(row), trace.operation_name(row))
    slow, why_not = slowness(shown.known([operation]), trace, row)
    return {
        "row": row,
        "span_id": trace.span_ids[row],
        "parent_row": above if above >= 0 else None,
        "service": trace.service_name(row),
        "monogram": monogram(trace.service_name(row)),
        "operation": trace.operation_name(row),
        "kind": _kind_text(int(trace.kind[row])),
        "version": trace.fact("version", row),
        "failed": bool(trace.flags[row] & Flag.ERROR),
        "error": _error_text(trace, row) if trace.flags[row] & Flag.ERROR else "",
        "start_us": start // 1_000,
        "start_ns": str(start),
        "offset": format_duration_ns(start - origin),
        "duration": format_duration_ns(duration),
        "duration_ns": str(duration),
        "self_time": format_duration_ns(own),
        "self_ns": str(own),
        "share": text.share(duration / whole),
        "slowness": slow,
        "slowness_reason": why_not,
        "tags": _tags(details.tags),
        "tag_count": len(details.tags),
        "process": _tags(process.tags),
        "logs": [_log(log, origin) for log in details.logs[:MAX_TAGS]],
        "log_count": len(details.logs),
        "references": [
            {
                "kind": ref.kind,
                "trace_id": ref.trace_id,
                "span_id": ref.span_id,
                "row": ids.get(ref.span_id) if ref.trace_id == trace.trace_id else None,
                "tags": _tags(ref.tags),
            }
            for ref in references
        ],
        "warnings": [
            text.warning_text(w.code, dict(w.values))
            for w in trace.warnings
            if w.row == row
        ]
        + list(details.warnings),
    }


def _kind_text(kind: int) -> str:
    return {
        Kind.SERVER: _("server"),
        Kind.CLIENT: _("client"),
        Kind.PRODUCER: _("producer"),
        Kind.CONSUMER: _("consumer"),
        Kind.INTERNAL: _("internal"),
    }.get(Kind(kind), "")


def _error_text(trace: Trace, row: int) -> str:
    words = reason(describe_error(trace, row)["text"])
    return words or _("The span is marked as failed.")


def _tags(tags: tuple[Tag, ...]) -> list[dict[str, Any]]:
    rows = []
    for tag in tags[:MAX_TAGS]:
        value = text_of(tag.value)
        rows.append(
            {
                "key": tag.key[:1_000],
                "type": tag.type,
                "value": value[:MAX_VALUE],
                "cut": max(0, len(value) - MAX_VALUE),
            }
        )
    return rows


def _log(log: Log, origin: int) -> dict[str, Any]:
    event = next(
        (text_of(t.value) for t in log.fields if t.key in ("event", "message")), ""
    )
    return {
        "at": format_duration_ns(log.at_ns - origin),
        "at_ns": str(log.at_ns),
        "name": event[:500],
        "fields": _tags(tuple(t for t in log.fields if t.key != "event")),
    }
