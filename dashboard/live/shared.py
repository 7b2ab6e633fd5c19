"""Connections of a share's page: each sees its share, as long as the link opens it."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import ClassVar

from channels.db import database_sync_to_async
from django.db import DatabaseError

from dashboard.access.person import NOBODY, Person
from dashboard.access.sockets import visitor_of
from dashboard.actions.graph_shares import content_of
from dashboard.actions.shares import alive, may_open
from dashboard.live import access
from dashboard.live.consumers import LiveConsumer
from dashboard.live.topics import Parameters
from dashboard.share_models import Snapshot

log = logging.getLogger(__name__)
TRY_AGAIN = 1011
CHECK_S = 2.0  # an open page ends so soon after its link


def graph_of(token: str, person: Person, address: str) -> tuple[int, int, str] | None:
    """The link, snapshot and query of a live share, if somebody may open it."""
    link = access.link_of(person, token, address)
    if link is None or link.snapshot.kind != Snapshot.Kind.LIVE:
        return None
    return link.pk, link.snapshot_id, content_of(link.snapshot)["query"]


def still_open(number: int, person: Person) -> bool:
    """Whether a link still opens its share for somebody."""
    link = alive().filter(pk=number).only("audience").first()
    return link is not None and may_open(link, person)


class Checks:
    """Asks for a link once in a while, however many pages are open."""

    known: ClassVar[dict[tuple[int, str], tuple[float, bool]]] = {}

    @classmethod
    async def holds(cls, number: int, person: Person) -> bool:
        """Whether the link still opens; at most ``CHECK_S`` old."""
        now = time.monotonic()
        key = (number, person.kind)
        known = cls.known.get(key)
        if known is not None and now - known[0] < CHECK_S / 2:
            return known[1]
        check = database_sync_to_async(still_open, thread_sensitive=False)
        found = await check(number, person)
        cls.known = {k: v for k, v in cls.known.items() if now - v[0] < CHECK_S * 5}
        cls.known[key] = (now, found)
        return found


class SharedGraphConsumer(LiveConsumer):
    """The graph of one live share, and nothing else."""

    kind = "shared-graph"
    link: int | None = None
    watch: asyncio.Task[None] | None = None

    async def subject(self, parameters: Parameters) -> tuple[str, Parameters] | None:
        """The share's own query, whatever the page asks for."""
        self.person: Person = self.scope.get("person") or NOBODY
        token = self.scope["url_route"]["kwargs"]["token"]
        look_up = database_sync_to_async(graph_of, thread_sensitive=False)
        found = await look_up(token, self.person, visitor_of(self.scope))
        if found is None:
            return None
        self.link, number, query = found
        self.watch = asyncio.create_task(self._watch(self.link))
        return str(number), {"query": [query]}

    async def disconnect(self, code: int) -> None:
        """Leave, and ask for the link no more."""
        if self.watch is not None:
            self.watch.cancel()
        await super().disconnect(code)

    async def _watch(self, link: int) -> None:
        code = access.REFUSED
        try:
            while await Checks.holds(link, self.person):
                await asyncio.sleep(CHECK_S)
        except DatabaseError as problem:
            log.warning("A share's link could not be looked up: %s", problem)
            code = TRY_AGAIN  # who may not be asked for sees nothing until then
        await self.close(code=code)
