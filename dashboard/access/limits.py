"""How often somebody may try: sign-ins, and look-ups of share links."""

from __future__ import annotations

import logging

from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage

from dashboard.access.addresses import visitor

log = logging.getLogger(__name__)


def is_too_often(
    request: HttpRequest, what: str, rate: str, name: str = "", *, count: bool = True
) -> bool:
    """Count one try; whether this address, or this name, has had too many.

    Without ``count`` only look.

    The counts are in the cache, which several servers share through Redis. A
    cache that does not answer refuses, as the library does.
    """
    used = get_usage(request, group=what, key=_address, rate=rate, increment=count)
    found = bool(used and used["should_limit"])
    if name:
        used = get_usage(
            request,
            group=f"{what}-name",
            key=lambda *_: name,
            rate=rate,
            increment=count,
        )
        found = found or bool(used and used["should_limit"])
    if found:
        log.warning("Too many tries: %s from %s", what, _address(what, request))
    return found


def _address(group: str, request: HttpRequest) -> str:
    peer = request.META.get("REMOTE_ADDR") or ""
    proxies = settings.SPANBOARD_TRUSTED_PROXIES
    return visitor(peer, request.headers, proxies) or "unknown"
