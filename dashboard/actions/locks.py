"""Who may do what at a time, over processes and machines.

Three kinds: ``Claim`` gives one worker a source to pull; ``alone`` lets one
process do a piece of maintenance; ``hold_traces`` orders the writers of a trace.
On SQLite, where one writer at a time is given, the last does nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from dashboard.models import Source
from dashboard.storing import note_stored

log = logging.getLogger(__name__)
BUSY = timedelta(seconds=30)
RENEW_S = 8.0
LONGEST = timedelta(hours=1)  # a worker that hangs longer is not kept in office
_local: dict[str, threading.Lock] = defaultdict(threading.Lock)


class ClaimLost(Exception):
    """Somebody else pulls the source now: this worker stood still for too long."""


def free_at(now: datetime, busy: timedelta = BUSY) -> Q:
    """What nobody has claimed: sources, and whatever else has ``busy_until``.

    A claim much further ahead than ``busy``, its length, is of a wrong clock.
    """
    return Q(busy_until=None) | Q(busy_until__lt=now) | Q(busy_until__gt=now + 2 * busy)


class Claim:
    """The right to pull a source.

    The end of the claim, to the microsecond, is its token: who does not know the
    one in the database has lost it and may not write the source's state. A thread
    renews it, so that a claim ends soon after its holder died, and only then.
    """

    def __init__(self, source_id: int, until: datetime):
        self.source_id = source_id
        self.until = until
        self.ends = until - BUSY + LONGEST
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.renewer = threading.Thread(
            target=self._keep, name=f"claim-{source_id}", daemon=True
        )

    @classmethod
    def take(cls, source_id: int) -> Claim | None:
        """Claim an enabled source that is free, else ``None``."""
        now = timezone.now()
        until = now + BUSY
        taken = Source.objects.filter(free_at(now), pk=source_id, enabled=True)
        return cls(source_id, until) if taken.update(busy_until=until) else None

    def __enter__(self) -> Claim:
        self.renewer.start()
        return self

    def __exit__(self, *problem: Any) -> None:
        self.over.set()
        with self.lock:
            self._mine().update(busy_until=None)
        note_stored()

    def renew(self) -> None:
        """Hold it for longer; raises ``ClaimLost``."""
        with self.lock:
            until = timezone.now() + BUSY
            if not self._mine().update(busy_until=until):
                raise ClaimLost(f"source {self.source_id}")
            self.until = until

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """A transaction in which nobody can take it; raises ``ClaimLost``."""
        with self.lock, transaction.atomic():
            if not self._mine().select_for_update(no_key=True).first():
                raise ClaimLost(f"source {self.source_id}")
            yield

    def _mine(self) -> Any:
        return Source.objects.filter(pk=self.source_id, busy_until=self.until)

    def _keep(self) -> None:
        try:
            while not self.over.wait(RENEW_S):
                if timezone.now() > self.ends:
                    return
                try:
                    self.renew()
                except DatabaseError as problem:
                    log.warning("A claim could not be renewed: %s", problem)
                    connection.close()
        except ClaimLost:
            return  # the worker itself finds out before it writes
        finally:
            connection.close()


def number_of(text: str) -> int:
    """A number of 64 bits with sign for a name."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


@contextlib.contextmanager
def alone(name: str) -> Iterator[bool]:
    """Whether this is the only one at a task; the others should leave at once.

    The lock goes with the connection, so that of a killed worker is free at once.
    """
    with contextlib.ExitStack() as stack:
        if not _local[name].acquire(blocking=False):
            yield False
            return
        stack.callback(_local[name].release)
        if connection.vendor != "postgresql":
            yield True
            return
        number = number_of(f"spanboard {name}")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
            won = bool(cursor.fetchone()[0])
        try:
            yield won
        finally:
            if won and connection.connection is not None and connection.is_usable():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [number])


def hold_traces(keys: Iterable[str]) -> None:
    """Wait until nobody else writes these traces; held until the transaction ends.

    Rows can not do it: two sources may bring the same new trace at once.
    """
    if connection.vendor != "postgresql":
        return
    numbers = sorted({number_of(key) for key in keys})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_advisory_xact_lock(n)) FROM unnest(%s::bigint[]) AS n",
            [numbers],
        )


def is_passing(problem: DatabaseError) -> bool:
    """Whether a write failed only because of another one (deadlock, serialization)."""
    code = getattr(problem.__cause__, "sqlstate", None)
    return code in ("40001", "40P01")
