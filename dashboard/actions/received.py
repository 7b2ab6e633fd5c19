"""Reads and stores received bodies: what waits together goes in one transaction."""

from __future__ import annotations

import logging
import threading
import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import msgspec
from django.conf import settings
from django.db import DatabaseError, DataError

from dashboard.actions.ingest import Changed, ingest
from dashboard.actions.sources import note_received, receiver_source, zipkin_source
from dashboard.models import Source
from dashboard.sources.detect import PARSERS, inflate
from dashboard.storing import fresh_connections
from dashboard.traces.builder import Decoded, Problem
from dashboard.traces.errors import BadTracePayload, PayloadTooLarge
from dashboard.traces.trace import Trace

log = logging.getLogger(__name__)
SPANS_AT_ONCE = 20_000
CARRIERS = (b'"resourceSpans"', b'"resource_spans"', b'"batches"')
ENCODINGS = ("", "identity", "gzip", "deflate")
SOURCES: dict[str, Callable[[], Source]] = {
    "otlp": receiver_source,
    "demo": partial(receiver_source, True),
    "zipkin": zipkin_source,
}


class Unavailable(Exception):
    """The database did not take the spans now; the same may work later."""


@dataclass(slots=True, eq=False)
class Batch:
    """The traces of one body, and what became of them."""

    receiver: str  # a key of ``SOURCES``
    traces: list[Trace]
    refused_spans: int = 0  # of traces that the store can not take, ever
    problem: Exception | None = None  # why the store can not take them now
    done: bool = False


_waiting: deque[Batch] = deque()
_mutex = threading.Lock()
_writer = threading.Lock()
# One thread, and so one connection of the database, whose cache may be large.
_database = ThreadPoolExecutor(1, thread_name_prefix="receiver-store")


def unpack(body: bytes, encoding: str) -> bytes:
    """A body without its Content-Encoding, one of ``ENCODINGS``.

    Raises ``BadTracePayload`` for broken bytes and for too many of them.
    """
    limit = settings.SPANBOARD_OTLP_MAX_INFLATED_BYTES
    if encoding == "gzip":
        if body[:2] != b"\x1f\x8b":
            raise BadTracePayload("The gzip body is broken (no gzip header).")
        return inflate(body, limit)
    if encoding != "deflate":
        return body
    machine = zlib.decompressobj()
    try:
        plain = machine.decompress(body, limit + 1)
    except zlib.error as problem:
        raise BadTracePayload(f"The deflate body is broken ({problem}).") from problem
    if len(plain) > limit:
        raise PayloadTooLarge(
            f"The compressed body grows beyond {limit // 2**20} MiB. Send smaller "
            "batches, or raise SPANBOARD_OTLP_MAX_INFLATED_BYTES."
        )
    if not machine.eof:
        raise BadTracePayload("The deflate body is cut off. Send it again.")
    return plain


def read(plain: bytes, format: str) -> Decoded:
    """The traces of an unpacked body; ``format`` is a key of ``PARSERS``.

    Raises ``BadTracePayload``, also where the decoder itself fails: the same bytes
    would fail again.
    """
    try:
        if format == "otlp-json" and (empty := _empty_request(plain)) is not None:
            return empty
        return PARSERS[format](plain)
    except BadTracePayload:
        raise
    except Exception as problem:
        log.exception("A received body made the decoder fail")
        raise BadTracePayload(
            f"The body could not be decoded ({type(problem).__name__})."
        ) from problem


def _empty_request(plain: bytes) -> Decoded | None:
    """OTLP: names that are not known are passed over; what is left may be nothing."""
    if len(plain) > 2**16 or any(name in plain for name in CARRIERS):
        return None
    try:
        found = msgspec.json.decode(plain)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(found, dict) or "result" in found or "trace" in found:
        return None
    problems = []
    if found:
        names = ", ".join(str(name)[:40] for name in list(found)[:3])
        problems.append(Problem("no-resource-spans", f"an object with {names}"))
    return Decoded([], problems, "otlp-json")


def store(batch: Batch) -> None:
    """Store a batch, together with those that other threads wait with.

    Traces that the store can never take are counted in ``refused_spans``; their
    neighbours are stored. Raises ``Unavailable``.
    """
    with _mutex:
        _waiting.append(batch)
    with _writer:
        while not batch.done:
            _database.submit(store_all, _next()).result()
    if batch.problem is not None:
        raise Unavailable(str(batch.problem)) from batch.problem


def _next() -> list[Batch]:
    found: list[Batch] = []
    spans = 0
    with _mutex:
        while _waiting and spans < SPANS_AT_ONCE:
            batch = _waiting.popleft()
            spans += sum(len(trace) for trace in batch.traces)
            found.append(batch)
    return found


def store_all(batches: list[Batch]) -> None:
    """Store batches in as few transactions as may be; each tells how it went."""
    fresh_connections()
    try:
        for receiver in dict.fromkeys(batch.receiver for batch in batches):
            _store_of(receiver, [b for b in batches if b.receiver == receiver])
    finally:
        for batch in batches:
            batch.done = True


def _store_of(receiver: str, batches: list[Batch]) -> None:
    traces = [trace for batch in batches for trace in batch.traces]
    if not traces:
        return
    try:
        source = SOURCES[receiver]()
        if _fits(source, traces):
            return
        for batch in batches:
            for trace in batch.traces:  # one that does not fit loses only itself
                if not _fits(source, [trace]):
                    batch.refused_spans += len(trace)
    except (DatabaseError, Changed) as problem:
        for batch in batches:
            batch.problem = problem
            batch.refused_spans = 0


def _fits(source: Source, traces: list[Trace]) -> bool:
    """Store traces; false where that can never be, as the log then says.

    Raises ``DatabaseError`` and ``Changed`` where it may be later.
    """
    try:
        ingest(source, traces, replace=False)
        note_received(source)
    except Changed:
        raise
    except Exception as problem:
        if isinstance(problem, DatabaseError) and not isinstance(problem, DataError):
            raise
        log.exception("%s can not be stored", ", ".join(t.trace_id for t in traces[:5]))
        return False
    return True
