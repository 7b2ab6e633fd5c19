"""The durable queue of accepted spans: bodies into files, files into the store."""

from __future__ import annotations

import logging
import threading
from functools import cache

from django.conf import settings
from django.db import connection

from dashboard.actions.received import (
    SPANS_AT_ONCE,
    Batch,
    Unavailable,
    read,
    store_all,
    unpack,
)
from dashboard.actions.spool import Record, Spool, SpoolBroken
from dashboard.storing import fresh_connections, note_trouble
from dashboard.traces.errors import BadTracePayload

log = logging.getLogger(__name__)
BYTES_AT_ONCE = 4 * 2**20
PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
_starting = threading.Lock()
_drainer: threading.Thread | None = None


@cache
def spool() -> Spool:
    """The queue's files, in the data directory."""
    folder = settings.SPANBOARD_DATA_DIR / "queue"
    return Spool(folder, settings.SPANBOARD_QUEUE_MAX_BYTES)


def put(record: Record) -> None:
    """Keep an accepted body; raises ``SpoolFull`` and ``SpoolBroken``."""
    try:
        files = spool()
    except OSError as problem:
        raise SpoolBroken(str(problem)) from problem
    files.put(record)
    start()


def start() -> None:
    """Store what waits, in a thread of this process, from now on."""
    global _drainer
    with _starting:
        if _drainer is None or not _drainer.is_alive():
            _drainer = threading.Thread(target=_run, name="queue", daemon=True)
            _drainer.start()


def _run() -> None:
    pause_s = PAUSE_S
    while True:
        try:
            files = spool()
            files.wake.clear()
            if drain(files):
                pause_s = PAUSE_S
                continue
            files.wake.wait(PAUSE_S)
        except Exception as problem:
            note_trouble(problem.__cause__)
            known = isinstance(problem, Unavailable | OSError)
            log.warning(
                "The queue waits %d s: %s", pause_s, problem, exc_info=not known
            )
            threading.Event().wait(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def drain(files: Spool) -> int:
    """Store some of the files that wait; returns how many.

    A file goes once all of it is in the database, so a crash stores some of it
    again, which changes nothing. Raises ``Unavailable``; the files wait then.
    """
    files.measure()
    claimed = files.claim(BYTES_AT_ONCE)
    left = list(claimed)
    try:
        _force_commits()
        part: list[tuple[Record, Batch]] = []
        spans = 0
        for file in claimed:
            for record in file.records():
                batch = _batch(files, record)
                if batch is not None:
                    part.append((record, batch))
                    spans += sum(len(trace) for trace in batch.traces)
                if spans >= SPANS_AT_ONCE:
                    _store(files, part)
                    part, spans = [], 0
        _store(files, part)
        for file in claimed:
            if file.whole:
                files.finish(file)
            else:
                files.set_aside(file, "it is damaged; what could be read is stored")
            left.remove(file)
    except Unavailable:
        for file in left:
            files.give_back(file)
        left = []
        raise
    finally:
        for file in left:  # a fault of our own: it counts as a try
            file.file.close()
    return len(claimed)


def _batch(files: Spool, record: Record) -> Batch | None:
    try:
        decoded = read(unpack(record.body, record.encoding), record.format)
    except BadTracePayload as problem:
        files.set_record_aside(record, str(problem))
        return None
    return Batch(record.receiver, decoded.traces)


def _store(files: Spool, part: list[tuple[Record, Batch]]) -> None:
    store_all([batch for _, batch in part])
    for _, batch in part:
        if batch.problem is not None:
            raise Unavailable(str(batch.problem)) from batch.problem
    for record, batch in part:
        if batch.refused_spans:
            why = f"{batch.refused_spans} spans can not be stored"
            files.set_record_aside(record, why)


def _force_commits() -> None:
    """SQLite: force this thread's commits to the disk, as the file goes after them."""
    fresh_connections()
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")
