"""Bounds what requests with spans hold in this process, before Django reads them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpResponse

from dashboard.access.asking import at_once, look_up
from dashboard.access.person import Right
from dashboard.access.sockets import asked_by
from dashboard.actions import meters
from dashboard.actions.budget import BUDGET, Ticket
from dashboard.live.events import use_loop

BODY_WITHIN_S = 60
PATIENCE_S = 2.0  # exporters give up an attempt after some ten
RETRY_AFTER_S = (1, 3)
TICKET = "spanboard.ticket"
NO_RIGHT = (
    "This needs a token in the header 'Authorization: Bearer ...'. Make one with: "
    "./spanboard token add NAME --ingest"
)
FULL = "Too many requests wait to be stored. Send it again later."


@dataclass(slots=True)
class Refusal(Exception):
    """A body that is not taken: status, a sentence, and when to try again.

    Under pressure the status is 503, not 429: OpenTelemetry's Python exporter gave
    up at 429 until 2026.
    """

    status: int
    text: str
    retry_after_s: int = 0


def too_large(limit: int) -> Refusal:
    """The refusal of a body beyond the limit."""
    return Refusal(
        413,
        f"The body is larger than {limit // 2**20} MiB. Send smaller batches, or "
        "raise SPANBOARD_OTLP_MAX_BYTES.",
    )


def full() -> Refusal:
    """The refusal of one request too many; not all are to come back at once."""
    return Refusal(503, FULL, random.randint(*RETRY_AFTER_S))


class _Gone(Exception):
    """The sender left in the middle of its body."""


@dataclass(frozen=True, slots=True)
class Door:
    """A receiver: its name in metrics, and how it words a refusal."""

    receiver: str
    refuse: Callable[[Refusal, str], HttpResponse]  # problem, content type


def bounded(application: Any, doors: dict[str, Door]) -> Any:
    """The ASGI application, with POSTs to ``doors`` held to the budget.

    Django would read any number of bodies of any size first and ask the view then.
    """

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        door = doors.get(scope.get("path", "")) if scope["type"] == "http" else None
        if door is None or scope["method"] != "POST":
            await application(scope, receive, send)
            return
        use_loop(asyncio.get_running_loop())  # threads announce what they stored
        headers = {key: value.decode("latin1") for key, value in scope["headers"]}
        ticket = Ticket()
        try:
            try:
                await _ask_for_right(scope)
                body = await _admit(headers, receive, ticket)
            except _Gone:
                return
            except TimeoutError:
                slow = Refusal(408, f"The body took over {BODY_WITHIN_S} s to come.")
                await _answer(send, door, slow, headers)
                return
            except Refusal as problem:
                await _answer(send, door, problem, headers)
                return
            scope = {**scope, TICKET: ticket}
            await application(scope, _replay(body, receive), send)
        finally:
            ticket.release()

    return outer


async def _ask_for_right(scope: Any) -> None:
    """Refuse strangers before a byte of their bodies is held."""
    asked = asked_by(scope)
    person = at_once(asked, Right.INGEST)
    if person is None:
        try:
            person = await sync_to_async(look_up, thread_sensitive=False)(
                asked, lambda: None
            )
        except DatabaseError:
            return  # the gate behind this says what is wrong with the store
    if not person.may(Right.INGEST):
        raise Refusal(403 if person.kind in ("user", "token") else 401, NO_RIGHT)


async def _admit(
    headers: dict[bytes, str], receive: Any, ticket: Ticket
) -> list[bytes]:
    """The body, once it is the request's turn."""
    limit = settings.SPANBOARD_OTLP_MAX_BYTES
    length = headers.get(b"content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise too_large(limit)
    patient_until = time.monotonic() + PATIENCE_S
    if not await BUDGET.stand_in_line(PATIENCE_S):
        raise full()
    async with asyncio.timeout(BODY_WITHIN_S):
        body = await _read(receive, ticket)
    while not ticket.enter():
        left_s = patient_until - time.monotonic()
        if not await BUDGET.stand_in_line(left_s, again=True):
            raise full()
    return body


async def _read(receive: Any, ticket: Ticket) -> list[bytes]:
    """The body in its pieces, none of them more than the budget allows."""
    limit = settings.SPANBOARD_OTLP_MAX_BYTES
    pieces = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        if piece and not ticket.grow(len(piece)):
            raise full()
        pieces.append(piece)
        if not message.get("more_body", False):
            return pieces


def _replay(pieces: list[bytes], receive: Any) -> Any:
    """Give the pieces once, and then what the server says."""
    pieces.reverse()

    async def replayed() -> Any:
        if not pieces:
            return await receive()
        piece = pieces.pop()
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    return replayed


async def _answer(
    send: Any, door: Door, problem: Refusal, headers: dict[bytes, str]
) -> None:
    meters.requests.labels(door.receiver, str(problem.status)).inc()
    kind = headers.get(b"content-type", "").partition(";")[0].strip().lower()
    answer = door.refuse(problem, kind)
    lines = [(k.lower().encode(), v.encode("latin1")) for k, v in answer.items()]
    lines.append((b"content-length", str(len(answer.content)).encode()))
    await send(
        {"type": "http.response.start", "status": answer.status_code, "headers": lines}
    )
    await send({"type": "http.response.body", "body": answer.content})
