"""What receivers of spans share: limits, decompression, pressure, the store."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from dashboard.actions import meters, queue
from dashboard.actions.budget import BUDGET, Ticket
from dashboard.actions.received import (
    ENCODINGS,
    Batch,
    Unavailable,
    read,
    store,
    unpack,
)
from dashboard.actions.spool import Record, SpoolBroken, SpoolFull
from dashboard.presenters import store_faults
from dashboard.storing import note_trouble
from dashboard.traces.builder import Decoded, Problem
from dashboard.traces.errors import BadTracePayload, PayloadTooLarge
from dashboard.views.api.pressure import TICKET, Refusal, full, too_large

log = logging.getLogger(__name__)
# Threads of their own: a burst of spans must not hold those of the pages. They
# wait for the database more than they work, and are stored together.
_threads = ThreadPoolExecutor(16, thread_name_prefix="receiver")
SUCCESS = {"otlp": "200", "zipkin": "202"}
UNREAD = {"bad-id", "not-a-span"}


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a body."""

    problems: list[Problem]
    rejected_spans: int


async def take(
    request: HttpRequest, receiver: str, format: str, as_demo: bool = False
) -> Taken:
    """Take the spans of a request's body; they are safe when this returns.

    ``format`` is a key of ``sources.detect.PARSERS``. Raises ``Refusal``.
    """
    ticket: Ticket | None = getattr(request, "scope", {}).get(TICKET)
    try:
        body, encoding = _body(request)
        future = _threads.submit(
            _keep, body, encoding, format, "demo" if as_demo else receiver, ticket
        )
        if ticket is not None:
            ticket.share()
            future.add_done_callback(lambda _: ticket.release())
        del body  # the thread has it, and lets it go once it is unpacked
        taken, traces, spans = await asyncio.wrap_future(future)
    except Refusal as problem:
        meters.requests.labels(receiver, str(problem.status)).inc()
        raise
    meters.requests.labels(receiver, SUCCESS[receiver]).inc()
    meters.received_spans.labels(receiver).inc(spans)
    meters.received_traces.labels(receiver).inc(traces)
    meters.rejected_spans.labels(receiver).inc(taken.rejected_spans)
    return taken


def _body(request: HttpRequest) -> tuple[bytes, str]:
    limit = settings.SPANBOARD_OTLP_MAX_BYTES
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        text = f"The Content-Encoding {encoding[:40]!r} is not known. Use gzip or none."
        raise Refusal(415, text)
    try:
        body = request.body
    except RequestDataTooBig:
        raise too_large(limit) from None
    if len(body) > limit:
        raise too_large(limit)
    return body, encoding


def _keep(
    body: bytes, encoding: str, format: str, receiver: str, ticket: Ticket | None
) -> tuple[Taken, int, int]:
    """Unpack, decode and store, in a thread; also the traces and spans taken."""
    try:
        plain = unpack(body, encoding)
        if ticket is not None and plain is not body and not ticket.grow(len(plain)):
            raise full()
        with BUDGET.decoding(len(plain)):
            decoded = read(plain, format)
            del plain
            refused_spans = _store(decoded, Record(receiver, format, encoding, body))
    except PayloadTooLarge as problem:
        raise Refusal(413, str(problem)) from problem
    except BadTracePayload as problem:
        raise Refusal(400, str(problem)) from problem
    except Unavailable as problem:
        log.warning("Received spans could not be stored: %s", problem)
        what = note_trouble(problem.__cause__)
        text = "The store is not available now. Try again."
        text = store_faults.sentence(what) if what else text
        raise Refusal(503, text, 2) from problem
    except SpoolFull as problem:
        raise Refusal(503, "The queue is full. Send it again later.", 5) from problem
    except SpoolBroken as problem:
        text = f"The queue can not be written ({problem}). Try again."
        raise Refusal(503, text, 5) from problem
    except Refusal:
        raise
    except Exception as problem:  # a fault of our own, or no memory: nothing is kept
        log.exception("Received spans could not be kept")
        raise Refusal(503, "Spanboard made a mistake. Try again.", 5) from problem
    unread = sum(problem.code in UNREAD for problem in decoded.problems)
    problems = list(decoded.problems)
    if refused_spans:
        problems.append(Problem("not-stored", f"{refused_spans} spans"))
    spans = sum(len(trace) for trace in decoded.traces) - refused_spans
    return Taken(problems, unread + refused_spans), len(decoded.traces), spans


def _store(decoded: Decoded, record: Record) -> int:
    """Into the database or the queue; returns the spans that can never be stored."""
    if not decoded.traces:
        return 0
    if settings.SPANBOARD_QUEUE:
        queue.put(record)
        return 0
    batch = Batch(record.receiver, decoded.traces)
    store(batch)
    return batch.refused_spans
