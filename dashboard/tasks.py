"""Celery entry points, one line each into actions.

All may run twice, at the same time or again after a crash, and change nothing by
it: pulls are claimed in the database, writes compare versions, maintenance is
done by one process at a time. webapp/settings.py says which queue each is in.
"""

from __future__ import annotations

from celery import shared_task

from dashboard.actions import ingest, pull, retention, rollups, shares

PULL_WAITS_S = 30


@shared_task
def poll_sources() -> None:
    """Start a pull of each source that is due."""
    for source_id in pull.due_sources():
        # Where all workers are busy, what waits is thrown away, not heaped up.
        pull_source.apply_async((source_id,), expires=PULL_WAITS_S)


@shared_task
def pull_source(source_id: int) -> None:
    """Pull one source."""
    pull.pull_source(source_id)


@shared_task
def settle_traces() -> None:
    """Mark traces that no longer grow."""
    ingest.settle_traces()


@shared_task
def fold_rollups() -> None:
    """Fold deltas into blocks."""
    rollups.fold_rollups()


@shared_task
def enforce_retention() -> None:
    """Delete what is beyond the limits."""
    retention.enforce_retention()


@shared_task
def expire_shares() -> None:
    """Delete shares whose time is over."""
    shares.expire_shares()
