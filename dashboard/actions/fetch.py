"""Fetches one trace from the backends when somebody opens it."""

from __future__ import annotations

import logging

from django.utils import timezone

from dashboard.actions import pull
from dashboard.actions.ingest import ingest
from dashboard.actions.sources import note_throttled
from dashboard.models import Source
from dashboard.sources.registry import MAKERS
from dashboard.traces.errors import SourceError, Throttled, TraceNotFound

log = logging.getLogger(__name__)


def fetch_trace(trace_id: str) -> tuple[bool, list[str]]:
    """Ask each enabled backend for a trace and store it.

    Returns whether one had it, and the sentences of those that failed.
    """
    problems = []
    for source in Source.objects.filter(enabled=True, kind__in=list(MAKERS)):
        if source.next_try_at is not None and source.next_try_at > timezone.now():
            problems.append(source.last_error)  # asked just now; it still backs off
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
