"""Asks windows of a backend, newest first and several at once; stores in one thread.

Threads of the pool only ask and decode. What they bring is written by the thread
that called, so that there is one writer, and no more answers are in memory than
questions may be asked at once.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from dashboard.actions.choice import is_kept
from dashboard.actions.ingest import IngestResult, ingest
from dashboard.actions.windows import (
    FIRST_SPAN_US,
    Stretch,
    Window,
    even_windows,
    growing_windows,
)
from dashboard.models import Gap, Source, Tombstone, TraceRecord
from dashboard.sources.base import Asked, Found, Listed, Listing, TraceSource
from dashboard.traces.errors import (
    BadAnswer,
    BadTracePayload,
    PayloadTooLarge,
    SourceError,
    TraceNotFound,
)
from dashboard.traces.ids import trace_key
from dashboard.traces.trace import Trace

log = logging.getLogger(__name__)
FRESH, OLD = 0, 1  # ranks: what is fresh goes before all that is old
FEW = 5  # so many traces are fetched one by one, more by a search
MAX_FAULTS = 3  # of one service in one run
GIVE_UP = 5  # services that fail while none answers: the backend fails
MAX_KNOWN = 50_000
SPANS_AT_ONCE = 20_000  # of one answer, where the limit is raised
FULL = 0.6  # of the limit: how full the parts of a dense window should be
AT_ONCE = 32  # windows of a known length
MORE = 10  # times the limit at most
# Span counts as a backend told them, by source and trace: where it holds copies of
# spans that are stored once, its number stays larger than ours.
_told: dict[int, dict[str, int]] = {}
# What was learnt of a dense source: traces to ask for, and lengths of windows in µs.
_limits: dict[int, int] = {}
_lengths: dict[tuple[int, str], int] = {}


@dataclass(frozen=True, slots=True)
class Job:
    """One question: a window of a service; ``ids``: only these traces."""

    service: str
    window: Window
    rank: int
    timed: bool = True
    whole: bool = False  # search with spans, the listing was seen
    ids: tuple[str, ...] = ()


@dataclass(slots=True)
class Report:
    """What a run did."""

    stored: IngestResult = field(default_factory=IngestResult)
    windows: int = 0  # done
    split: int = 0  # how many more windows splitting made
    cut: int = 0  # windows at the floor that were cut all the same
    found: set[str] = field(default_factory=set)
    left_out: dict[str, int] = field(default_factory=dict)  # key → start µs
    faults: dict[str, str] = field(default_factory=dict)  # service → sentence
    unfinished: bool = False  # stopped with questions left


class Asker:
    """A run of questions to one source."""

    def __init__(
        self,
        source: Source,
        client: TraceSource,
        share: float,
        *,
        done: Callable[[str, Window], None],
        tick: Callable[[], None],
        at_once: int = 0,
        anew: bool = False,
    ):
        self.source = source
        self.client = client
        self.share = share
        learnt = _limits.get(source.pk, 0)
        self.limit = max(learnt, settings.SPANBOARD_PULL_LIMIT)
        self.anew = anew  # also read traces whose bytes were stored before
        self.done = done  # a window of a service was had in full (or is a gap)
        self.tick = tick  # after each answer; may raise to stop
        self.at_once = at_once or settings.SPANBOARD_PULL_CONCURRENCY
        self.report = Report()
        self.heap: list[tuple[int, int, int, Job]] = []
        self.number = itertools.count()
        self.seen: dict[str, int] = {}
        self.failed: Counter[str] = Counter()
        self.buried: set[str] = set()
        self.listed: dict[str, int] = {}  # span counts of traces that are wanted
        self.gaps = set(
            Gap.objects.filter(source=source).values_list("service", flat=True)
        )

    def add(self, job: Job) -> None:
        """Put a question in its place: fresh before old, then the newest first."""
        item = (job.rank, -job.window.end_us, next(self.number), job)
        heapq.heappush(self.heap, item)

    def run(self, stop: Callable[[int], bool]) -> Report:
        """Ask until nothing is left or ``stop(rank)`` of the next one says so.

        A fault of one service is noted and ends that service; raises the fault of
        a backend that can not be asked at all, after the answers under way came.
        """
        fatal: SourceError | None = None
        running: dict[Future[Any], Job] = {}
        pool = ThreadPoolExecutor(self.at_once, thread_name_prefix="pull")
        try:
            while True:
                while fatal is None and self.heap and len(running) < self.at_once:
                    if stop(self.heap[0][0]):
                        break
                    job = heapq.heappop(self.heap)[3]
                    if self.failed[job.service] < MAX_FAULTS:
                        running[pool.submit(self._ask, job)] = job
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    job = running.pop(future)
                    try:
                        self._take(job, future)
                    except (BadAnswer, BadTracePayload) as problem:
                        fatal = self._fault(job, problem) or fatal
                    except SourceError as problem:
                        fatal = fatal or problem
                    self.tick()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        self.report.unfinished = any(
            self.failed[item[3].service] < MAX_FAULTS for item in self.heap
        )
        if fatal is not None:
            raise fatal
        return self.report

    def _ask(self, job: Job) -> Any:
        """Runs in the pool: no database here."""
        window, limit = job.window, self.limit
        if job.ids:
            traces = []
            for trace_id in job.ids:
                try:
                    traces.append(self.client.get_trace(trace_id))
                except TraceNotFound:
                    continue  # deleted there since it was listed
            return Found(traces, [], False)
        question = (job.service, window.start_us, window.end_us, limit)
        try:
            listing = None if job.whole else self.client.list_traces(*question)
            if listing is not None:
                return listing
            if self.anew:
                return self.client.search(Asked(*question))
            return self.client.find_traces(*question)
        except PayloadTooLarge:
            return None  # nothing could be read of it: half the window may fit

    def _take(self, job: Job, future: Future[Any]) -> None:
        answer = future.result()
        if isinstance(answer, Listing) and not answer.full:
            wanted = self._wanted(answer.traces)
            if wanted:
                few = len(wanted) <= max(FEW, len(answer.traces) // 5)
                ids = tuple(listed.trace_id for listed in wanted) if few else ()
                self.add(_again(job, ids))
                return
        if isinstance(answer, Found):
            self._store(answer, timed=job.timed)
            self._remember(answer.traces)
        if answer is None or answer.full:
            self._split(job, answer)
            return
        self.report.windows += 1
        self._had(job, answer)
        if job.service in self.gaps:
            inside = {"start_us__gte": job.window.start_us}
            inside["end_us__lte"] = job.window.end_us
            Gap.objects.filter(
                source=self.source, service=job.service[:255], **inside
            ).delete()
        self.done(job.service, job.window)

    def _wanted(self, traces: list[Listed]) -> list[Listed]:
        """Of listed traces those that are new here or have grown."""
        chosen: dict[str, Listed] = {}
        for listed in traces:
            key = trace_key(listed.trace_id)
            if is_kept(listed.trace_id, self.share):
                chosen[key] = listed
            else:
                self.report.left_out[key] = listed.start_us
        self.report.found |= chosen.keys()
        mine = {"source": self.source, "trace_key__in": list(chosen)}
        held = dict(
            TraceRecord.objects.filter(**mine).values_list("trace_key", "span_count")
        )
        stones = set(
            Tombstone.objects.filter(**mine).values_list("trace_key", flat=True)
        )
        self.report.stored.buried += len(stones - self.buried)
        self.buried |= stones
        told = _told.setdefault(self.source.pk, {})
        wanted = []
        for key, listed in chosen.items():
            known = max(held.get(key, 0), self.seen.get(key, 0))
            if key in held and told.get(key) == listed.span_count:
                continue
            if self.listed.get(key) == listed.span_count:
                continue  # for another window, which stays open if that fails
            if key not in stones and known < listed.span_count:
                wanted.append(listed)
                self.listed[key] = listed.span_count
        return wanted

    def _remember(self, traces: list[Trace]) -> None:
        """What a backend told of traces counts once they are stored, not before."""
        told = _told.setdefault(self.source.pk, {})
        for trace in traces:
            key = trace_key(trace.trace_id)
            if key in self.listed:
                told[key] = self.listed[key]
        while len(told) > MAX_KNOWN:
            del told[next(iter(told))]

    def _store(self, answer: Found, *, timed: bool) -> None:
        """Store what this run has not stored yet; a trace comes for each service."""
        for trace_id, _ in answer.unchanged:
            key = trace_key(trace_id)
            self.report.stored.unchanged += key not in self.report.found
            self.report.found.add(key)
        fresh: list[Trace] = []
        left_out = False
        for trace in answer.traces:
            key = trace_key(trace.trace_id)
            if not is_kept(trace.trace_id, self.share):
                left_out = True
                if len(trace):
                    start_us = int(trace.start_ns.min()) // 1_000
                    self.report.left_out[key] = start_us
                continue
            self.report.found.add(key)
            if self.seen.get(key, -1) < len(trace):
                self.seen[key] = len(trace)
                fresh.append(trace)
        if fresh:
            stored = ingest(self.source, fresh, replace=True, timed=timed)
            self.report.stored.add(stored)
        if not left_out:  # else they must be read again, to be counted
            self.client.note_stored(answer)

    def _split(self, job: Job, answer: Any) -> None:
        """Ask parts of a window that was cut; and more at once where traces are small.

        A backend that gives the newest traces tells how dense they are: then the
        parts are as long as an answer can be full of.
        """
        parts: Sequence[Window] | None = None
        if isinstance(answer, Found):
            starts = [start_us for _, start_us in answer.unchanged]
            starts += [int(t.start_ns.min()) // 1_000 for t in answer.traces if len(t)]
            self._ask_for_more(answer)
            share = FULL * self.limit / max(len(starts), 1)
            if starts:
                parts = job.window.dense_parts(min(starts), max(starts), share)
            if parts is not None and len(parts) > 1:
                length_us = parts[-2].end_us - parts[-2].start_us
                _lengths[self.source.pk, job.service] = length_us
        elif answer is None:
            self.limit = settings.SPANBOARD_PULL_LIMIT
            _limits.pop(self.source.pk, None)
            _lengths.pop((self.source.pk, job.service), None)
        parts = parts or job.window.halves()
        if parts is not None:
            self.report.split += len(parts) - 1
            for part in parts:
                self.add(Job(job.service, part, job.rank, job.timed))
            return
        self.report.cut += 1
        note_gap(self.source, job.service, job.window, Gap.Reason.CUT)
        self.done(job.service, job.window)

    def _had(self, job: Job, answer: Any) -> None:
        """Take longer windows again where answers are far from full."""
        place = self.source.pk, job.service
        if place not in _lengths or not isinstance(answer, Found):
            return
        if len(answer.traces) + len(answer.unchanged) < self.limit // 4:
            _lengths[place] *= 2
            if _lengths[place] > FIRST_SPAN_US:
                del _lengths[place]
                _limits.pop(self.source.pk, None)

    def _ask_for_more(self, answer: Found) -> None:
        spans = sum(map(len, answer.traces))
        if spans:
            fitting = SPANS_AT_ONCE * len(answer.traces) // spans
            most = MORE * settings.SPANBOARD_PULL_LIMIT
            self.limit = max(settings.SPANBOARD_PULL_LIMIT, min(fitting, most))
            _limits[self.source.pk] = self.limit

    def _fault(self, job: Job, problem: SourceError) -> SourceError | None:
        """Note a service's fault; returns it when the whole backend seems to fail."""
        self.failed[job.service] += 1
        self.report.faults[job.service] = str(problem)
        log.warning(
            "%s: service %s could not be pulled: %s",
            self.source.name,
            job.service,
            problem,
        )
        nothing = not self.report.windows and not self.report.split
        return problem if nothing and len(self.failed) >= GIVE_UP else None


def pieces(source_id: int, service: str, stretch: Stretch) -> list[Window]:
    """A stretch in windows that an answer can hold, newest first.

    Without it each run would look anew for their length, and a slow backend would
    never come beyond that.
    """
    length_us = _lengths.get((source_id, service))
    if length_us is None:
        return growing_windows(*stretch)
    start_us, end_us = stretch
    middle_us = max(start_us, end_us - AT_ONCE * length_us)
    dense = even_windows(middle_us, end_us, length_us)
    return [*dense, *growing_windows(start_us, middle_us)]


def _again(job: Job, ids: tuple[str, ...]) -> Job:
    """The question that follows a listing: some traces, or the whole window."""
    return Job(job.service, job.window, job.rank, job.timed, whole=True, ids=ids)


def note_gap(source: Source, service: str, window: Window, reason: str) -> None:
    """Remember a stretch that could not be had; each is noted once."""
    _, is_new = Gap.objects.get_or_create(
        source=source,
        service=service[:255],
        start_us=window.start_us,
        end_us=window.end_us,
        defaults={"reason": reason, "noted_at": timezone.now()},
    )
    if is_new:
        log.warning(
            "%s: %s of %s ms from %s could not be had (%s)",
            source.name,
            service,
            (window.end_us - window.start_us) / 1e3,
            time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(window.start_us / 1e6)),
            reason,
        )
        with transaction.atomic():
            held = Gap.objects.filter(source=source)
            Source.objects.filter(pk=source.pk).update(not_had=held.count())
