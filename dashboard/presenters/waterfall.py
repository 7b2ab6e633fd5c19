"""The trace page as plain data: head, sentences, first rows, one span's details."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.conf import settings
from django.utils.translation import gettext as _

from dashboard.presenters import text
from dashboard.presenters.colors import monogram, slots
from dashboard.traces.details import read_details
from dashboard.traces.durations import format_duration_ns
from dashboard.traces.facts import text_of
from dashboard.traces.trace import Flag, Kind, Log, Tag, Trace

FIRST_ROWS = 60
MAX_VALUE = 20_000  # characters of one value sent at first
MAX_TAGS = 500


@dataclass(frozen=True, slots=True)
class Shown:
    """A trace to be shown, stored or shared."""

    trace: Trace
    extra: dict[str, np.ndarray]
    summary: dict[str, Any]
    growing: bool
    complete: bool


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
        "sentences": sentences(shown),
    }


def payload_head(shown: Shown) -> dict[str, Any]:
    """What the payload's header says beside its columns."""
    return {
        "growing": shown.growing,
        "repeat_least": settings.SPANBOARD_REPEAT_LEAST,
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


def sentences(shown: Shown) -> list[dict[str, Any]]:
    """The answer in words; each may lead to a row."""
    trace, extra, summary = shown.trace, shown.extra, shown.summary
    found = []
    lengths = extra["critical_end_ns"] - extra["critical_start_ns"]
    if len(lengths) and int(lengths.sum()):
        rows = extra["critical_row"]
        group = trace.service[rows] * np.int64(len(trace.operations))
        group += trace.operation[rows]
        groups, member = np.unique(group, return_inverse=True)
        sums = np.bincount(member.reshape(-1), weights=lengths, minlength=len(groups))
        most = int(np.argmax(sums))
        part = float(sums[most]) / float(lengths.sum())
        row = int(rows[np.argmax(np.where(member.reshape(-1) == most, lengths, -1))])
        values = {
            "share": text.share(part),
            "service": trace.service_name(row),
            "operation": trace.operation_name(row),
        }
        found.append(
            {
                "icon": "clock",
                "row": row,
                "text": _("%(share)s of the time is in %(service)s: %(operation)s.")
                % values,
            }
        )
    found.extend(_error_sentence(trace, summary))
    if summary["orphan_count"]:
        count = summary["orphan_count"]
        if shown.growing:
            words = _("%(n)s spans wait for a caller that has not arrived.")
        else:
            words = _("%(n)s spans name a caller that is missing.")
        row = int(np.flatnonzero((trace.flags & Flag.ORPHAN) != 0)[0])
        found.append({"icon": "warning", "row": row, "text": words % {"n": count}})
    return found


def _error_sentence(trace: Trace, summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Where the first error began and how far up it failed its callers."""
    began = (summary.get("first_error") or {}).get("span_id")
    if not began:
        return []
    row = trace.span_ids.index(began) if began in trace.span_ids else -1
    if row < 0:
        return []
    failed_above, above = [], int(trace.parent[row])
    while above >= 0 and trace.flags[above] & Flag.ERROR:
        name = trace.service_name(above)
        if name not in failed_above and name != trace.service_name(row):
            failed_above.append(name)
        above = int(trace.parent[above])
    if above >= 0:  # a service that went on all the same did not fail
        stopped = trace.service_name(above)
        failed_above = [name for name in failed_above if name != stopped]
    offset_ns = int(trace.end_ns[row]) - int(trace.start_ns.min())
    values = {
        "service": trace.service_name(row),
        "operation": trace.operation_name(row),
        "offset": format_duration_ns(offset_ns),
        "text": (summary["first_error"].get("text") or _("no reason given"))[:200],
        "above": ", ".join(failed_above[:5]),
        "last": trace.service_name(above) if above >= 0 else "",
    }
    if failed_above and above >= 0:
        words = _(
            "The error began in %(service)s %(operation)s at +%(offset)s (%(text)s), "
            "failed %(above)s and stopped at %(last)s."
        )
    elif failed_above:
        words = _(
            "The error began in %(service)s %(operation)s at +%(offset)s (%(text)s) "
            "and failed %(above)s."
        )
    elif above >= 0 and trace.service_name(above) != values["service"]:
        words = _(
            "The error began in %(service)s %(operation)s at +%(offset)s (%(text)s) "
            "and stopped at %(last)s."
        )
    else:
        words = _(
            "The error is in %(service)s %(operation)s at +%(offset)s (%(text)s)."
        )
    return [{"icon": "error", "row": row, "text": words % values}]


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


def trace_warnings(trace: Trace) -> list[str]:
    """Warnings of the whole trace as sentences."""
    return [
        text.warning_text(w.code, dict(w.values)) for w in trace.warnings if w.row < 0
    ]


def _kind_text(kind: int) -> str:
    return {
        Kind.SERVER: _("server"),
        Kind.CLIENT: _("client"),
        Kind.PRODUCER: _("producer"),
        Kind.CONSUMER: _("consumer"),
        Kind.INTERNAL: _("internal"),
    }.get(Kind(kind), "")


def _error_text(trace: Trace, row: int) -> str:
    from dashboard.analysis.summary import describe_error

    return describe_error(trace, row)["text"] or _("The span is marked as failed.")


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
