"""Checks a search on the spans of a stored trace."""

from __future__ import annotations

import re

import numpy as np

from dashboard.models import TraceRecord
from dashboard.traces import codec
from dashboard.traces.details import read_details
from dashboard.traces.facts import text_of
from dashboard.traces.query import TraceQuery
from dashboard.traces.trace import Flag, Trace

WHOLE = re.compile(r"-?[0-9]+\.0\Z")  # 2.0 is found by 2 as well, as in Jaeger


def matching_rows(trace: Trace, query: TraceQuery) -> np.ndarray:
    """Rows that meet the conditions on columns: service, operation, durations."""
    keep = np.ones(len(trace), bool)
    if query.service:
        keep &= _named(trace.service, trace.services, query.service)
    if query.operation:
        keep &= _named(trace.operation, trace.operations, query.operation)
    if query.error is True:
        keep &= (trace.flags & Flag.ERROR) != 0
    if query.min_duration_us is not None:
        keep &= trace.duration_ns >= query.min_duration_us * 1_000
    if query.max_duration_us is not None:
        keep &= trace.duration_ns <= query.max_duration_us * 1_000 + 999
    return np.flatnonzero(keep)


def _named(column: np.ndarray, names: list[str], wanted: str) -> np.ndarray:
    try:
        return column == names.index(wanted)
    except ValueError:
        return np.zeros(len(column), bool)


def matches(record: TraceRecord, query: TraceQuery) -> bool:
    """Whether one span of the trace meets all conditions."""
    trace, _ = codec.decode_columns(record.columns)
    rows = matching_rows(trace, query)
    if not len(rows):
        return False
    if not query.tags:
        return True
    details = codec.decode_all_details(record.details)
    return any(has_tags(trace, details[row], row, query) for row in rows.tolist())


def has_tags(trace: Trace, details: bytes, row: int, query: TraceQuery) -> bool:
    """Whether a span (or its process) has all tags of a query, as equal text."""
    own = {(tag.key, text_of(tag.value)) for tag in read_details(details).tags}
    process = trace.processes[trace.process[row]]
    own |= {(tag.key, text_of(tag.value)) for tag in process.tags}
    own |= {(key, text[:-2]) for key, text in own if WHOLE.match(text)}
    failed = bool(trace.flags[row] & Flag.ERROR)
    own.add(("error", "true" if failed else "false"))
    return all(pair in own for pair in query.tags)
