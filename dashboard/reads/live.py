"""Changed traces against many searches: read once, then matched in memory."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from dashboard.models import TraceRecord, TraceTerm
from dashboard.reads.match import spans_match, whole_holds
from dashboard.reads.traces import light, sides_terms, visible_sources
from dashboard.traces import codec
from dashboard.traces.collector import no_collection
from dashboard.traces.ids import trace_key
from dashboard.traces.query import TraceQuery
from dashboard.traces.terms import OVERFLOW, term, term_of_tag
from dashboard.traces.trace import Trace

AT_ONCE = 500


class ChangedTraces:
    """Traces that were announced together; whoever asks first has them read.

    However many searches are open, the database is asked once for the records,
    once for their terms and once for the spans of those that need a look at
    them. One thread at a time may ask.
    """

    def __init__(self, keys: Iterable[str]):
        self.keys = set(keys)
        self.made: dict[Any, Any] = {}  # what presenters made of a record already
        self._spans: dict[int, tuple[TraceRecord, Trace]] = {}

    @cached_property
    def records(self) -> list[TraceRecord]:
        """The records without blobs, of all sources."""
        found: list[TraceRecord] = []
        for part in _parts(sorted(self.keys)):
            found += light(TraceRecord.objects.filter(trace_key__in=part))
        return found

    @cached_property
    def visible(self) -> set[int]:
        """Sources that a search of all of them shows."""
        return set(visible_sources().values_list("pk", flat=True))

    @cached_property
    def terms(self) -> dict[int, set[int]]:
        """The terms of each record."""
        found: dict[int, set[int]] = defaultdict(set)
        for part in _parts([record.pk for record in self.records]):
            rows = TraceTerm.objects.filter(record__in=part)
            for pk, number in rows.values_list("record_id", "term"):
                found[pk].add(number)
        return found

    def matching(self, query: TraceQuery) -> list[TraceRecord]:
        """Those that a search would find, as ``find_traces`` has it."""
        now_us = time.time_ns() // 1_000
        start_us, end_us = query.window(now_us)
        found = [
            record
            for record in self.records
            if (
                record.source.name == query.source
                if query.source
                else record.listed and record.source_id in self.visible
            )
        ]
        if query.trace_ids:  # nothing else is asked then
            asked = {trace_key(one) for one in query.trace_ids}
            return [record for record in found if record.trace_key in asked]
        found = [
            record
            for record in found
            if (start_us is None or record.start_us >= start_us)
            and (end_us is None or record.start_us <= end_us)
            and (query.error is None or query.error is (record.error_count > 0))
            and (
                query.min_duration_us is None
                or record.max_span_us >= query.min_duration_us
            )
            and whole_holds(record, query)
        ]
        exact, loose = wanted_terms(query)
        if found and (exact or loose):
            found = [
                record
                for record in found
                if exact <= (own := self.terms[record.pk])
                and (OVERFLOW in own or loose <= own)
            ]
        if found and _is_about_spans(query):
            found = [record for record in found if self._meets(record, query)]
        return found

    def _meets(self, record: TraceRecord, query: TraceQuery) -> bool:
        """Whether one span meets all conditions; spans are decoded once for all."""
        if record.pk not in self._spans:
            blobs = TraceRecord.objects.only("columns", "details")
            whole = blobs.filter(pk=record.pk).first()
            if whole is None:  # removed meanwhile
                return False
            with no_collection():
                trace = codec.decode_columns(whole.columns)[0]
            self._spans[record.pk] = whole, trace
        whole, trace = self._spans[record.pk]
        return spans_match(whole, trace, query)


def wanted_terms(query: TraceQuery) -> tuple[set[int], set[int]]:
    """Terms that a trace must have: always, and unless it has too many to tell."""
    exact, loose = set(), set()
    if query.service and query.operation:
        loose.add(term("o", query.service, query.operation))
    elif query.service:
        loose.add(term("s", query.service))
    for key, value in query.tags:
        number = term_of_tag(key, value)
        if number is not None:
            loose.add(number)
    for asked in sides_terms(query):
        loose.update(asked.terms)
    if query.caller and query.callee:
        exact.add(term("c", query.caller, query.callee))
    return exact, loose


def _is_about_spans(query: TraceQuery) -> bool:
    """Whether terms and records do not answer it: conditions meet on one span."""
    return bool(
        query.tags
        or query.line.about_spans
        or query.min_duration_us is not None
        or query.max_duration_us is not None
        or (query.operation and not query.service)
        or (query.error is True and query.service)
    )


def _parts(values: list[Any]) -> Iterable[list[Any]]:
    for first in range(0, len(values), AT_ONCE):
        yield values[first : first + AT_ONCE]
