"""Celery entry points, one line each into actions.

All may run twice, at the same time or again after a crash, and change nothing by
it: pulls are claimed in the database, writes compare versions, maintenance is
done by one process at a time. webapp/settings.py says which queue each is in.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec

from celery import shared_task
from django.db import Error, connection

from dashboard.actions import (
    arrivals,
    backfill,
    doctor,
    ingest,
    meters,
    notes,
    pull,
    retention,
    rollups,
    shares,
)
from dashboard.live.events import SOURCES, publish
from dashboard.presenters.store_faults import sentence
from dashboard.storing import note_trouble, present_trouble

log = logging.getLogger(__name__)
P = ParamSpec("P")
PULL_WAITS_S = 30


def patient(task: Callable[P, None]) -> Callable[P, None]:
    """A database that can not be used now is a line in the log; beat asks again."""

    @functools.wraps(task)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        before = present_trouble()
        seconds = meters.task_seconds.labels(task.__name__)
        failed = meters.failed_tasks.labels(task.__name__)
        try:
            with seconds.time(), failed.count_exceptions():
                task(*args, **kwargs)
        except Error as problem:
            what = note_trouble(problem)
            if what is None:
                raise
            if before is None or before[0] != what:
                log.warning("%s (%s)", sentence(what), problem)
                publish(SOURCES, {"source": 0})  # open pages read their frame again
            if not connection.in_atomic_block:
                connection.close()

    return run


@shared_task
@patient
def poll_sources() -> None:
    """Start a pull of each source that is due."""
    for source_id in pull.due_sources():
        # Where all workers are busy, what waits is thrown away, not heaped up.
        pull_source.apply_async((source_id,), expires=PULL_WAITS_S)
    for fill_id in backfill.due():
        back_fill.apply_async((fill_id,), expires=PULL_WAITS_S)


@shared_task
@patient
def pull_source(source_id: int) -> None:
    """Pull one source."""
    pull.pull_source(source_id)


@shared_task
@patient
def back_fill(fill_id: int) -> None:
    """A slice of a back-fill."""
    backfill.run(fill_id)


@shared_task
@patient
def settle_traces() -> None:
    """Mark traces that no longer grow, and have them judged."""
    if ingest.settle_traces():
        judge_traces.apply_async(expires=PULL_WAITS_S)


@shared_task
@patient
def judge_traces() -> None:
    """Find who loses the context in traces that no longer grow."""
    doctor.check_sources()


@shared_task
@patient
def judge_growing() -> None:
    """Find who loses it for certain in traces that still grow."""
    doctor.check_growing()


@shared_task
@patient
def fold_rollups() -> None:
    """Fold deltas into blocks."""
    rollups.fold_rollups()


@shared_task
@patient
def enforce_retention() -> None:
    """Delete what is beyond the limits."""
    retention.enforce_retention()


@shared_task
@patient
def tally_sources() -> None:
    """Fold the counters of the sources."""
    arrivals.tally()


@shared_task
@patient
def expire_shares() -> None:
    """Delete shares whose time is over."""
    shares.expire_shares()
    notes.sweep_notes()
