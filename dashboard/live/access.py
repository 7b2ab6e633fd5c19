"""Who may open a live connection: the one place that says so, and how many."""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.http import HttpRequest

from dashboard.access.limits import is_too_often
from dashboard.access.person import Person, Right
from dashboard.access.sockets import visitor_of
from dashboard.actions.shares import find_share, may_open
from dashboard.share_models import ShareLink
from dashboard.traces.ids import trace_key

REFUSED = 4403  # may not see it: connecting again does not help
TOO_MANY = 1013  # the standard's "try again later"


async def may_see(scope: dict[str, Any], topic: str, name: str) -> bool:
    """Whether who connects may follow a topic; asked before anything is sent.

    ``topic`` is ``search``, ``trace``, ``graph`` or ``sources``; ``name`` the
    trace's key, else empty. Foreign origins and people without the right to view
    anything were refused before; this is the place for rules by topic.
    """
    person = scope.get("person")
    return person is not None and person.may(Right.VIEW)


async def subject_of(scope: dict[str, Any], route: dict[str, str]) -> str | None:
    """What a connection about a page may speak of, ``None`` where it may not.

    A share's connection names its snapshot and nothing else; a trace's the trace.
    No name of one is a name of another, so that a share's token leads to no trace
    and to no other share.
    """
    if "token" in route:
        look_up = database_sync_to_async(_snapshot_of, thread_sensitive=False)
        number = await look_up(scope.get("person"), route["token"], visitor_of(scope))
        return None if number is None else f"share {number}"
    if "trace_id" not in route:
        return "graph" if await may_see(scope, "graph", "") else None
    key = trace_key(route["trace_id"])
    return f"trace {key}" if await may_see(scope, "trace", key) else None


def _snapshot_of(person: Person | None, token: str, address: str) -> int | None:
    link = link_of(person, token, address)
    return None if link is None else link.snapshot_id


def link_of(person: Person | None, token: str, address: str) -> ShareLink | None:
    """The link of a share's token, for somebody of its audience.

    Tries that open nothing count with those of the pages.
    """
    request = HttpRequest()
    request.META["REMOTE_ADDR"] = address
    rate = settings.SPANBOARD_LINK_RATE
    if person is None or is_too_often(request, "share", rate, count=False):
        return None
    link = find_share(token)
    if link is None:
        is_too_often(request, "share", rate)
        return None
    return link if may_open(link, person) else None


class Places:
    """Counts open connections, all and by address, against their limits.

    Addresses of this machine have no limit of their own: a proxy stands there,
    or whoever runs it.
    """

    def __init__(self) -> None:
        self.total = 0
        self.by_address: Counter[str] = Counter()

    def take(self, address: str) -> bool:
        """Take a place if one is free."""
        if self.total >= settings.SPANBOARD_LIVE_MAX:
            return False
        most = settings.SPANBOARD_LIVE_MAX_PER_ADDRESS
        if not _is_here(address) and self.by_address[address] >= most:
            return False
        self.total += 1
        self.by_address[address] += 1
        return True

    def give_back(self, address: str) -> None:
        """Free a place that was taken."""
        self.total -= 1
        self.by_address[address] -= 1
        if not self.by_address[address]:
            del self.by_address[address]


def _is_here(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return not address  # a socket file has no address
