"""What backends said to a search, as rows like those of stored traces."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from django.conf import settings
from django.utils.translation import gettext as _

from dashboard.actions.on_demand import Answer, ask_backends, asked_sources
from dashboard.actions.on_demand import begins_before_stored as begins_before
from dashboard.models import TraceRecord
from dashboard.presenters import text
from dashboard.presenters.results import result_row
from dashboard.reads.candidates import ORDERS
from dashboard.reads.match import whole_holds
from dashboard.traces.ids import trace_key
from dashboard.traces.query import TraceQuery
from dashboard.traces.span_match import frames_of, line_holds
from dashboard.traces.summary import Summary
from dashboard.traces.trace import Trace


def offer(query: TraceQuery) -> dict[str, Any]:
    """Whether a search can be passed on, to whom, and whether that is due at once.

    Jaeger only searches by service.
    """
    names = [source.name for source in asked_sources(query.source)]
    if not names or not query.service or query.trace_ids:
        return {}
    return {
        "names": ", ".join(names),
        "auto": begins_before(query),
        "query": query.to_query_string(),
    }


def asked_parts(query: TraceQuery) -> list[dict[str, Any]]:
    """For each backend a sentence, its rows, and what went wrong."""
    return [_part(answer, query) for answer in ask_backends(query)]


def _part(answer: Answer, query: TraceQuery) -> dict[str, Any]:
    rows = [
        result_row(record)
        for trace, summary in zip(answer.traces, answer.summaries, strict=True)
        if whole_holds(record := _record(trace, summary), query)
        and not (query.error is False and record.error_count)
        and _matches(trace, query)
    ]
    name, direction = ORDERS[query.sort]
    rows.sort(key=lambda row: row[name], reverse=direction == "DESC")
    longest = max((row["duration_us"] for row in rows), default=1)
    for row in rows:
        row["width"] = round(max(row["duration_us"] / max(longest, 1), 0.01) * 100, 1)
    return {
        "name": answer.source.name,
        "url": answer.source.url,
        "rows": rows,
        "text": _sentence(answer, len(rows)),
        "problem": answer.problem,
    }


def _sentence(answer: Answer, shown: int) -> str:
    words = _("%(n)s not stored here, from %(start)s to %(end)s.") % {
        "n": text.count(shown),
        "start": text.moment(answer.start_us),
        "end": text.moment(answer.end_us),
    }
    if answer.held:
        words += " " + _("%(n)s more are stored and stand above where they match.") % {
            "n": text.count(answer.held)
        }
    if answer.full:
        words += " " + _("It has more: choose a shorter time, or show more.")
    return words


def _matches(trace: Trace, query: TraceQuery) -> bool:
    """The same conditions on one and the same span as for stored traces."""
    return line_holds(trace, frames_of(trace.details), query.spans_line())


def _record(trace: Trace, summary: Summary) -> TraceRecord:
    """A row of the store that is not saved."""
    ends_us = summary.start_us + summary.duration_us
    growing_us = settings.SPANBOARD_GROWING_SECONDS * 1e6
    return TraceRecord(
        trace_id=trace.trace_id[:32],
        trace_key=trace_key(trace.trace_id),
        start_us=summary.start_us,
        duration_us=summary.duration_us,
        span_count=summary.span_count,
        error_count=summary.error_count,
        orphan_count=summary.orphan_count,
        service_count=len(summary.services),
        root_service=summary.root_service,
        root_operation=summary.root_operation,
        summary=msgspec.to_builtins(summary),
        settled=time.time() * 1e6 - ends_us > growing_us,
    )
