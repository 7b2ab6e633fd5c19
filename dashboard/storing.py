"""The database's own troubles: which one it is, whether it lasts, and how to go on.

``trouble_of`` tells what a database error means; the sentence for people is in
``presenters/store_faults.py``. What is noted here holds for this process only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError, connections

T = TypeVar("T")
FULL, LOCKED, READ_ONLY, BROKEN, BUSY, AWAY = (
    "full",
    "locked",
    "read-only",
    "broken",
    "busy",
    "away",
)
SQLITE = {
    "SQLITE_FULL": FULL,
    "SQLITE_BUSY": LOCKED,
    "SQLITE_LOCKED": LOCKED,
    "SQLITE_READONLY": READ_ONLY,
    "SQLITE_IOERR": BROKEN,
    "SQLITE_CANTOPEN": BROKEN,
    "SQLITE_CORRUPT": BROKEN,
    "SQLITE_NOTADB": BROKEN,
    "SQLITE_PROTOCOL": LOCKED,
}
POSTGRESQL = {  # whole codes first, then their classes
    "53100": FULL,
    "25006": READ_ONLY,
    "55P03": LOCKED,
    "08": AWAY,
    "40": BUSY,
    "53": BUSY,
    "57": AWAY,
    "58": BROKEN,
}
STALE_S = 60.0
_noted: tuple[str, str, float] | None = None
_lock = threading.Lock()


def trouble_of(problem: BaseException | None) -> str | None:
    """What is wrong with the database; ``None``: the fault is ours, or another."""
    if not isinstance(problem, OperationalError | InterfaceError):
        return None
    cause = problem.__cause__
    name = getattr(cause, "sqlite_errorname", None)
    if name is not None:
        return next(
            (what for start, what in SQLITE.items() if name.startswith(start)), None
        )
    code = getattr(cause, "sqlstate", None)
    if code:
        return POSTGRESQL.get(code) or POSTGRESQL.get(code[:2])
    return AWAY


def note_trouble(problem: BaseException | None) -> str | None:
    """Remember that something could not be stored; returns what is wrong."""
    global _noted
    what = trouble_of(problem)
    if what is not None:
        with _lock:
            _noted = what, str(problem).strip(), time.monotonic()
    return what


def note_stored() -> None:
    """Something was stored again."""
    global _noted
    if _noted is not None:
        with _lock:
            _noted = None


def present_trouble() -> tuple[str, str] | None:
    """What kept this process from storing within the last minute, with details."""
    noted = _noted
    if noted is None or time.monotonic() - noted[2] > STALE_S:
        return None
    return noted[:2]


def fresh_connections() -> None:
    """Drop this thread's connections that broke or are too old; they open again.

    Django does it for requests and Celery for tasks; other threads must ask for
    it, or they keep a connection to a PostgreSQL that was restarted for ever.
    """
    for connection in connections.all(initialized_only=True):
        if connection.vendor != "sqlite" or connection.errors_occurred:
            if connection.in_atomic_block:
                continue  # a test's transaction
            connection.close_if_unusable_or_obsolete()


def in_thread(function: Callable[..., T]) -> Callable[..., Awaitable[T]]:
    """A function that uses the database, to be awaited; it runs in any thread."""

    def run(*args: Any, **kwargs: Any) -> T:
        fresh_connections()
        return function(*args, **kwargs)

    return sync_to_async(run, thread_sensitive=False)
