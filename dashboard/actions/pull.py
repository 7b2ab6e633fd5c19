"""Pulls a backend: what is fresh first, then what was missed, newest first."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from dashboard.actions.asking import (
    FRESH,
    OLD,
    Asker,
    Job,
    Report,
    note_gap,
    pieces,
)
from dashboard.actions.choice import chosen_services, kept_share
from dashboard.actions.ingest import IngestResult
from dashboard.actions.locks import Claim, ClaimLost, free_at
from dashboard.actions.pace import IDLE, MAX_TOLD_S, SLOW, next_pace
from dashboard.actions.sources import (
    http_settings,
    note_failure,
    note_success,
    note_throttled,
    pulled_sources,
)
from dashboard.actions.watch import is_watched
from dashboard.actions.windows import (
    FIRST_SPAN_US,
    Stretch,
    Window,
    growing_windows,
    joined,
    since,
    without,
)
from dashboard.models import Gap, Source, TraceRecord
from dashboard.sources.base import TraceSource
from dashboard.sources.registry import make_source
from dashboard.traces.errors import BadAnswer, SourceError, Throttled

log = logging.getLogger(__name__)
OLD_WORK_S = 5.0  # what is old gets so long in one pull, or as long as what is fresh
KEEP_EVERY_S = 2.0
RENEW_EVERY_S = 0.5
CLOCK_TOLERANCE_S = 10.0
CLOCK_LIMIT_S = 2 * 86_400.0  # a clock further off is not believed
BEHIND_OVERLAP_US = 2_000_000
_clients: dict[tuple[int, str], TraceSource] = {}


def due_sources() -> list[int]:
    """Ids of the sources that should be asked now.

    One that is asked slowly because nobody watches is due when somebody does.
    """
    now = timezone.now()
    too_far = now + timedelta(seconds=2 * MAX_TOLD_S)  # the clock was set back
    found = pulled_sources().filter(free_at(now))
    for name in ("next_try_at", "next_pull_at"):
        due = Q(**{name: None}) | Q(**{f"{name}__lte": now})
        due |= Q(**{f"{name}__gt": too_far})
        if name == "next_pull_at" and is_watched():
            due |= Q(pace=IDLE)
        found = found.filter(due)
    return list(found.values_list("pk", flat=True))


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
    claim = Claim.take(source_id)
    if claim is None:
        return IngestResult()
    with claim:
        source = Source.objects.get(pk=source_id)
        pull = Pull(source, claim)
        try:
            try:
                pull.run()
            except Throttled as problem:
                with claim.held():
                    note_throttled(source, problem)
            except SourceError as problem:
                with claim.held():
                    note_failure(source, problem)
            else:
                faults = pull.report.faults
                sentences = [f"{name}: {text}" for name, text in faults.items()]
                with claim.held():
                    note_success(source, "; ".join(sentences[:5]))
        except ClaimLost:
            log.info("%s is pulled by another worker now", source.name)
    return pull.report.stored


class Pull:
    """One pull of a source.

    What must still be asked of each service is kept as stretches of time. A
    stretch goes when its traces are stored; the cursor moves when the newest one
    went, and what remains is kept with it. So the order is free, and a crash at
    any point repeats work and loses none.
    """

    def __init__(self, source: Source, claim: Claim):
        self.source = source
        self.claim = claim
        self.report = Report()
        self.cursors: dict[str, int] = dict(source.cursors)
        self.open: dict[str, list[Stretch]] = {
            name: joined(parts) for name, parts in source.open_windows.items()
        }
        self.must: dict[str, list[Stretch]] = {}
        self.kept_at = self.renewed_at = time.monotonic()
        self.sweep_from_us = source.sweep_from_us
        self.sweep_since = source.sweep_since

    def run(self) -> None:
        """Ask all services; raises when the backend can not be asked at all."""
        began = time.monotonic()
        client = client_of(self.source)
        services = client.list_services()
        offset_s = client.clock_offset_s()
        self._tell_time(offset_s)
        chosen = chosen_services(self.source, services)
        asker = Asker(
            self.source,
            client,
            kept_share(self.source),
            done=self._done,
            tick=self._tick,
        )
        self.report = asker.report
        self._begin_sweep(chosen)
        for service in chosen:
            self._plan(asker, service)
        fresh_done: float | None = None

        def stop(rank: int) -> bool:
            nonlocal fresh_done
            if rank == FRESH:
                return False
            now = time.monotonic()
            if fresh_done is None:
                fresh_done = now
            return now - fresh_done > max(OLD_WORK_S, fresh_done - began)

        try:
            asker.run(stop)
        finally:
            self._keep()
        faults = self.report.faults
        if faults and len(faults) == len(chosen):
            raise BadAnswer(next(iter(faults.values())))
        fields: dict[str, object] = {
            "services": services,
            "behind": self.report.unfinished,
            "clock_offset_s": offset_s,
        }
        fields |= self._end_sweep(bool(services))
        fields |= self._count_left_out()
        fields |= self._pace(client.mean_answer_ms(), began)
        with self.claim.held():
            Source.objects.filter(pk=self.source.pk).update(**fields)

    def _tell_time(self, offset_s: float) -> None:
        """When is now? Where the backend's clock differs, both times are now.

        A clock that jumps ahead (ours or theirs) must not carry the cursors past
        what is still to come, one that is set back not hide what came already.
        """
        now_us = theirs_us = time.time_ns() // 1_000
        if CLOCK_TOLERANCE_S < abs(offset_s) < CLOCK_LIMIT_S:
            theirs_us += round(offset_s * 1e6)
        self.cursor_us = min(now_us, theirs_us)
        self.end_us = max(now_us, theirs_us) + 1_000_000
        self.look_back_us = settings.SPANBOARD_LOOKBACK_SECONDS * 1_000_000
        kept_us = round(settings.SPANBOARD_RETENTION_DAYS * 86_400_000_000)
        self.oldest_us = self.cursor_us - kept_us
        if any(at > self.end_us + FIRST_SPAN_US for at in self.cursors.values()):
            # The clock was set back since: what was asked tells nothing.
            self.cursors, self.sweep_from_us = {}, None
            self.source.next_sweep_at = None

    def _begin_sweep(self, chosen: list[str]) -> None:
        due = self.source.next_sweep_at
        if self.sweep_from_us is None and (due is None or due <= timezone.now()):
            self.sweep_from_us = self.cursor_us - self.look_back_us
            self.sweep_since = timezone.now()
            for service in chosen:
                if service in self.cursors:
                    stretch = (self.sweep_from_us, self.cursor_us)
                    known = self.open.get(service, [])
                    self.open[service] = joined([*known, stretch])

    def _plan(self, asker: Asker, service: str) -> None:
        """Put a service's questions in their places."""
        cursor = self.cursors.get(service)
        if cursor is None:
            start_us = self.cursor_us - self.look_back_us
        else:
            # After an outage, back to where it was left.
            overlap_us = BEHIND_OVERLAP_US if self.source.behind else _overlap_us()
            start_us = cursor - overlap_us
        fresh = max(start_us, self.oldest_us), self.end_us
        old = without(self.open.get(service, []), *fresh)
        for lost in without(old, self.oldest_us, self.end_us):
            note_gap(self.source, service, Window(*lost), Gap.Reason.OLD)
        old = since(old, self.oldest_us)
        self.must[service] = joined([*old, fresh])
        timed = cursor is not None
        windows = growing_windows(*fresh, first_us=FIRST_SPAN_US)
        for number, window in enumerate(windows):
            asker.add(Job(service, window, OLD if number else FRESH, timed))
        for stretch in old:
            for window in pieces(self.source.pk, service, stretch):
                asker.add(Job(service, window, OLD, timed))

    def _done(self, service: str, window: Window) -> None:
        left = without(self.must[service], window.start_us, window.end_us)
        self.must[service] = left

    def _tick(self) -> None:
        now = time.monotonic()
        if now - self.renewed_at > RENEW_EVERY_S:
            self.renewed_at = now
            self.claim.renew()
        if now - self.kept_at > KEEP_EVERY_S:
            self._keep()

    def _keep(self) -> None:
        """Write down how far it came; a service whose newest window is not had yet
        stays as it was."""
        self.kept_at = time.monotonic()
        for service, left in self.must.items():
            if left and left[-1][1] >= self.end_us:
                continue
            self.cursors[service] = self.cursor_us
            self.open[service] = left
        with self.claim.held():
            Source.objects.filter(pk=self.source.pk).update(
                cursors=self.cursors,
                open_windows={
                    name: parts for name, parts in self.open.items() if parts
                },
                sweep_from_us=self.sweep_from_us,
                sweep_since=self.sweep_since,
            )

    def _end_sweep(self, any_service: bool) -> dict[str, object]:
        """A sweep ends when all was asked; it is complete when all was had."""
        if self.sweep_from_us is None or self.report.unfinished or not any_service:
            return {}
        now = timezone.now()
        # A sweep of a busy backend takes long: it gets a tenth of the time at most.
        took_s = (now - (self.sweep_since or now)).total_seconds()
        every_s = max(15.0, 20 * settings.SPANBOARD_POLL_SECONDS, 10 * took_s)
        fields: dict[str, object] = {
            "next_sweep_at": now + timedelta(seconds=every_s),
            "sweep_from_us": None,
            "sweep_since": None,
        }
        if not self.report.faults:
            fields["swept_back_to_us"] = self.sweep_from_us
        return fields

    def _count_left_out(self) -> dict[str, object]:
        """Count the traces not taken, each once: those that started since the last
        count and before what the next pull asks again."""
        if self.report.unfinished or self.report.faults:
            return {}
        since_us = self.source.left_out_to_us
        if since_us is None:
            since_us = self.cursor_us - self.look_back_us
        to_us = self.cursor_us - _overlap_us()
        if to_us <= since_us:
            return {}
        starts = self.report.left_out.items()
        keys = [key for key, start_us in starts if since_us <= start_us < to_us]
        # Those from before the share was set, or that somebody opened, are held.
        held = TraceRecord.objects.filter(source=self.source, trace_key__in=keys)
        number = len(keys) - held.count() if keys else 0
        return {"left_out": F("left_out") + number, "left_out_to_us": to_us}

    def _pace(self, answer_ms: float, began: float) -> dict[str, object]:
        source, behind = self.source, self.report.unfinished
        pace = next_pace(
            source.pause_s,
            source.usual_ms,
            answer_ms,
            watched=is_watched(),
            behind=behind,
        )
        # A period, not a pause between, and a tick earlier than that: whether a
        # source is due is only looked at once a tick.
        took_s = 0.0 if pace.reason == SLOW else time.monotonic() - began
        wait_s = pace.pause_s - 0.5 * settings.SPANBOARD_POLL_SECONDS - took_s
        wait_s = max(0.0, wait_s)
        return {
            "pace": pace.reason,
            "pause_s": pace.pause_s,
            "answer_ms": pace.answer_ms,
            "usual_ms": pace.usual_ms,
            "next_pull_at": timezone.now() + timedelta(seconds=wait_s),
        }


def _overlap_us() -> int:
    """How far back each pull asks again, for spans that came late."""
    return round((settings.SPANBOARD_GROWING_SECONDS + 20) * 1e6)
