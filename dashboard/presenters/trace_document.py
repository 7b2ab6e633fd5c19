"""The trace page as one JSON document, for scripts: its figures, sentences and spans."""

from __future__ import annotations

from typing import Any

from dashboard.presenters.sentences import sentences
from dashboard.presenters.shown import Shown
from dashboard.presenters.spans_csv import critical_ns
from dashboard.presenters.waterfall import trace_warnings
from dashboard.traces.trace import Flag, Kind


def trace_document(shown: Shown, source: str) -> dict[str, Any]:
    """Everything of the page but tags and logs; ``start_ns`` is text, beyond 2^53."""
    trace, extra, summary = shown.trace, shown.extra, shown.summary
    origin = int(trace.start_ns.min()) if len(trace) else 0
    end = int(trace.end_ns.max()) if len(trace) else 0
    columns = zip(
        trace.span_ids,
        trace.parent.tolist(),
        trace.service.tolist(),
        trace.operation.tolist(),
        trace.kind.tolist(),
        (trace.start_ns - origin).tolist(),
        trace.duration_ns.tolist(),
        extra["self_ns"].tolist(),
        critical_ns(trace, extra).tolist(),
        ((trace.flags & Flag.ERROR) != 0).tolist(),
        trace.depth.tolist(),
        strict=True,
    )
    kinds = ["" if kind == Kind.UNSET else kind.name.lower() for kind in Kind]
    return {
        "trace_id": trace.trace_id,
        "source": source,
        "root_service": summary["root_service"],
        "root_operation": summary["root_operation"],
        "start_us": summary["start_us"],
        "start_ns": str(origin),
        "duration_ns": end - origin,
        "span_count": len(trace),
        "error_count": summary["error_count"],
        "orphan_count": summary["orphan_count"],
        "services": summary["services"],
        "critical_by_service": summary.get("critical_by_service") or {},
        "growing": shown.growing,
        "complete": shown.complete,
        "sentences": [
            {"code": one["code"], "text": one["text"], "rows": one["rows"]}
            for one in sentences(shown)
        ],
        "warnings": trace_warnings(trace),
        "spans": [
            {
                "row": row,
                "span_id": span_id,
                "parent_row": parent if parent >= 0 else None,
                "service": trace.services[service],
                "operation": trace.operations[operation],
                "kind": kinds[kind],
                "offset_ns": offset,
                "duration_ns": duration,
                "self_ns": own,
                "critical_ns": critical,
                "failed": failed,
                "depth": depth,
            }
            for row, (
                span_id,
                parent,
                service,
                operation,
                kind,
                offset,
                duration,
                own,
                critical,
                failed,
                depth,
            ) in enumerate(columns)
        ],
    }
