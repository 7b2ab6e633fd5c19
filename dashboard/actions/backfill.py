"""Fetches a chosen past window of a source, in slices that a crash can not lose."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from dashboard.actions import pull
from dashboard.actions.asking import OLD, Asker, Job, Report
from dashboard.actions.choice import chosen_services, kept_share
from dashboard.actions.locks import free_at
from dashboard.actions.sources import note_throttled
from dashboard.actions.windows import Stretch, Window, even_windows, joined, without
from dashboard.live.events import SOURCES, publish
from dashboard.models import BackFill, Source
from dashboard.sources.registry import can_pull
from dashboard.traces.errors import SourceError, Throttled

log = logging.getLogger(__name__)
SLICE_S = 2.0  # then the worker is free for others
BUSY = timedelta(seconds=45)
KEEP_EVERY_S = 1.0
LEAST_US = 600_000_000
PIECES = 48  # windows of a service, at most
GIVE_UP = 10  # slices in a row that brought nothing
LONGEST_US = 366 * 86_400_000_000
AHEAD_US = 60_000_000
ANNOUNCE_S = 5.0
_announced: dict[int, tuple[str, float]] = {}  # state and time, by back-fill
GOING = (BackFill.State.WAITING, BackFill.State.RUNNING)


class BadWindow(ValueError):
    """A window that can not be fetched; the code says why."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


def begin(source: Source, start_us: int, end_us: int) -> BackFill:
    """Order a window; raises ``BadWindow``."""
    now_us = time.time_ns() // 1_000
    if not can_pull(source.kind):
        raise BadWindow("kind")
    if start_us >= end_us:
        raise BadWindow("order")
    if end_us > now_us + AHEAD_US:
        raise BadWindow("future")
    if start_us < 0 or end_us - start_us > LONGEST_US:
        raise BadWindow("long")
    fill = BackFill.objects.create(source=source, start_us=start_us, end_us=end_us)
    publish(SOURCES, {"source": source.pk})
    return fill


def stop(fill: BackFill) -> None:
    """Stop it; what was had stays, and it can go on later."""
    going = BackFill.objects.filter(pk=fill.pk, state__in=GOING)
    going.update(state=BackFill.State.STOPPED, busy_until=None)
    publish(SOURCES, {"source": fill.source_id})


def resume(fill: BackFill) -> None:
    """Let a stopped one go on where it was."""
    stopped = BackFill.objects.filter(pk=fill.pk, state=BackFill.State.STOPPED)
    stopped.update(
        state=BackFill.State.WAITING, failures=0, next_try_at=None, busy_until=None
    )
    publish(SOURCES, {"source": fill.source_id})


def due() -> list[int]:
    """Ids of those that should go on now: one a source, the oldest."""
    now = timezone.now()
    may = Q(next_try_at=None) | Q(next_try_at__lte=now)
    source_may = Q(source__next_try_at=None) | Q(source__next_try_at__lte=now)
    first: dict[int, int] = {}
    going = BackFill.objects.filter(state__in=GOING, source__enabled=True)
    for pk, source_id in going.order_by("pk").values_list("pk", "source_id"):
        first.setdefault(source_id, pk)
    found = BackFill.objects.filter(
        free_at(now, BUSY), may, source_may, pk__in=first.values()
    )
    return list(found.values_list("pk", flat=True))


def run(fill_id: int, slice_s: float = SLICE_S) -> None:
    """One slice of a back-fill; does nothing when another worker has it."""
    now = timezone.now()
    until = now + BUSY
    mine = BackFill.objects.filter(free_at(now, BUSY), pk=fill_id, state__in=GOING)
    if not mine.update(busy_until=until, state=BackFill.State.RUNNING):
        return
    fill = BackFill.objects.select_related("source").get(pk=fill_id)
    work = Slice(fill, until)
    try:
        work.run(slice_s)
    except Lost:
        log.info("A back-fill of %s was stopped or taken over", fill.source)
        return
    except SourceError as problem:
        if isinstance(problem, Throttled):
            note_throttled(fill.source, problem)
        work.failed(str(problem))
    _announce(fill)


def _announce(fill: BackFill) -> None:
    """Tell the pages how far it is, now and then, and each time its state changed."""
    state = BackFill.objects.values_list("state", flat=True).get(pk=fill.pk)
    last = _announced.get(fill.pk, ("", 0.0))
    if state != last[0] or time.monotonic() - last[1] > ANNOUNCE_S:
        _announced[fill.pk] = (state, time.monotonic())
        publish(SOURCES, {"source": fill.source_id})


class Lost(Exception):
    """It was stopped, or another worker has it."""


class Slice:
    """What one slice holds in memory; ``keep`` writes it down."""

    def __init__(self, fill: BackFill, until: datetime):
        self.fill = fill
        self.until = until
        self.report = Report()
        self.must: dict[str, list[Stretch]] = {}
        self.kept_at = time.monotonic()
        self.pieces = 0
        self.base = (
            fill.windows_done,
            fill.found,
            fill.stored,
            fill.spans,
            fill.buried,
            fill.not_had,
        )

    def run(self, slice_s: float) -> None:
        """Ask for so many seconds; raises ``SourceError`` and ``Lost``."""
        fill = self.fill
        client = pull.client_of(fill.source)
        if fill.open_windows is None:
            names = chosen_services(fill.source, client.list_services())
            whole = [[fill.start_us, fill.end_us]]
            fill.open_windows = dict.fromkeys(names, whole)
        asker = Asker(
            fill.source,
            client,
            kept_share(fill.source),
            done=self._done,
            tick=self._tick,
            anew=True,
            at_once=max(1, settings.SPANBOARD_PULL_CONCURRENCY // 2),
        )
        self.report = asker.report
        length_us = max(LEAST_US, -(-(fill.end_us - fill.start_us) // PIECES))
        for service, parts in fill.open_windows.items():
            self.must[service] = joined(parts)
            for stretch in self.must[service]:
                for window in even_windows(*stretch, length_us):
                    asker.add(Job(service, window, OLD, timed=False))
                    self.pieces += 1
        ends = time.monotonic() + slice_s
        try:
            asker.run(lambda rank: time.monotonic() > ends)
        except SourceError:
            self.keep()
            raise
        self.keep()
        faults = self.report.faults
        if faults:
            self.failed("; ".join(f"{n}: {text}" for n, text in faults.items()))
            return
        fields: dict[str, object] = {"failures": 0, "problem": "", "next_try_at": None}
        if not any(self.must.values()):
            fields |= {"state": BackFill.State.DONE, "ended_at": timezone.now()}
        self._write(**fields, busy_until=None)

    def failed(self, problem: str) -> None:
        """Note a fault; try later, and stop after many without any progress."""
        failures = 0 if self.report.windows else self.fill.failures
        fields: dict[str, object] = {
            "failures": failures + 1,
            "problem": problem[:2000],
            "next_try_at": timezone.now() + timedelta(seconds=2 ** min(failures, 6)),
        }
        if failures + 1 >= GIVE_UP:
            fields["state"] = BackFill.State.STOPPED
        self._write(**fields, busy_until=None)

    def keep(self) -> None:
        """Write down how far it came; raises ``Lost``."""
        self.kept_at = time.monotonic()
        report = self.report
        done, found, stored, spans, buried, not_had = self.base
        left = self.pieces + report.split - report.windows - report.cut
        until = timezone.now() + BUSY
        self._write(
            open_windows={name: parts for name, parts in self.must.items() if parts},
            windows=done + report.windows + report.cut + left,
            windows_done=done + report.windows + report.cut,
            found=found + len(report.found),
            stored=stored + report.stored.created,
            spans=spans + report.stored.added_spans,
            buried=buried + report.stored.buried,
            not_had=not_had + report.cut,
            busy_until=until,
        )
        self.until = until

    def _write(self, **fields: object) -> None:
        mine = BackFill.objects.filter(
            pk=self.fill.pk, busy_until=self.until, state=BackFill.State.RUNNING
        )
        if not mine.update(**fields):
            raise Lost

    def _done(self, service: str, window: Window) -> None:
        left = without(self.must[service], window.start_us, window.end_us)
        self.must[service] = left

    def _tick(self) -> None:
        if time.monotonic() - self.kept_at > KEEP_EVERY_S:
            self.keep()
