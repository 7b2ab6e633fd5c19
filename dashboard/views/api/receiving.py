"""What receivers of spans share: limits, decompression, pressure, the store."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest

from dashboard.actions.counters import count
from dashboard.actions.ingest import Changed, ingest
from dashboard.actions.sources import note_received
from dashboard.models import Source
from dashboard.sources.detect import inflate
from dashboard.traces.builder import Decoded
from dashboard.traces.errors import BadTracePayload, PayloadTooLarge

log = logging.getLogger(__name__)
_write_lock = threading.Lock()
_waiting = 0


@dataclass(slots=True)
class Refusal(Exception):
    """A body that is not taken: status, a sentence, and when to try again."""

    status: int
    text: str
    retry_after_s: int = 0


def waiting() -> int:
    """Requests of this process whose spans are being stored now."""
    return _waiting


async def take(
    request: HttpRequest,
    receiver: str,
    parse: Callable[[bytes], Decoded],
    source: Callable[[], Source],
) -> Decoded:
    """Store the spans of a request's body; they are stored when this returns.

    Raises ``Refusal``, also when too many requests wait already: their number is
    what bounds the memory.
    """
    global _waiting
    try:
        body, is_gzip = _body(request)
        if _waiting >= settings.SPANBOARD_OTLP_MAX_WAITING:
            raise Refusal(503, "Too many requests wait to be stored.", 1)
        _waiting += 1
        try:
            decoded = await sync_to_async(_store, thread_sensitive=False)(
                body, is_gzip, parse, source
            )
        finally:
            _waiting -= 1
            await asyncio.sleep(0)
    except Refusal as problem:
        count("receiver_requests", receiver=receiver, status=str(problem.status))
        raise
    spans = sum(len(trace) for trace in decoded.traces)
    count("receiver_requests", receiver=receiver, status="ok")
    count("receiver_spans", spans, receiver=receiver)
    count("receiver_rejected_spans", rejected(decoded), receiver=receiver)
    return decoded


def rejected(decoded: Decoded) -> int:
    """Spans that could not be read at all."""
    return sum(p.code in ("bad-id", "not-a-span") for p in decoded.problems)


def _body(request: HttpRequest) -> tuple[bytes, bool]:
    limit = settings.SPANBOARD_OTLP_MAX_BYTES
    length = request.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > limit:
        raise Refusal(413, _too_large(limit))
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        text = f"The Content-Encoding {encoding[:40]!r} is not known. Use gzip or none."
        raise Refusal(400, text)
    try:
        body = request.body
    except RequestDataTooBig:
        raise Refusal(413, _too_large(limit)) from None
    if len(body) > limit:
        raise Refusal(413, _too_large(limit))
    return body, encoding == "gzip"


def _too_large(limit: int) -> str:
    return (
        f"The body is larger than {limit // 2**20} MiB. Send smaller batches, or "
        "raise SPANBOARD_OTLP_MAX_BYTES."
    )


def _store(
    body: bytes,
    is_gzip: bool,
    parse: Callable[[bytes], Decoded],
    source: Callable[[], Source],
) -> Decoded:
    """Inflate, decode and ingest; runs in a thread, off the server's loop."""
    try:
        if is_gzip:
            if body[:2] != b"\x1f\x8b":
                raise BadTracePayload("The gzip body is broken (no gzip header).")
            body = inflate(body, settings.SPANBOARD_OTLP_MAX_INFLATED_BYTES)
        decoded = parse(body)
        if decoded.traces:
            with _write_lock:
                found = source()
                ingest(found, decoded.traces, replace=False)
                note_received(found)
    except PayloadTooLarge as problem:
        raise Refusal(413, str(problem)) from problem
    except BadTracePayload as problem:
        raise Refusal(400, str(problem)) from problem
    except (DatabaseError, Changed) as problem:
        log.exception("Received spans could not be stored")
        text = "The store is not available now. Try again."
        raise Refusal(503, text, 2) from problem
    return decoded
