"""What Jaeger's query API asks of the store: names, and searches by span start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.db.models import Max

from dashboard.models import TraceRecord, Vocabulary
from dashboard.reads.candidates import LOOKED_AT, Place, Walk
from dashboard.reads.traces import conditions_of, needs_check, visible_sources
from dashboard.traces import codec
from dashboard.traces.query import TraceQuery
from dashboard.traces.span_match import column_mask, narrow_by_tags
from dashboard.traces.trace import Trace

MAX_CHECKED = 20_000
MAX_PASSED = 400_000
CHUNK = 50
MAX_NAMES = 50_000
LONGEST_US = 86_400_000_000  # traces that began earlier are not looked at


@dataclass(slots=True)
class Served:
    """Traces of a search; ``cut`` when not all candidates were looked at."""

    query: TraceQuery
    start_us: int
    end_us: int
    cut: bool = False
    checked: int = 0
    found: int = 0

    def records(self) -> Iterator[TraceRecord]:
        """Newest first, with their blobs, at most the query's limit."""
        every = needs_check(self.query)
        for record in self._candidates():
            ends_us = record.start_us + record.duration_us
            inside = record.start_us >= self.start_us and ends_us <= self.end_us
            if (every or not inside) and not self._matches(record):
                continue
            self.found += 1
            yield record
            if self.found >= self.query.limit:
                return

    def _candidates(self) -> Iterator[TraceRecord]:
        """Traces that the indexes do not rule out and that overlap the window."""
        longest = TraceRecord.objects.aggregate(most=Max("duration_us"))["most"] or 0
        conditions = replace(
            conditions_of(self.query),
            start_us=self.start_us - min(longest, LONGEST_US),
            end_us=self.end_us,
        )
        walk = Walk(conditions, "newest")
        after: Place | None = None
        passed = 0
        while True:
            piece = walk.piece(after, CHUNK)
            pks = [pk for _, pk in piece.places]
            full = TraceRecord.objects.defer("contribution", "summary").in_bulk(pks)
            for pk in dict.fromkeys(pks):
                record = full.get(pk)  # None: deleted meanwhile
                if record and record.start_us + record.duration_us >= self.start_us:
                    yield record
            passed += len(pks) if len(pks) == CHUNK else LOOKED_AT
            after = piece.after
            if after is None:
                return
            if self.checked >= MAX_CHECKED or passed >= MAX_PASSED:
                self.cut = True
                return

    def _matches(self, record: TraceRecord) -> bool:
        """Whether one span meets all conditions and starts in the window."""
        self.checked += 1
        trace, _ = codec.decode_columns(record.columns)
        group = self.query.span_conditions
        start_us = trace.start_ns // 1_000
        rows = column_mask(trace, group)
        rows &= (start_us >= self.start_us) & (start_us <= self.end_us)
        narrow_by_tags(
            trace, lambda: codec.detail_frames(record.details), {group: rows}
        )
        return bool(rows.any())


def whole_trace(record: TraceRecord) -> Trace:
    """A record's trace with all details."""
    trace, _ = codec.decode_columns(record.columns)
    trace.details = codec.decode_all_details(record.details)
    return trace


def columns_of(record: TraceRecord) -> Trace:
    """A record's trace without details."""
    return codec.decode_columns(record.columns)[0]


def service_names() -> list[str]:
    """All services seen, sorted."""
    words = Vocabulary.objects.filter(source__in=visible_sources())
    names = words.order_by("service").values_list("service", flat=True).distinct()
    return list(names[:MAX_NAMES])


def operation_names(service: str) -> list[tuple[str, int]]:
    """A service's operations with their span kinds (OTLP's numbers), sorted."""
    words = Vocabulary.objects.filter(source__in=visible_sources(), service=service)
    pairs = words.order_by("operation", "kind").values_list("operation", "kind")
    return list(pairs.distinct()[:MAX_NAMES])
