"""WebSocket consumers: transport only; topics say what is sent."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from typing import Any
from urllib.parse import parse_qs

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import translation

from dashboard.access.sockets import visitor_of
from dashboard.live import access, watching
from dashboard.live.hub import Hub
from dashboard.live.topics import ALIVE, SOURCES_CHANGED, Parameters, Topic
from dashboard.traces.ids import trace_key

log = logging.getLogger(__name__)
MAX_WAITING = 3  # messages that a slow page may have waiting
MAX_QUERY = 8_000  # characters


def page_language(parameters: dict[str, list[str]]) -> str:
    """The language that a page says it is in, taken out of its parameters."""
    for code in parameters.pop("lang", []):
        try:
            return translation.get_supported_language_variant(code[:40])
        except LookupError:
            continue
    return settings.LANGUAGE_CODE


def hello() -> str:
    """The first message: how often a page in view hears something, in seconds."""
    return json.dumps({"type": "hello", "beat_s": settings.SPANBOARD_LIVE_BEAT_SECONDS})


class LiveConsumer(AsyncWebsocketConsumer):
    """One page's connection: sends what its topic offers.

    A slow page never has a queue: when messages wait already, they are dropped,
    and once it reads again it gets a reset. A page that is out of view gets
    nothing until it is seen again.

    The page may say ``hidden``, ``shown`` and ``reset`` (after a gap).
    """

    channel_layer_alias = "none"  # the hub hears for all
    kind = ""

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call the handler; no connection to the database is used here."""
        await getattr(self, message["type"].replace(".", "_"))(message)

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        """The end, without Channels' look at connections to the database."""
        await self.disconnect(message["code"])
        raise StopConsumer

    async def connect(self) -> None:
        """Check, accept, follow the topic."""
        self.topic: Topic | None = None
        self.place: str | None = None
        self.sign = f"{id(self):x}"
        self.hidden = False
        self.behind = True  # until the first reset
        self.waiting: deque[str] = deque()
        self.hinted = False
        self.sent_at = time.monotonic()
        self.wake = asyncio.Event()
        raw = self.scope.get("query_string", b"")[:MAX_QUERY].decode("utf-8", "replace")
        parameters = parse_qs(raw, keep_blank_values=True)
        language = page_language(parameters)
        await self.accept()
        found = await self.subject(parameters)
        if found is None:
            await self.close(code=access.REFUSED)
            return
        name, parameters = found
        self.hub = Hub.here()
        address = visitor_of(self.scope)
        if not self.hub.places.take(address):
            await self.close(code=access.TOO_MANY)
            return
        self.place = address
        self.waiting.append(hello())
        self.wake.set()
        self.sender = asyncio.create_task(self._send_all())
        await self.hub.ready.wait()
        watching.opened(self.sign)
        self.topic = self.hub.enter(self, self.kind, name, parameters, language)

    async def subject(self, parameters: Parameters) -> tuple[str, Parameters] | None:
        """The topic's name and parameters; ``None`` where the page may not see it."""
        name = self.scope["url_route"]["kwargs"].get("trace_id", "")
        name = trace_key(name) if name else ""
        may = await access.may_see(self.scope, self.kind, name)
        return (name, parameters) if may else None

    async def disconnect(self, code: int) -> None:
        """Leave the topic and the place."""
        if self.topic is not None:
            self.hub.leave(self, self.topic)
            self.topic = None
            self.sender.cancel()
        if self.place is not None:
            watching.closed(self.sign)
            self.hub.places.give_back(self.place)
            self.place = None

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None
    ) -> None:
        """The page tells whether it is seen, or that it missed something."""
        if self.topic is None:
            return
        if text_data == "hidden":
            self.hidden, self.behind = True, True
            watching.closed(self.sign)
            self.waiting.clear()
        elif text_data == "shown" and self.hidden:
            self.hidden = False
            watching.opened(self.sign)
            self.hub.renew(self, self.topic, at_once=True)
        elif text_data == "reset":
            self.behind = True
            self.hub.renew(self, self.topic, at_once=False)

    def offer(self, message: str, *, is_reset: bool) -> None:
        """Take a message, unless the page is hidden or far behind."""
        if self.hidden or (self.behind and not is_reset):
            return
        if is_reset:
            self.behind = False
        elif len(self.waiting) >= MAX_WAITING:
            self.waiting.clear()
            self.behind = True
        if not self.behind:
            self.waiting.append(message)
        self.wake.set()

    def hint(self) -> None:
        """The state of a source has changed."""
        self.hinted = True
        if not self.hidden:
            self.wake.set()

    def beat(self) -> None:
        """Send a sign of life unless something is on its way."""
        if not self.waiting and not self.behind:
            self.waiting.append(ALIVE)
            self.wake.set()

    def fail(self) -> None:
        """Close: the topic can not be served; the page connects again."""
        self.sender.cancel()
        self.closing = asyncio.create_task(self.close(code=1011))

    async def _send_all(self) -> None:
        try:
            await self._send_on()
        except OSError:
            log.debug("a page left while it was sent something")

    async def _send_on(self) -> None:
        while True:
            await self.wake.wait()
            self.wake.clear()
            if self.hinted and not self.hidden:
                self.hinted = False
                await self._send(SOURCES_CHANGED)
            while self.waiting:
                await self._send(self.waiting.popleft())
            if self.behind and not self.hidden and self.topic is not None:
                self.hub.renew(self, self.topic, at_once=False)

    async def _send(self, message: str) -> None:
        await self.base_send({"type": "websocket.send", "text": message})
        self.sent_at = time.monotonic()


class SearchConsumer(LiveConsumer):
    """The list of traces that match a search."""

    kind = "search"


class TraceConsumer(LiveConsumer):
    """One trace's growth."""

    kind = "trace"


class GraphConsumer(LiveConsumer):
    """The service graph of a window that ends now."""

    kind = "graph"


class SourcesConsumer(LiveConsumer):
    """State of the sources."""

    kind = "sources"
