"""Rows of the search page and their live changes."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.models import TraceRecord
from dashboard.presenters import text
from dashboard.presenters.colors import slots
from dashboard.presenters.waterfall import segments
from dashboard.reads.traces import Bound, FoundTraces
from dashboard.traces.ids import short_id
from dashboard.traces.query import TraceQuery

SHAPE_WIDTH, SHAPE_HEIGHT = 168, 32
MAX_SEGMENTS = 6


def result_row(record: TraceRecord) -> dict[str, Any]:
    """One row; all values are plain data, colours are slot numbers."""
    summary = record.summary
    shares = list((summary.get("critical_by_service") or {}).items())
    colour = slots(summary.get("services") or {})
    return {
        "key": record.trace_key,
        "number": record.pk,
        "url": reverse("dashboard:trace", args=[record.trace_id]),
        "trace_id": record.trace_id,
        "short_id": short_id(record.trace_id),
        "root_service": record.root_service,
        "root_operation": record.root_operation,
        "slot": colour.get(record.root_service, 0),
        "start_us": record.start_us,
        "start_text": text.moment(record.start_us),
        "duration_us": record.duration_us,
        "duration_text": text.duration_us(record.duration_us),
        "span_count": record.span_count,
        "spans_text": text.spans(record.span_count),
        "error_count": record.error_count,
        "failed_text": text.failed(record.error_count) if record.error_count else "",
        "services": record.service_count,
        "segments": segments(shares[:MAX_SEGMENTS], colour, gap=4),
        "where": where_text(shares),
        "remark": remark(record),
        "shape": shape(record, colour),
        "growing": not record.settled,
        "incomplete": bool(record.orphan_count) and record.settled,
    }


def where_text(shares: list[tuple[str, float]]) -> str:
    """Where the time went, in words: the first one or two services."""
    if not shares:
        return ""
    name, first = shares[0]
    if first >= 0.75 or len(shares) == 1:
        return _("%(service)s %(share)s of the time") % {
            "service": name,
            "share": text.share(first),
        }
    return ", ".join(f"{n} {text.share(v)}" for n, v in shares[:2])


def remark(record: TraceRecord) -> str:
    """Why a row is remarkable: where it failed, or what is missing."""
    found = record.summary.get("first_error") or {}
    if found:
        values = {"service": found.get("service", ""), "text": found.get("text", "")}
        if values["text"]:
            return _("failed in %(service)s: %(text)s") % {
                **values,
                "text": values["text"][:120],
            }
        return _("failed in %(service)s") % values
    if record.orphan_count and record.settled:
        return _("incomplete: a caller is missing")
    return ""


def shape(record: TraceRecord, colour: dict[str, int]) -> list[dict[str, Any]]:
    """Rectangles of the miniature, in a box of 168 by 32."""
    bars = record.summary.get("shape") or []
    if not bars:
        return []
    step = min(4.0, SHAPE_HEIGHT / len(bars))
    return [
        {
            "x": round(max(start, 0) * SHAPE_WIDTH, 1),
            "y": round(row * step, 1),
            "width": round(max(width * SHAPE_WIDTH, 1.0), 1),
            "height": round(max(step - 1, 0.8), 1),
            "slot": colour.get(service, 0),
            "failed": failed,
        }
        for row, (_depth, start, width, service, failed) in enumerate(bars)
    ]


def found_text(found: FoundTraces, query: TraceQuery, shown: int = -1) -> str:
    """The honest sentence above the list; ``shown`` where rows are not at hand."""
    shown = len(found.records) if shown < 0 else shown
    values = {
        "matched": text.count(found.matched),
        "checked": text.count(found.checked),
        "shown": text.count(shown),
    }
    if found.after is not None and found.checked and shown < query.limit:
        return (
            _(
                "%(shown)s traces found so far, after %(checked)s looked at. "
                "Search on for more."
            )
            % values
        )
    if found.bound is Bound.MORE:
        return _("More than %(matched)s traces match, %(shown)s shown.") % values
    if found.bound is Bound.LEAST:
        return _("At least %(matched)s traces match, %(shown)s shown.") % values
    if found.bound is Bound.MOST and found.matched > shown:
        return _("%(shown)s traces shown, at most %(matched)s match.") % values
    if found.bound in (Bound.OPEN, Bound.MOST):
        return _("%(shown)s traces shown.") % values
    if shown < found.matched:
        return _("Exactly %(matched)s traces match, %(shown)s shown.") % values
    if found.matched == 1:
        return _("1 trace matches.")
    return _("%(matched)s traces match.") % values
