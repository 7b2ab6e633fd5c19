"""WebSocket consumers: transport only; diffs come from presenters and reads."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import translation

from dashboard.live import watching
from dashboard.live.events import SOURCES, TRACES, trace_group
from dashboard.presenters import results, sources, topology
from dashboard.storing import in_thread, trouble_of
from dashboard.traces.ids import trace_key

log = logging.getLogger(__name__)
PACE_S = 0.25
GRAPH_PACE_S = 1.0
MAX_PENDING = 2_000


def page_language(parameters: dict[str, list[str]]) -> str:
    """The language that a page says it is in, taken out of its parameters."""
    for code in parameters.pop("lang", []):
        try:
            return translation.get_supported_language_variant(code[:40])
        except LookupError:
            continue
    return settings.LANGUAGE_CODE


class LiveConsumer(AsyncWebsocketConsumer):
    """Collects what changed and sends diffs: the first at once, more paced.

    A slow client never has a queue: while a message is being sent, changes
    collect in one set, and the next message tells of all of them.
    """

    groups_wanted: tuple[str, ...] = (TRACES, SOURCES)
    pace_s = PACE_S
    about_sources = False

    async def connect(self) -> None:
        """Accept, join the groups, send a reset."""
        self.seq = 0
        self.pending: set[str] = set()
        self.everything = False
        self.sources = False
        self.wake = asyncio.Event()
        raw = self.scope.get("query_string", b"").decode("utf-8", "replace")
        self.parameters = parse_qs(raw, keep_blank_values=True)
        self.language = page_language(self.parameters)
        self.joined = list(self.topics())
        for group in self.joined:
            await self.channel_layer.group_add(group, self.channel_name)
        await self.accept()
        watching.opened(self.channel_name)
        self.sender = asyncio.create_task(self._send_all())

    def topics(self) -> tuple[str, ...]:
        """Groups to join."""
        return self.groups_wanted

    async def disconnect(self, code: int) -> None:
        """Leave the groups."""
        watching.closed(self.channel_name)
        for group in getattr(self, "joined", []):
            await self.channel_layer.group_discard(group, self.channel_name)
        sender = getattr(self, "sender", None)
        if sender is not None:
            sender.cancel()

    async def changed(self, event: dict[str, Any]) -> None:
        """Something changed: note what, and wake the sender."""
        self.pending.update(event.get("keys", ()))
        self.sources = self.sources or "source" in event
        if event.get("all") or len(self.pending) > MAX_PENDING:
            self.everything = True
        self.wake.set()

    async def _send_all(self) -> None:
        try:
            await self._tell("reset", await self._call(self.reset))
            while True:
                await self.wake.wait()
                began = time.monotonic()
                self.wake.clear()
                keys, everything = self.pending, self.everything
                self.pending, self.everything = set(), False
                sources, self.sources = self.sources, False
                if sources:
                    await self._tell("sources", {})
                if everything:
                    await self._tell("reset", await self._call(self.reset))
                elif keys or not sources or self.about_sources:
                    await self._tell("diff", await self._call(self.diff, keys))
                await asyncio.sleep(max(0.0, self.pace_s - (time.monotonic() - began)))
        except asyncio.CancelledError:
            raise
        except Exception as problem:
            if trouble_of(problem) is None:
                log.exception("A live page could not be served; it will connect again")
            else:
                log.warning("A live page waits for the database: %s", problem)
            await self.close(code=1011)

    async def _call(self, function: Any, *args: Any) -> dict[str, Any] | None:
        def speak() -> dict[str, Any] | None:
            with translation.override(self.language):
                told: dict[str, Any] | None = function(*args)
                return told

        found = await in_thread(speak)()
        return found if found is None else dict(found)

    async def _tell(self, kind: str, content: dict[str, Any] | None) -> None:
        if content is None:
            return
        message = {"type": kind, "seq": self.seq, **content}
        self.seq += 1
        await self.send(text_data=json.dumps(message, ensure_ascii=False))

    def reset(self) -> dict[str, Any]:
        """The whole of what the page shows; runs in a thread."""
        raise NotImplementedError("a consumer says what its page shows")

    def diff(self, keys: set[str]) -> dict[str, Any] | None:
        """What changed for these trace keys; ``None`` sends nothing."""
        raise NotImplementedError("a consumer says what changed")


class SearchConsumer(LiveConsumer):
    """The list of traces that match a search."""

    def reset(self) -> dict[str, Any]:
        """Rows of the search as it is now."""
        self.live = results.LiveSearch(self.parameters)
        return self.live.reset()

    def diff(self, keys: set[str]) -> dict[str, Any] | None:
        """Rows that are new, changed or gone."""
        return self.live.diff(keys)


class TraceConsumer(LiveConsumer):
    """One trace's growth."""

    def topics(self) -> tuple[str, ...]:
        """The trace's own group."""
        self.trace_id = self.scope["url_route"]["kwargs"]["trace_id"]
        return (trace_group(trace_key(self.trace_id)), SOURCES)

    def reset(self) -> dict[str, Any]:
        """Version and size."""
        return results.trace_state(self.trace_id)

    def diff(self, keys: set[str]) -> dict[str, Any] | None:
        """Version and size again; the page fetches what it needs."""
        return results.trace_state(self.trace_id)


class GraphConsumer(LiveConsumer):
    """The service graph of a window that ends now."""

    pace_s = GRAPH_PACE_S

    def reset(self) -> dict[str, Any]:
        """Everything."""
        self.shown = topology.live_data(self.parameters)
        return self.shown

    def diff(self, keys: set[str]) -> dict[str, Any] | None:
        """Nodes and edges whose numbers differ from those sent last."""
        fresh = topology.live_data(self.parameters)
        change = topology.difference(self.shown, fresh)
        self.shown = fresh
        return change


class SourcesConsumer(LiveConsumer):
    """State of the sources."""

    about_sources = True
    pace_s = GRAPH_PACE_S

    def reset(self) -> dict[str, Any]:
        """All sources."""
        return {"sources": sources.source_rows()}

    def diff(self, keys: set[str]) -> dict[str, Any] | None:
        """All sources again; there are few."""
        return self.reset()
