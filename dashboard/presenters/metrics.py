"""Figures for Prometheus: this process's own, and what the database tells.

Each process tells its own counters; add those up. What comes from the database is
the same in every process; take the largest.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator

from django.conf import settings
from django.db import DatabaseError, connection
from prometheus_client.core import Metric
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from dashboard.actions import meters, queue
from dashboard.actions.budget import BUDGET
from dashboard.models import GROWING, RollupDelta, Source, TraceRecord
from dashboard.reads.sources import Arrivals, arrivals

KEPT_S = 10.0  # so that no scraper makes the database count at each request
_lock = threading.Lock()
_kept: tuple[float, list[Metric]] | None = None


class Everything(Collector):
    """All metrics, for a writer of any of Prometheus's formats."""

    def collect(self) -> Iterator[Metric]:
        """Those of the process first: they need no database."""
        yield from meters.REGISTRY.collect()
        yield from _pressure()
        if settings.SPANBOARD_QUEUE:
            yield from _queue()
        try:
            found = _of_the_store()
        except DatabaseError:
            yield _gauge("spanboard_store_up", "The database answers", 0)
        else:
            yield _gauge("spanboard_store_up", "The database answers", 1)
            yield from found


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _pressure() -> Iterator[Metric]:
    yield _gauge(
        "spanboard_receiver_waiting_requests",
        "Requests with spans that wait to be stored",
        BUDGET.requests,
    )
    yield _gauge(
        "spanboard_receiver_waiting_bytes", "Bytes that they hold", BUDGET.bytes
    )
    yield _gauge(
        "spanboard_receiver_waiting_bytes_limit",
        "Bytes that they may hold",
        settings.SPANBOARD_OTLP_MAX_WAITING_BYTES,
    )


def _queue() -> Iterator[Metric]:
    files = queue.spool()
    state = files.measure()
    for name, text, value in (
        ("files", "Files with accepted spans that wait", state.files),
        ("bytes", "Bytes of all files of the queue, bad ones included", state.bytes),
        ("bytes_limit", "Bytes that they may have", files.limit),
        ("bad_files", "Files that could not be stored and lie in bad/", state.bad),
        ("age_seconds", "Age of the oldest file that waits", state.age_s),
    ):
        yield _gauge(f"spanboard_queue_{name}", text, value)


def _of_the_store() -> Iterable[Metric]:
    global _kept
    with _lock:
        if _kept is None or time.monotonic() - _kept[0] > KEPT_S:
            _kept = time.monotonic(), [*_store(), *_sources()]
        return _kept[1]


def forget() -> None:
    """Ask the database again at the next request."""
    global _kept
    _kept = None


def _store() -> Iterator[Metric]:
    growing = TraceRecord.objects.filter(GROWING).count()
    for name, text, value in (
        ("growing_traces", "Stored traces that still grow", growing),
        (
            "rollup_deltas_waiting",
            "Changes of the graph's figures that are not folded yet",
            RollupDelta.objects.count(),
        ),
        ("store_bytes", "Bytes of the database, indexes included", _bytes()),
        (
            "store_bytes_limit",
            "Bytes of traces that retention keeps",
            settings.SPANBOARD_RETENTION_BYTES,
        ),
    ):
        yield _gauge(f"spanboard_{name}", text, value)


def _bytes() -> int:
    statement = (
        "SELECT pg_database_size(current_database())"
        if connection.vendor == "postgresql"
        else "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.fetchone()[0])


Figure = Callable[[Source, Arrivals], float | None]
FIGURES: tuple[tuple[str, str, Figure], ...] = (
    ("enabled", "1 where a source is switched on", lambda s, _: s.enabled),
    (
        "traces",
        "Stored traces of a source, deleted ones taken off once a minute",
        lambda s, came: s.held + came.unfolded,
    ),
    (
        "traces_last_minute",
        "Traces that a source gave first in the last whole minute",
        lambda _, came: came.minute_traces,
    ),
    (
        "spans_last_minute",
        "Spans that a source gave in the last whole minute",
        lambda _, came: came.minute_spans,
    ),
    (
        "newest_timestamp_seconds",
        "Start of the newest stored trace of a source",
        lambda s, came: _newest_s(s, came),
    ),
    (
        "last_success_timestamp_seconds",
        "When a source last answered, or a receiver last took spans",
        lambda s, _: s.last_success_at.timestamp() if s.last_success_at else None,
    ),
    (
        "failing",
        "1 where a source does not answer",
        lambda s, _: s.failing_since is not None if s.enabled else None,
    ),
    (
        "consecutive_failures",
        "Times in a row that a source did not answer",
        lambda s, _: s.failures,
    ),
    (
        "behind_seconds",
        "Time since the point up to which all services of a pulled source were asked",
        lambda s, _: _behind_s(s),
    ),
    (
        "gaps",
        "Windows of which a pulled source could not give all traces",
        lambda s, _: s.not_had if s.kind == Source.Kind.JAEGER else None,
    ),
)


def _sources() -> Iterator[Metric]:
    sources = list(Source.objects.order_by("pk"))
    came = arrivals(source.pk for source in sources)
    labels = ["source", "kind"]
    for name, text, value_of in FIGURES:
        family = GaugeMetricFamily(f"spanboard_source_{name}", text, labels=labels)
        for source in sources:
            value = value_of(source, came[source.pk])
            if value is not None:
                family.add_metric([source.name, source.kind], value)
        yield family
    lag = GaugeMetricFamily(
        "spanboard_source_lag_seconds",
        "From a trace's end until it was stored, of the last five minutes' traces",
        labels=[*labels, "quantile"],
    )
    for source in sources:
        for share in (0.5, 0.95):
            lag_ms = came[source.pk].lag_ms(share)
            if lag_ms is not None:
                names = [source.name, source.kind, str(share)]
                lag.add_metric(names, lag_ms / 1e3)
    yield lag


def _newest_s(source: Source, came: Arrivals) -> float | None:
    newest_us = max(source.newest_us or 0, came.newest_us)
    return newest_us / 1e6 if newest_us else None


def _behind_s(source: Source) -> float | None:
    if source.kind != Source.Kind.JAEGER or not source.enabled or not source.cursors:
        return None
    starts = [us for part in source.open_windows.values() for us, _ in part]
    return max(0.0, time.time() - min([*source.cursors.values(), *starts]) / 1e6)
