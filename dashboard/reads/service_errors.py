"""What a service's failed spans say of themselves, from its newest failed traces."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dashboard.models import TraceRecord
from dashboard.reads.traces import find_traces
from dashboard.traces import codec
from dashboard.traces.query import TraceQuery
from dashboard.traces.trace import Flag

MAX_TRACES = 100
MAX_TEXT = 120
FACTS = ("error.type", "http.status_code", "grpc.status_code", "status_message")


@dataclass(slots=True)
class ErrorType:
    """Failed spans of one kind: what they say, how many, and the newest trace."""

    fact: str  # "" where they say nothing
    value: str
    operation: str
    spans: int
    traces: int
    trace_id: str
    span_id: str


def errors_of(query: TraceQuery) -> tuple[list[ErrorType], int]:
    """Kinds of failed spans of the query's service, and of how many failed traces."""
    asked = replace(query, error=True, limit=MAX_TRACES, after=None)
    pks = [record.pk for record in find_traces(asked).records]
    full = TraceRecord.objects.defer("details", "contribution").in_bulk(pks)
    kinds: dict[tuple[str, str, str], ErrorType] = {}
    for pk in pks:
        record = full.get(pk)
        if record is None:
            continue
        trace, _ = codec.decode_columns(record.columns)
        if query.service not in trace.services:
            continue
        mine = trace.service == trace.services.index(query.service)
        seen = set()
        for row in np.flatnonzero(mine & ((trace.flags & Flag.ERROR) != 0)).tolist():
            fact = next((name for name in FACTS if trace.fact(name, row)), "")
            value = trace.fact(fact, row)[:MAX_TEXT] if fact else ""
            key = (fact, value, trace.operation_name(row))
            kind = kinds.get(key)
            if kind is None:
                kind = kinds[key] = ErrorType(
                    *key, 0, 0, record.trace_id, trace.span_ids[row]
                )
            kind.spans += 1
            kind.traces += key not in seen
            seen.add(key)
    return sorted(kinds.values(), key=lambda one: (-one.spans, one.value)), len(pks)
