"""A stored trace as Jaeger's query API tells it: as received, or adjusted."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np

from dashboard.traces.details import DecodedDetails, read_details
from dashboard.traces.facts import text_of
from dashboard.traces.trace import (
    Flag,
    Int32,
    Kind,
    Process,
    Reference,
    SpanDetails,
    Tag,
    Trace,
)

CALLERS = (Kind.CLIENT, Kind.PRODUCER)
CALLED = (Kind.SERVER, Kind.CONSUMER)


def as_received(trace: Trace) -> Trace:
    """Ids, starts and durations as the source gave them; ``raw`` in Jaeger's API."""
    start_ns = np.where(trace.flags & Flag.NO_START, 0, trace.start_ns)
    processes, process = _each_once(trace)
    return replace(
        trace,
        span_ids=_plain_ids(trace),
        start_ns=start_ns,
        processes=processes,
        process=process,
    )


def as_adjusted(trace: Trace, warnings: dict[int, list[str]]) -> Trace:
    """What Jaeger answers by default: ids told apart, tags in order of their keys.

    A server that shares its client's id gets a fresh one, and its children follow
    it. ``warnings`` are sentences by row. Clocks are left alone, as Jaeger does
    unless it is told otherwise.
    """
    trace = _tell_apart(as_received(trace))
    return replace(
        trace,
        processes=[Process(p.service, _sorted(p.tags)) for p in trace.processes],
        references={
            row: tuple(replace(r, tags=_sorted(r.tags)) for r in found)
            for row, found in trace.references.items()
        },
        details=[
            _ordered(details, warnings.get(row, []))
            for row, details in enumerate(trace.details)
        ],
    )


def _each_once(trace: Trace) -> tuple[list[Process], Int32]:
    """Equal processes as one: clients count them."""
    index: dict[str, int] = {}
    kept: list[Process] = []
    place = np.zeros(max(len(trace.processes), 1), np.int32)
    for number, process in enumerate(trace.processes):
        key = repr(process)
        if key not in index:
            index[key] = len(kept)
            kept.append(process)
        place[number] = index[key]
    return kept, place[trace.process]


def _plain_ids(trace: Trace) -> list[str]:
    return [span_id.partition("~")[0] for span_id in trace.span_ids]


def _tell_apart(trace: Trace) -> Trace:
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, span_id in enumerate(trace.span_ids):
        rows_of[span_id].append(row)
    fresh: dict[int, str] = {}
    number = 0
    for rows in rows_of.values():
        if len(rows) < 2 or not any(trace.kind[row] in CALLERS for row in rows):
            continue
        for row in rows:
            if trace.kind[row] in CALLED:
                number += 1
                while f"{number:016x}" in rows_of:
                    number += 1
                fresh[row] = f"{number:016x}"
    if not fresh:
        return trace
    span_ids, parent_ids = list(trace.span_ids), list(trace.parent_ids)
    references = dict(trace.references)
    for row, above in enumerate(trace.parent.tolist()):
        if row in fresh:
            parent, span_ids[row] = trace.span_ids[row], fresh[row]
        elif above in fresh:
            parent = fresh[above]
        else:
            continue
        if row in references:
            references[row] = _hung(references[row], trace.trace_id, parent)
        else:
            parent_ids[row] = parent
    return replace(
        trace, span_ids=span_ids, parent_ids=parent_ids, references=references
    )


def _hung(
    found: tuple[Reference, ...], trace_id: str, parent: str
) -> tuple[Reference, ...]:
    """The references with another parent in the place of the first CHILD_OF."""
    first = next((r for r in found if r.kind == "CHILD_OF"), None)
    new = Reference("CHILD_OF", trace_id, parent)
    if first is None:
        return (new, *found)
    return tuple(new if r is first else r for r in found)


def _sorted(tags: tuple[Tag, ...]) -> tuple[Tag, ...]:
    return tuple(sorted(tags, key=lambda tag: tag.key))


def _ordered(raw: bytes, warnings: list[str]) -> bytes:
    details = read_details(raw)
    return DecodedDetails.of(
        SpanDetails(
            tags=_sorted(details.tags),
            logs=tuple(
                replace(
                    log, fields=tuple(sorted(log.fields, key=lambda f: _order(f.key)))
                )
                for log in details.logs
            ),
            warnings=(*details.warnings, *warnings),
        )
    )


def _order(key: str) -> tuple[bool, str]:
    return key != "event", key  # an event's name stays in front


def status_error(tags: list[dict[str, Any]]) -> bool:
    """Whether an OTLP status says that the span failed and no tag says so yet."""
    says = any(
        tag["key"] == "otel.status_code" and text_of(tag["value"]).upper() == "ERROR"
        for tag in tags
    )
    return says and not any(tag["key"] == "error" for tag in tags)
