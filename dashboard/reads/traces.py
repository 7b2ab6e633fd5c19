"""Finds and loads stored traces."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from django.db.models import F, QuerySet

from dashboard.models import Source, TraceRecord, TraceTerm, Vocabulary
from dashboard.reads.match import matches
from dashboard.traces import codec
from dashboard.traces.collector import no_collection
from dashboard.traces.ids import trace_key
from dashboard.traces.query import TraceQuery
from dashboard.traces.terms import OVERFLOW, term, term_of_tag
from dashboard.traces.trace import Trace

MAX_CHECKED = 5_000
CHUNK = 200
MAX_KEPT = 4
MAX_ASKED = 500
_kept: dict[tuple[int, int], tuple[Trace, dict[str, np.ndarray]]] = {}
_kept_lock = threading.Lock()
ORDERS = {
    "newest": ("-start_us", "-pk"),
    "oldest": ("start_us", "pk"),
    "longest": ("-duration_us", "-pk"),
    "shortest": ("duration_us", "pk"),
    "most-spans": ("-span_count", "-pk"),
    "fewest-spans": ("span_count", "pk"),
    "most-errors": ("-error_count", "-pk"),
}


@dataclass(slots=True)
class FoundTraces:
    """A search's result; ``exact`` is false when checking stopped at its limit."""

    records: list[TraceRecord]
    matched: int
    stored: int
    elapsed_ms: float
    exact: bool = True
    checked: int = 0


@dataclass(slots=True)
class LoadedTrace:
    """A stored trace with its analysis; details are read row by row."""

    record: TraceRecord
    trace: Trace
    extra: dict[str, np.ndarray] = field(default_factory=dict)


def visible_sources(name: str = "") -> QuerySet[Source]:
    """The sources that pages show: the named one, or all.

    The demo is left out of "all" once another source holds traces.
    """
    if name:
        return Source.objects.filter(name=name)
    others = TraceRecord.objects.filter(source__is_demo=False)
    if others.exists():
        return Source.objects.filter(is_demo=False)
    return Source.objects.all()


def light(records: QuerySet[TraceRecord]) -> QuerySet[TraceRecord]:
    """Without the blobs."""
    return records.defer("columns", "details", "contribution").select_related("source")


def base_set(query: TraceQuery) -> QuerySet[TraceRecord]:
    """Records in the query's window and sources, one per trace."""
    records = TraceRecord.objects.filter(source__in=visible_sources(query.source))
    if not query.source:
        records = records.filter(listed=True)
    if query.trace_ids:
        return records.filter(trace_key__in=[trace_key(t) for t in query.trace_ids])
    start_us, end_us = query.window(time.time_ns() // 1_000)
    if start_us is not None:
        records = records.filter(start_us__gte=start_us)
    if end_us is not None:
        records = records.filter(start_us__lte=end_us)
    return records


def preselect(
    records: QuerySet[TraceRecord], query: TraceQuery
) -> QuerySet[TraceRecord]:
    """Narrow by terms and summary; may keep what the spans then refuse."""
    if query.error is True:
        records = records.filter(error_count__gt=0)
    if query.error is False:
        records = records.filter(error_count=0)
    if query.min_duration_us is not None:
        records = records.filter(max_span_us__gte=query.min_duration_us)
    wanted = []
    if query.service and query.operation:
        wanted.append(term("o", query.service, query.operation))
    elif query.service:
        wanted.append(term("s", query.service))
    for key, value in query.tags:
        number = term_of_tag(key, value)
        if number is not None:
            wanted.append(number)
    if query.caller and query.callee:
        having = TraceTerm.objects.filter(term=term("c", query.caller, query.callee))
        records = records.filter(pk__in=having.values("record"))
    for number in wanted:
        having = TraceTerm.objects.filter(term__in=(number, OVERFLOW))
        records = records.filter(pk__in=having.values("record"))
    return records


def needs_check(query: TraceQuery) -> bool:
    """Whether the terms alone do not answer: conditions hold on one same span."""
    return bool(
        query.tags
        or query.min_duration_us is not None
        or query.max_duration_us is not None
        or (query.operation and not query.service)
        or (query.error is True and query.service)
    )


def find_traces(query: TraceQuery) -> FoundTraces:
    """Search the store; positive conditions hold on one and the same span."""
    began = time.perf_counter()
    base = base_set(query)
    records = preselect(base, query).order_by(*ORDERS[query.sort])
    if not needs_check(query):
        matched = records.count()
        rows = list(light(records)[: query.limit])
        result = FoundTraces(rows, matched, 0, 0.0)
    else:
        result = _find_checked(records, query)
    result.stored = base.count()
    result.elapsed_ms = (time.perf_counter() - began) * 1_000
    return result


def count(query: TraceQuery) -> int:
    """How many traces match a query that the terms alone answer."""
    return preselect(base_set(query), query).count()


def _find_checked(records: QuerySet[TraceRecord], query: TraceQuery) -> FoundTraces:
    found: list[TraceRecord] = []
    matched = checked = 0
    pks = list(records.values_list("pk", flat=True)[: MAX_CHECKED + 1])
    exact = len(pks) <= MAX_CHECKED
    for first in range(0, min(len(pks), MAX_CHECKED), CHUNK):
        part = pks[first : first + CHUNK]
        full = TraceRecord.objects.in_bulk(part)
        for pk in part:
            record = full.get(pk)
            if record is None:
                continue
            checked += 1
            if matches(record, query):
                matched += 1
                if len(found) < query.limit:
                    found.append(record)
    return FoundTraces(found, matched, 0, 0.0, exact, checked)


def filter_keys(query: TraceQuery, keys: Iterable[str]) -> list[TraceRecord]:
    """Which of these traces match, for live updates."""
    records = preselect(base_set(query), query).filter(trace_key__in=list(keys))
    if needs_check(query):
        return [r for r in records.select_related("source") if matches(r, query)]
    return list(light(records))


def find_record(trace_id: str, source: str = "") -> TraceRecord | None:
    """The stored record of a trace: the one that counts, unless a source is named."""
    records = TraceRecord.objects.filter(trace_key=trace_key(trace_id))
    if source:
        records = records.filter(source__name=source)
    return (
        records.select_related("source")
        .defer("details", "contribution")
        .order_by(F("listed").desc(), "-span_count")
        .first()
    )


def stored_ids(trace_ids: Iterable[str]) -> dict[str, str]:
    """Of some trace ids those that are stored: the stored id by its key."""
    keys = {trace_key(trace_id) for trace_id in list(trace_ids)[:MAX_ASKED]}
    found = TraceRecord.objects.filter(trace_key__in=keys)
    return dict(found.values_list("trace_key", "trace_id"))


def load(record: TraceRecord) -> LoadedTrace:
    """A record's columns, decoded; the last few are kept. Do not change them."""
    key = (record.pk, record.version)
    with _kept_lock:
        found = _kept.pop(key, None)
        if found is None:
            with no_collection():
                found = codec.decode_columns(record.columns)
        _kept[key] = found
        while len(_kept) > MAX_KEPT:
            del _kept[next(iter(_kept))]
    return LoadedTrace(record, *found)


def load_whole(record: TraceRecord) -> Trace:
    """The trace with all details, for exports."""
    trace, _ = codec.decode_columns(record.columns)
    trace.details = codec.decode_all_details(record.details)
    return trace


def vocabulary(source: str = "") -> dict[str, list[str]]:
    """Operations by service, as far as they were seen."""
    words: dict[str, list[str]] = {}
    rows = Vocabulary.objects.filter(source__in=visible_sources(source))
    for service, operation in (
        rows.order_by("service", "operation")
        .values_list("service", "operation")
        .distinct()[:20_000]
    ):
        words.setdefault(service, []).append(operation)
    return words


def which_condition_excludes(query: TraceQuery) -> tuple[str, int]:
    """The condition whose removal gives most traces, and how many; for empty pages."""
    best = ("", 0)
    for name, loose in query.without_each():
        count = preselect(base_set(loose), loose).count()
        if count > best[1]:
            best = (name, count)
    return best
