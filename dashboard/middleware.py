"""Small request filters: receivers' Host headers, extra headers, languages."""

from __future__ import annotations

import logging
from collections.abc import Callable

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.middleware.locale import LocaleMiddleware
from django.utils.decorators import sync_and_async_middleware

from dashboard.storing import trouble_of
from dashboard.views.errors import store_unavailable

log = logging.getLogger(__name__)
RECEIVERS = ("/v1/traces", "/v1/traces/", "/api/v2/spans", "/api/v2/spans/")
Handler = Callable[[HttpRequest], HttpResponse]


@sync_and_async_middleware
def receiver_hosts(get_response: Handler) -> Handler:
    """Let the receivers accept any Host header.

    Proxies address a collector by a cluster's name or a name with underscores,
    which Django refuses. The receivers read no cookie and answer with no page,
    so a foreign name does no harm there.
    """

    def rename(request: HttpRequest) -> None:
        if request.path_info in RECEIVERS:
            request.META["HTTP_HOST"] = "localhost"
            request.META.pop("HTTP_X_FORWARDED_HOST", None)

    if iscoroutinefunction(get_response):

        async def later(request: HttpRequest) -> HttpResponse:
            rename(request)
            return await get_response(request)

        return later  # type: ignore[return-value]  # Django types no async handler

    def now(request: HttpRequest) -> HttpResponse:
        rename(request)
        return get_response(request)

    return now


@sync_and_async_middleware
def extra_headers(get_response: Handler) -> Handler:
    """Headers that Django sets none of: no features, no sharing of resources.

    All answers behind a share's token, refusals too, are for nobody's cache and
    tell no other site their address.
    """

    def add(request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if request.path_info.startswith("/s/"):
            response.headers["Cache-Control"] = "no-store"
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["X-Robots-Tag"] = "noindex, nofollow"
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=()"
        )
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response

    if iscoroutinefunction(get_response):

        async def later(request: HttpRequest) -> HttpResponse:
            return add(request, await get_response(request))

        return later  # type: ignore[return-value]  # Django types no async handler

    def now(request: HttpRequest) -> HttpResponse:
        return add(request, get_response(request))

    return now


@sync_and_async_middleware
def database_faults(get_response: Handler) -> Handler:
    """A database that can not be used is a page that says so, no fault of ours."""

    def process_exception(
        request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        what = trouble_of(exception)
        if what is None:
            return None
        log.warning("%s could not be answered: %s", request.path_info, exception)
        return store_unavailable(request, what)

    if iscoroutinefunction(get_response):

        async def later(request: HttpRequest) -> HttpResponse:
            return await get_response(request)

        later.process_exception = process_exception  # type: ignore[attr-defined]  # Django's way
        return later  # type: ignore[return-value]  # Django types no async handler

    def now(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    now.process_exception = process_exception  # type: ignore[attr-defined]  # Django's way
    return now


class Languages(LocaleMiddleware):
    """The reader's language: the cookie of the language switch, else the browser's."""


languages = Languages
