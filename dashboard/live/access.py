"""Who may open a live connection: the one place that says so, and how many."""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Any

from django.conf import settings

from dashboard.access.person import Right

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
