"""Pulls a backend: windows by service, split until none is cut by the limit."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from dashboard.actions.ingest import IngestResult, ingest
from dashboard.actions.locks import Claim, ClaimLost, free_at
from dashboard.actions.sources import (
    MAX_PAUSE_S,
    http_settings,
    note_failure,
    note_success,
)
from dashboard.models import Source
from dashboard.sources.base import TraceSource
from dashboard.sources.registry import MAKERS, make_source
from dashboard.traces.errors import (
    BadAnswer,
    BadTracePayload,
    PayloadTooLarge,
    SourceError,
)
from dashboard.traces.ids import trace_key
from dashboard.traces.trace import Trace

log = logging.getLogger(__name__)
FLOOR_US = 1_000  # windows are not split below a millisecond
FIRST_SPAN_US = 60_000_000
_clients: dict[tuple[int, str], TraceSource] = {}


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, microseconds since the epoch."""

    start_us: int
    end_us: int


def due_sources() -> list[int]:
    """Ids of the sources that should be asked now."""
    now = timezone.now()
    too_far = now + timedelta(seconds=2 * MAX_PAUSE_S)  # the clock was set back
    return list(
        Source.objects.filter(free_at(now), enabled=True, kind__in=list(MAKERS))
        .filter(
            Q(next_try_at=None) | Q(next_try_at__lte=now) | Q(next_try_at__gt=too_far)
        )
        .values_list("pk", flat=True)
    )


def client_of(source: Source) -> TraceSource:
    """The client of a source, kept for its connections."""
    key = (source.pk, source.url)
    if key not in _clients:
        _clients[key] = make_source(source.kind, http_settings(source))
    return _clients[key]


def pull_source(source_id: int) -> IngestResult:
    """Ask one source for what is new; one pull of a source at a time.

    A failure is noted on the source and ends the pull; cursors move only over
    windows that were stored, so nothing is lost by it.
    """
    result = IngestResult()
    claim = Claim.take(source_id)
    if claim is None:
        return result
    with claim:
        source = Source.objects.get(pk=source_id)
        try:
            try:
                result, faults = _pull(source, claim)
            except SourceError as problem:
                with claim.held():
                    note_failure(source, problem)
            else:
                with claim.held():
                    note_success(source, "; ".join(faults[:5]))
        except ClaimLost:
            log.info("%s is pulled by another worker now", source.name)
    return result


def _pull(source: Source, claim: Claim) -> tuple[IngestResult, list[str]]:
    """Ask all services; a fault of one service must not stop the others.

    Returns what was stored and the sentences of services that failed. Raises when
    the backend can not be reached at all, or no service could be had.
    """
    client = client_of(source)
    services = client.list_services()
    now_us = time.time_ns() // 1_000
    sweep = source.next_sweep_at is None or source.next_sweep_at <= timezone.now()
    look_back_us = settings.SPANBOARD_LOOKBACK_SECONDS * 1_000_000
    cursors: dict[str, int] = dict(source.cursors)
    if any(at_us > now_us + FIRST_SPAN_US for at_us in cursors.values()):
        cursors, sweep = {}, True  # the clock was set back since
    kept_us = round(settings.SPANBOARD_RETENTION_DAYS * 86_400_000_000)
    faults: list[str] = []
    total = IngestResult()
    seen: dict[str, int] = {}
    for service in services:
        cursor = cursors.get(service)
        start_us = (
            now_us - look_back_us if cursor is None or sweep else cursor - _overlap_us()
        )
        if cursor is not None:  # after an outage, back to where it was left
            start_us = min(start_us, cursor - _overlap_us())
        start_us = max(start_us, now_us - kept_us)
        try:
            # Newest first: what happens now matters more than what was missed.
            for window in reversed(_windows(start_us, now_us + 1_000_000)):
                total.add(_pull_window(source, claim, client, service, window, seen))
        except (BadAnswer, BadTracePayload) as problem:
            log.warning(
                "%s: service %s could not be pulled: %s", source.name, service, problem
            )
            faults.append(f"{service}: {problem}")
            continue
        cursors[service] = now_us
        _keep_cursor(source, claim, service, now_us)
    fields: dict[str, object] = {"services": services}
    if faults and len(faults) == len(services):
        raise BadAnswer(faults[0])
    if sweep and services and not faults:
        # A sweep of a busy backend takes long: it gets a tenth of the time at most.
        took_s = (time.time_ns() // 1_000 - now_us) / 1e6
        every_s = max(15.0, 20 * settings.SPANBOARD_POLL_SECONDS, 10 * took_s)
        fields["next_sweep_at"] = timezone.now() + timedelta(seconds=every_s)
        fields["swept_back_to_us"] = now_us - look_back_us
    with claim.held():
        Source.objects.filter(pk=source.pk).update(**fields)
    return total, faults


def _overlap_us() -> int:
    """How far back each pull asks again, for spans that came late."""
    return round((settings.SPANBOARD_GROWING_SECONDS + 20) * 1e6)


def _windows(start_us: int, end_us: int) -> list[Window]:
    """A long stretch in pieces that double in length towards the past."""
    windows, length = [], 10 * FIRST_SPAN_US
    while end_us > start_us:
        first = max(start_us, end_us - length)
        windows.append(Window(first, end_us))
        end_us, length = first, length * 2
    return windows[::-1]


def _pull_window(
    source: Source,
    claim: Claim,
    client: TraceSource,
    service: str,
    window: Window,
    seen: dict[str, int],
) -> IngestResult:
    """Ask one window; where the limit cut the answer, ask both halves."""
    total = IngestResult()
    work = [window]
    limit = settings.SPANBOARD_PULL_LIMIT
    while work:
        part = work.pop()
        try:
            found = client.find_traces(service, part.start_us, part.end_us, limit)
            full = found.full
            claim.renew()
            total.add(_ingest_new(source, found.traces, seen))
        except PayloadTooLarge:
            full = True  # nothing could be read of it: half the window may fit
        if full:
            middle = (part.start_us + part.end_us) // 2
            if part.end_us - part.start_us > 2 * FLOOR_US:
                work.append(Window(part.start_us, middle))
                work.append(Window(middle, part.end_us))
            else:
                Source.objects.filter(pk=source.pk).update(not_had=F("not_had") + 1)
                log.warning(
                    "%s cuts its answer of %s traces of %s in one millisecond",
                    source.name,
                    limit,
                    service,
                )
    return total


def _ingest_new(
    source: Source, traces: list[Trace], seen: dict[str, int]
) -> IngestResult:
    """Store what this pull has not stored yet; one trace comes for each service."""
    fresh = []
    for trace in traces:
        key = trace_key(trace.trace_id)
        if seen.get(key, -1) < len(trace):
            seen[key] = len(trace)
            fresh.append(trace)
    return ingest(source, fresh, replace=True) if fresh else IngestResult()


def _keep_cursor(source: Source, claim: Claim, service: str, at_us: int) -> None:
    with claim.held():
        held = Source.objects.get(pk=source.pk)
        held.cursors = {**held.cursors, service: at_us}
        held.save(update_fields=["cursors"])
