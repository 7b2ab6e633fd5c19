"""Small traces for tests, written as lists of dictionaries."""

from __future__ import annotations

import random
import time
from typing import Any

from dashboard.traces.builder import KINDS, TraceBuilder
from dashboard.traces.details import write_details
from dashboard.traces.trace import Reference, SpanDetails, Tag, Trace

START_US = int(time.time() * 1e6) - 30_000_000
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def tag_of(key: str, value: Any) -> Tag:
    """A tag with the type of its value."""
    if isinstance(value, bool):
        return Tag(key, "bool", value)
    if isinstance(value, int):
        return Tag(key, "int64", value)
    return Tag(key, "string", value)


def make_trace(
    spans: list[dict[str, Any]], trace_id: str = TRACE_ID, shuffle: int | None = None
) -> Trace:
    """An unadjusted trace; each span: id, parent, service, operation, start and
    duration in µs (start relative to the trace), kind, tags, process, references, flags."""
    spans = list(spans)
    if shuffle is not None:
        random.Random(shuffle).shuffle(spans)
    builder = TraceBuilder(trace_id)
    for span in spans:
        process_tags = tuple(tag_of(k, v) for k, v in span.get("process", {}).items())
        process = builder.process(span.get("service", "a"), process_tags)
        tags = tuple(tag_of(k, v) for k, v in span.get("tags", {}).items())
        references = tuple(
            Reference(kind, other, target)
            for kind, other, target in span.get("references", ())
        )
        start = span.get("start", 0)
        builder.span(
            span["id"],
            span.get("parent", ""),
            0 if start is None else (START_US + start) * 1_000,
            span.get("duration", 1_000) * 1_000,
            span.get("operation", f"op-{span['id']}"),
            KINDS[span.get("kind", "unset")],
            process,
            write_details(SpanDetails(tags)),
            tags,
            references,
            span.get("flags", 0),
        )
    return builder.finish()


def rows_by_id(trace: Trace) -> dict[str, int]:
    """Row of each span id."""
    return {span_id: row for row, span_id in enumerate(trace.span_ids)}
