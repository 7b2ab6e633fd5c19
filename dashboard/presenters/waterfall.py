"""The trace page as plain data: its head and its first rows."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from dashboard.presenters import text
from dashboard.presenters.colors import monogram, slots
from dashboard.presenters.link_values import header_links
from dashboard.presenters.sentences import sentences, trace_state
from dashboard.presenters.shown import Shown
from dashboard.traces.durations import format_duration_ns
from dashboard.traces.trace import Flag, Trace

FIRST_ROWS = 60


def header(shown: Shown) -> dict[str, Any]:
    """Facts of the page's head."""
    summary = shown.summary
    names = slots(shown.trace.services)
    root = summary["root_service"]
    critical = list((summary.get("critical_by_service") or {}).items())
    return {
        "trace_id": summary["trace_id"],
        "root_service": root,
        "root_operation": summary["root_operation"],
        "slot": names.get(root, 0),
        "monogram": monogram(root),
        "start_us": summary["start_us"],
        "start_text": text.moment(summary["start_us"]),
        "duration_text": text.duration_us(summary["duration_us"]),
        "spans_text": text.spans(summary["span_count"]),
        "services_text": text.services(len(summary["services"])),
        "error_count": summary["error_count"],
        "failed_text": text.failed(summary["error_count"]),
        "orphan_count": summary["orphan_count"],
        "growing": shown.growing,
        "complete": shown.complete,
        "critical": segments(critical, names, gap=3),
        "legend": [
            {
                "service": name,
                "slot": names.get(name, 0),
                "monogram": monogram(name),
                "spans": count,
            }
            for name, count in summary["services"].items()
        ],
        "state": trace_state(shown),
        "sentences": sentences(shown),
        "links": header_links(shown),
    }


def payload_head(shown: Shown) -> dict[str, Any]:
    """What the payload's header says beside its columns."""
    return {
        "growing": shown.growing,
        "repeat_least": settings.SPANBOARD_REPEAT_LEAST,
        "state": trace_state(shown),
        "sentences": sentences(shown),
        "links": header_links(shown),
    }


def segments(
    shares: list[tuple[str, float]], names: dict[str, int], gap: float
) -> list[dict[str, Any]]:
    """Shares by service as rectangles in a row of 1,000 units."""
    found, x = [], 0.0
    for name, value in shares:
        width = max(value * 1_000 - gap, 1.0)
        found.append(
            {
                "service": name,
                "slot": names.get(name, 0),
                "x": round(x, 1),
                "width": round(width, 1),
                "share": round(value, 4),
                "share_text": text.share(value),
            }
        )
        x += max(value * 1_000, 1.0)
    return found


def first_rows(shown: Shown) -> list[dict[str, Any]]:
    """The first screen of rows, for the page that the server sends."""
    trace = shown.trace
    count = min(len(trace), FIRST_ROWS)
    if not count:
        return []
    colours = slots(trace.services)
    origin = int(trace.start_ns.min())
    whole = max(int(trace.end_ns.max()) - origin, 1)
    rows = []
    for row in range(count):
        above = int(trace.parent[row])
        service = trace.service_name(row)
        rows.append(
            {
                "row": row,
                "level": int(trace.depth[row]) + 1,
                "indent": min(int(trace.depth[row]), 20),
                "service": service,
                "show_service": above < 0 or trace.service_name(above) != service,
                "slot": colours[service],
                "operation": trace.operation_name(row),
                "version": trace.fact("version", row),
                "failed": bool(trace.flags[row] & Flag.ERROR),
                "duration": format_duration_ns(int(trace.duration_ns[row])),
                "parent": bool(trace.subtree[row] > 1),
                "x": round((int(trace.start_ns[row]) - origin) / whole * 1000, 2),
                "width": round(max(int(trace.duration_ns[row]) / whole * 1000, 1.5), 2),
            }
        )
    return rows


def trace_warnings(trace: Trace) -> list[str]:
    """Warnings of the whole trace as sentences."""
    return [
        text.warning_text(w.code, dict(w.values)) for w in trace.warnings if w.row < 0
    ]
