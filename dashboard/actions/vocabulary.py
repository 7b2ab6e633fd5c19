"""Keeps the services and operations that were seen, for forms."""

from __future__ import annotations

import threading
from collections.abc import Set
from datetime import datetime, timedelta

from django.db import transaction

from dashboard.models import Vocabulary
from dashboard.traces.trace import Trace

Word = tuple[str, str, int]
AGAIN = timedelta(hours=1)  # before that, a word is not written again
MAX_KNOWN = 100_000
MAX_OF_TRACE = 500
_known: dict[tuple[int, Word], datetime] = {}
_lock = threading.Lock()


def words_of(trace: Trace) -> set[Word]:
    """Services with operations and kinds of spans."""
    columns = (trace.service, trace.operation, trace.kind)
    found = set(zip(*(column.tolist() for column in columns), strict=True))
    return {
        (trace.services[s][:255], trace.operations[o][:255], k)
        for s, o, k in list(found)[:MAX_OF_TRACE]
    }


def note_words(source_id: int, words: Set[Word], now: datetime) -> None:
    """Write the words that this process has not written within the last hour.

    Call it inside the ingest's transaction; what is rolled back is not kept in mind.
    """
    fresh = sorted(word for word in words if not _is_known((source_id, word), now))
    if not fresh:
        return
    Vocabulary.objects.bulk_create(
        [
            Vocabulary(source_id=source_id, service=s, operation=o, kind=k, seen_at=now)
            for s, o, k in fresh
        ],
        update_conflicts=True,
        unique_fields=["source", "service", "operation", "kind"],
        update_fields=["seen_at"],
    )

    def keep() -> None:
        with _lock:
            if len(_known) + len(fresh) > MAX_KNOWN:
                _known.clear()
            for word in fresh:
                _known[source_id, word] = now

    transaction.on_commit(keep)


def _is_known(word: tuple[int, Word], now: datetime) -> bool:
    at = _known.get(word)
    return at is not None and timedelta(0) <= now - at < AGAIN
