"""Checks a search on the spans of a stored trace."""

from __future__ import annotations

from dashboard.models import TraceRecord
from dashboard.traces import codec
from dashboard.traces.query import TraceQuery
from dashboard.traces.query_line import COMPARE, Condition
from dashboard.traces.span_match import line_holds, needs_tags
from dashboard.traces.trace import Trace

FIGURES = {
    "trace.duration": "duration_us",
    "trace.services": "service_count",
    "trace.spans": "span_count",
    "trace.error": "error_count",
}


def matches(record: TraceRecord, query: TraceQuery) -> bool:
    """Whether the spans of a stored trace meet all conditions on spans."""
    if needs_tags(query.spans_line()):
        trace, _ = codec.decode_columns(record.columns)
    else:
        trace = codec.decode_bare(record.columns)
    return spans_match(record, trace, query)


def spans_match(record: TraceRecord, trace: Trace, query: TraceQuery) -> bool:
    """The same where the columns are decoded already."""
    return line_holds(
        trace, lambda: codec.detail_frames(record.details), query.spans_line()
    )


def figure_asked(condition: Condition) -> tuple[str, str, float]:
    """The record's column, operator and number of a condition on the whole trace."""
    column = FIGURES[condition.key]
    if condition.key == "trace.error":
        return (column, "=", 0) if condition.op else (column, ">", 0)
    return column, condition.op, condition.number


def whole_holds(record: TraceRecord, query: TraceQuery) -> bool:
    """Whether a record meets what a query says of the whole trace."""
    return all(
        COMPARE[op](getattr(record, column), number)
        for column, op, number in map(figure_asked, query.line.whole)
    )
