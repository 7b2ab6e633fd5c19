"""Asks the backends for what a visitor wants and is not stored: a search, a trace."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.conf import settings
from django.utils import timezone

from dashboard.actions import pull
from dashboard.actions.ingest import ingest
from dashboard.actions.sources import note_throttled, pulled_sources
from dashboard.adjusters.standard import adjust
from dashboard.analysis.analyse import analyse
from dashboard.analysis.summary import summarise
from dashboard.graph.link import link
from dashboard.models import Source, TraceRecord
from dashboard.sources.base import Asked, Found, TraceSource
from dashboard.traces.errors import SourceError, Throttled, TraceNotFound
from dashboard.traces.ids import trace_key
from dashboard.traces.query import TraceQuery
from dashboard.traces.summary import Summary
from dashboard.traces.trace import Trace

log = logging.getLogger(__name__)
MOST = 50  # traces of one backend
LOOK_BACK_US = 2 * 86_400_000_000  # where the search names no begin


@dataclass(slots=True)
class Answer:
    """What one backend said to a search."""

    source: Source
    start_us: int
    end_us: int
    traces: list[Trace] = field(default_factory=list)  # adjusted
    summaries: list[Summary] = field(default_factory=list)  # one for each trace
    held: int = 0  # found there and stored here: left out
    full: bool = False  # it had more than were asked for
    problem: str = ""


def asked_sources(name: str = "") -> list[Source]:
    """The backends that a search can be passed on to."""
    found = pulled_sources().order_by("pk")
    return list(found.filter(name=name) if name else found)


def _backs_off(source: Source) -> bool:
    """Whether it failed or asked for a pause just now."""
    return source.next_try_at is not None and source.next_try_at > timezone.now()


def begins_before_stored(query: TraceQuery) -> bool:
    """Whether a search's window begins before what is stored or was swept."""
    start_us, _ = query.window(time.time_ns() // 1_000)
    sources = asked_sources(query.source)
    if start_us is None or not sources:
        return False
    known = [s.swept_back_to_us for s in sources if s.swept_back_to_us]
    oldest = TraceRecord.objects.order_by("start_us").values_list("start_us")[:1]
    return start_us < min([*known, *(row[0] for row in oldest)], default=2**62)


def ask_backends(query: TraceQuery) -> list[Answer]:
    """Ask each backend and store nothing; faults are told in the answers.

    At most ``MOST`` traces of each, in its own order; then all conditions are
    checked on the spans as for stored traces, and stored ones are left out.
    """
    now_us = time.time_ns() // 1_000
    start_us, end_us = query.window(now_us)
    end_us = now_us if end_us is None else min(end_us, now_us)
    start_us = end_us - LOOK_BACK_US if start_us is None else start_us
    asked = Asked(
        query.service,
        start_us,
        end_us,
        min(query.limit, MOST),
        query.operation,
        query.tags,
        query.min_duration_us,
        query.max_duration_us,
    )
    answers, waiting = [], []
    with ThreadPoolExecutor(8, thread_name_prefix="ask") as pool:
        for source in asked_sources(query.source):
            answer = Answer(source, start_us, end_us)
            answers.append(answer)
            if _backs_off(source):
                answer.problem = source.last_error
                continue
            try:
                client = pull.client_of(source)
            except SourceError as problem:
                answer.problem = str(problem)
                continue
            waiting.append((answer, pool.submit(_search, client, asked)))
        for answer, future in waiting:
            try:
                _fill(answer, future.result(), query)
            except SourceError as problem:
                log.warning("%s could not be searched: %s", answer.source, problem)
                answer.problem = str(problem)
                if isinstance(problem, Throttled):
                    note_throttled(answer.source, problem)
    return answers


def _search(client: TraceSource, asked: Asked) -> Found:
    """Runs in the pool: no database here."""
    return client.search(asked)


def _fill(answer: Answer, found: Found, query: TraceQuery) -> None:
    answer.full = found.full
    keys = [trace_key(trace.trace_id) for trace in found.traces]
    held = set(
        TraceRecord.objects.filter(trace_key__in=keys).values_list(
            "trace_key", flat=True
        )
    )
    skew_ns = round(settings.SPANBOARD_SKEW_MAX_SECONDS * 1e9)
    for trace in found.traces:
        if not len(trace):
            continue
        if trace_key(trace.trace_id) in held:
            answer.held += 1
            continue
        fixed = adjust(trace, skew_ns)
        if query.caller and query.callee:
            edges = {(call.caller, call.callee) for call in link(fixed)}
            if (query.caller, query.callee) not in edges:
                continue
        answer.traces.append(fixed)
        answer.summaries.append(summarise(fixed, analyse(fixed)))


def fetch_trace(trace_id: str) -> tuple[bool, list[str]]:
    """Ask each enabled backend for a trace and store it.

    Returns whether one had it, and the sentences of those that failed.
    """
    problems = []
    for source in asked_sources():
        if _backs_off(source):
            problems.append(source.last_error)
            continue
        try:
            trace = pull.client_of(source).get_trace(trace_id)
        except TraceNotFound:
            continue
        except Throttled as problem:
            note_throttled(source, problem)
            problems.append(str(problem))
            continue
        except SourceError as problem:
            log.warning("%s could not be asked for a trace: %s", source.name, problem)
            problems.append(str(problem))
            continue
        ingest(source, [trace], replace=True, timed=False)
        return True, problems
    return False, problems
