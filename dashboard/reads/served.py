"""What Jaeger's query API asks of the store: names, and searches by span start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from dashboard.models import TraceRecord, Vocabulary
from dashboard.reads.match import has_tags, matching_rows
from dashboard.reads.traces import needs_check, preselect, visible_sources
from dashboard.traces import codec
from dashboard.traces.query import TraceQuery
from dashboard.traces.trace import Trace

MAX_CHECKED = 20_000
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
        newest = _candidates(self.query, self.start_us, self.end_us)[: MAX_CHECKED + 1]
        rows = list(newest)
        self.cut = len(rows) > MAX_CHECKED
        every = needs_check(self.query)
        rows = rows[:MAX_CHECKED]
        for first in range(0, len(rows), CHUNK):
            part = rows[first : first + CHUNK]
            full = TraceRecord.objects.in_bulk([row[0] for row in part])
            for pk, start_us, duration_us in part:
                record = full.get(pk)
                if record is None:  # deleted meanwhile
                    continue
                inside = (
                    start_us >= self.start_us and start_us + duration_us <= self.end_us
                )
                if (every or not inside) and not self._matches(record):
                    continue
                self.found += 1
                yield record
                if self.found >= self.query.limit:
                    self.cut = False
                    return

    def _matches(self, record: TraceRecord) -> bool:
        """Whether one span meets all conditions and starts in the window."""
        self.checked += 1
        trace, _ = codec.decode_columns(record.columns)
        rows = matching_rows(trace, self.query)
        start_us = trace.start_ns[rows] // 1_000
        rows = rows[(start_us >= self.start_us) & (start_us <= self.end_us)]
        if not len(rows) or not self.query.tags:
            return bool(len(rows))
        details = codec.decode_all_details(record.details)
        return any(
            has_tags(trace, details[row], row, self.query) for row in rows.tolist()
        )


def _candidates(query: TraceQuery, start_us: int, end_us: int) -> Any:
    records: Any = TraceRecord.objects.filter(
        source__in=visible_sources(),
        listed=True,
        start_us__lte=end_us,
        start_us__gte=start_us - LONGEST_US,
    ).annotate(end_us=F("start_us") + F("duration_us"))
    records = preselect(records.filter(end_us__gte=start_us), query)
    return records.order_by("-start_us", "-pk").values_list(
        "pk", "start_us", "duration_us"
    )


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
