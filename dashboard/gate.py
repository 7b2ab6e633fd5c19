"""Lets requests through, or says what to do; sets ``request.person``."""

from __future__ import annotations

import logging
from collections.abc import Callable

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse
from django.utils.decorators import sync_and_async_middleware
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from dashboard.access.asking import Asked, at_once, look_up
from dashboard.access.models import User
from dashboard.access.person import NOBODY, Person, Right
from dashboard.access.rights import right_of
from dashboard.actions import meters
from dashboard.presenters import store_faults
from dashboard.storing import trouble_of
from dashboard.views.api.doors import DOORS
from dashboard.views.api.pressure import Door, Refusal
from dashboard.views.errors import problem_page, store_unavailable

log = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], HttpResponse]


def person_of(request: HttpRequest) -> Person:
    """Who asks, as the gate found."""
    found: Person = getattr(request, "person", NOBODY)
    return found


def _asked(request: HttpRequest) -> Asked:
    return Asked(
        request.META.get("REMOTE_ADDR") or "",
        request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME") or "",
        request.headers,
    )


def _right(request: HttpRequest) -> Right:
    try:
        match = resolve(request.path_info)
    except Resolver404:
        return Right.OPEN  # a page that is not there tells nothing
    return right_of(match.url_name)


def _decide(request: HttpRequest, right: Right) -> HttpResponse | None:
    """Look the person up; the answer to who lacks the right, else ``None``."""
    try:
        return _refusal(request, _look_up(request), right)
    except DatabaseError as problem:
        what = trouble_of(problem)
        if what is None:
            raise
        log.warning("%s could not be answered: %s", request.path_info, problem)
        door = DOORS.get(request.path_info)
        if door is not None:  # senders are told in their format, and try again
            return _by_door(request, door, 503, store_faults.sentence(what), 2)
        return store_unavailable(request, what)


def _look_up(request: HttpRequest) -> Person:
    def user() -> User | None:
        found = request.user
        return found if isinstance(found, User) and found.is_authenticated else None

    return look_up(_asked(request), user)


def _refusal(request: HttpRequest, person: Person, right: Right) -> HttpResponse | None:
    """The answer to who lacks the right; ``None`` lets through."""
    request.person = person  # type: ignore[attr-defined]  # read by views and templates
    if person.may(right):
        return None
    if right in (Right.READ, Right.INGEST):
        return _refuse_machine(request, person, right)
    if person.kind in ("nobody", "guest"):
        wants_page = request.method == "GET" and "text/html" in request.headers.get(
            "Accept", ""
        )
        if wants_page:
            there = urlencode({"next": request.get_full_path()})
            return redirect(f"{reverse('dashboard:sign-in')}?{there}")
        return _problem(401, _("Sign in first."))
    text = _(
        "You are signed in as %(name)s, and this needs another role. Ask who runs "
        "this Spanboard."
    ) % {"name": person.name}
    if "text/html" in request.headers.get("Accept", ""):
        return problem_page(request, 403, _("Not allowed"), text)
    return _problem(403, text)


def _problem(status: int, text: str) -> HttpResponse:
    return JsonResponse({"ok": False, "error": text, "status": status}, status=status)


def _refuse_machine(request: HttpRequest, person: Person, right: Right) -> HttpResponse:
    option = "--ingest" if right is Right.INGEST else "--read"
    is_unknown = person.kind in ("nobody", "guest")
    status = 401 if is_unknown else 403
    text = f"{person.name} may not do this; it needs a token made with {option}."
    if is_unknown:
        text = (
            "This needs a token in the header 'Authorization: Bearer ...'. Make one "
            f"with: ./spanboard token add NAME {option}"
        )
    door = DOORS.get(request.path_info)
    if door is not None:
        answer = _by_door(request, door, status, text)
    else:
        answer = _problem(status, text)
    if is_unknown:
        answer["WWW-Authenticate"] = 'Bearer realm="Spanboard", Basic realm="Spanboard"'
    return answer


def _by_door(
    request: HttpRequest, door: Door, status: int, text: str, retry_after_s: int = 0
) -> HttpResponse:
    kind = (request.content_type or "").lower()
    meters.requests.labels(door.receiver, str(status)).inc()
    return door.refuse(Refusal(status, text, retry_after_s), kind)


@sync_and_async_middleware
def access(get_response: Handler) -> Handler:
    """Each request is someone's, and each address asks for a right.

    Requests of this machine and of senders on a named network cost no look-up.
    """

    def know(request: HttpRequest) -> tuple[Person | None, Right]:
        request.person = NOBODY  # type: ignore[attr-defined]  # until it is known
        right = _right(request)
        return at_once(_asked(request), right), right

    if iscoroutinefunction(get_response):

        async def later(request: HttpRequest) -> HttpResponse:
            person, right = know(request)
            if person is None:
                refused = await sync_to_async(_decide)(request, right)
            else:
                refused = _refusal(request, person, right)
            if refused is not None:
                return refused
            return await get_response(request)

        return later  # type: ignore[return-value]  # Django types no async handler

    def now(request: HttpRequest) -> HttpResponse:
        person, right = know(request)
        if person is None:
            refused = _decide(request, right)
        else:
            refused = _refusal(request, person, right)
        return get_response(request) if refused is None else refused

    return now
