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
    if not len(rows) or not query.tags:
        return bool(len(rows))
    return any_has_tags(record, trace, rows, query)


def any_has_tags(
    record: TraceRecord, trace: Trace, rows: np.ndarray, query: TraceQuery
) -> bool:
    """Whether one of these rows (or its process) has all tags of a query."""
    signs = [signs_of(key, value) for key, value in query.tags]
    found = dict(query.tags)
    held = [
        {tag.key for tag in process.tags if text_of(tag.value) == found.get(tag.key)}
        for process in trace.processes
    ]
    wanted = set(rows.tolist())
    for first, ends, body in codec.detail_frames(record.details):
        last = first + len(ends)
        if rows[-1] < first or rows[0] >= last:
            continue
        begin = 0
        for row, end in enumerate(ends.tolist(), first):
            details, begin = body[begin:end], end
            if row not in wanted:
                continue
            given = held[trace.process[row]]
            if all(
                key in given or may_hold(details, sign)
                for (key, _), sign in zip(query.tags, signs, strict=True)
            ) and has_tags(trace, details, row, query):
                return True
    return False


def signs_of(key: str, value: str) -> tuple[bytes, ...]:
    """Bytes that a span's details must hold if it has a tag, however it is written.

    A number may be written in several ways; of other texts the longest piece that
    JSON never escapes is taken. The mark of an error is no tag of its own, and a list is shown as text
    of another form.
    """
    if key in ("error", "unreadable") or value[:1] in ("[", "{"):
        return ()
    pieces = PLAIN.findall(key)
    if not NUMBER.fullmatch(value):
        pieces += PLAIN.findall(value)
    return tuple(piece.encode() for piece in pieces)


def may_hold(details: bytes, sign: tuple[bytes, ...]) -> bool:
    """Whether details may hold a tag: quick, and never wrongly no."""
    return all(piece in details for piece in sign) or ESCAPE in details


PLAIN = re.compile(r"[A-Za-z0-9_.:-]+")
NUMBER = re.compile(r"[-+.\deE]*|[iI]nf.*|[nN]a[nN]|[tT]rue|[fF]alse|None|null")
ESCAPE = b"\\u"


def has_tags(trace: Trace, details: bytes, row: int, query: TraceQuery) -> bool:
    """Whether a span (or its process) has all tags of a query, as equal text."""
    own = {(tag.key, text_of(tag.value)) for tag in read_details(details).tags}
    process = trace.processes[trace.process[row]]
    own |= {(tag.key, text_of(tag.value)) for tag in process.tags}
    own |= {(key, text[:-2]) for key, text in own if WHOLE.match(text)}
    failed = bool(trace.flags[row] & Flag.ERROR)
    own.add(("error", "true" if failed else "false"))
    return all(pair in own for pair in query.tags)
