"""The hub of a server process: hears what is announced, serves all its pages."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from typing import Any, ClassVar

from channels.layers import get_channel_layer
from django.conf import settings

from dashboard.live.access import Places
from dashboard.live.events import SOURCES, TRACES, use_loop
from dashboard.live.lanes import Lane
from dashboard.live.topics import KINDS, Member, Topic

log = logging.getLogger(__name__)
PULSE_S = 0.5
PACES_S = {"rows": 0.1, "graphs": 1.0, "sources": 2.0}  # by lane
LANES = {  # by kind of page
    "search": "rows",
    "trace": "rows",
    "graph": "graphs",
    "sources": "sources",
    "shared-graph": "graphs",
}


class Hub:
    """Topics and their pages; one channel of the layer for all of them."""

    _present: ClassVar[Hub | None] = None

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.places = Places()
        self.lanes = {name: Lane(name, pace_s) for name, pace_s in PACES_S.items()}
        self.members: set[Any] = set()
        self.ready = asyncio.Event()  # the hub hears, or can not
        self.heard: dict[str, int] = {}  # the last number of each sender
        self.tasks = [self.loop.create_task(lane.run()) for lane in self.lanes.values()]
        self.tasks.append(self.loop.create_task(self._hear()))
        self.tasks.append(self.loop.create_task(self._tend()))
        use_loop(self.loop)

    @classmethod
    def here(cls) -> Hub:
        """The hub of the running loop, made at its first page."""
        if cls._present is None or cls._present.loop is not asyncio.get_running_loop():
            cls._present = cls()
        return cls._present

    async def stop(self) -> None:
        """End its tasks; for tests, a server's end with the process."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if Hub._present is self:
            Hub._present = None

    def enter(
        self,
        member: Member,
        kind: str,
        name: str,
        parameters: dict[str, list[str]],
        language: str,
    ) -> Topic:
        """Let a page follow a topic, made if it is the first; a reset will come."""
        lane = self.lanes[LANES[kind]]
        asked = repr(sorted(parameters.items()))
        key = (kind, name, asked, language)
        topic = lane.topics.get(key)
        if topic is None:
            topic = lane.topics[key] = KINDS[kind](name, parameters, language)
        topic.members.add(member)
        self.members.add(member)
        lane.join(topic, member)
        return topic

    def renew(self, member: Member, topic: Topic, *, at_once: bool) -> None:
        """Send a page a reset: it missed something."""
        self._lane_of(topic).join(topic, member, at_once=at_once)

    def leave(self, member: Member, topic: Topic) -> None:
        """A page has gone; the last one takes the topic with it."""
        topic.members.discard(member)
        topic.joining.discard(member)
        self.members.discard(member)
        if not topic.members:
            topics = self._lane_of(topic).topics
            for key in [key for key, one in topics.items() if one is topic]:
                del topics[key]

    def _lane_of(self, topic: Topic) -> Lane:
        kind = next(kind for kind, made in KINDS.items() if type(topic) is made)
        return self.lanes[LANES[kind]]

    def note(self, event: dict[str, Any]) -> None:
        """Take an announcement; a gap in its sender's numbers means lost ones."""
        sender, number = event.get("from", ""), event.get("number", 0)
        last = self.heard.get(sender)
        self.heard[sender] = number
        is_lost = last is not None and number > last + 1
        if is_lost:
            log.info("Live updates were lost on the way; pages read everything again")
        state = event.get("group") == SOURCES
        for lane in self.lanes.values():
            lane.note(
                event.get("keys", []),
                everything=bool(event.get("all")) or is_lost,
                sources=state,
            )
        if state or is_lost:
            for member in self.members:
                member.hint()

    async def _hear(self) -> None:
        """Receive announcements for ever; with Redis, notice when it was away."""
        while True:
            try:
                layer = get_channel_layer()
                channel = await layer.new_channel()
                for group in (TRACES, SOURCES):
                    await layer.group_add(group, channel)
                if self.members:  # they may have missed something
                    self._read_all_again()
                self.ready.set()
                pulse = self.loop.create_task(self._pulse(layer, channel))
                try:
                    while True:
                        event = await layer.receive(channel)
                        self.note(event)
                finally:
                    pulse.cancel()
            except asyncio.CancelledError:
                raise
            except Exception:
                log.warning("The channel layer does not answer", exc_info=True)
                self.ready.set()  # pages are served, if not live
                await asyncio.sleep(1)

    def _read_all_again(self) -> None:
        for lane in self.lanes.values():
            lane.note([], everything=True, sources=True)

    async def _pulse(self, layer: Any, channel: str) -> None:
        """Numbered messages to itself: a missing one tells of an outage."""
        if not settings.SPANBOARD_CHANNEL_LAYER_URL:
            return
        name = f"pulse.{uuid.uuid4().hex[:12]}"
        number = 0
        while True:
            number += 1
            event = {"type": "changed", "from": name, "number": number}
            try:
                await layer.send(channel, event)
            except Exception:
                log.debug("a pulse was not sent", exc_info=True)
            await asyncio.sleep(PULSE_S)

    async def _tend(self) -> None:
        """Keep connections through proxies alive."""
        beat_s = settings.SPANBOARD_LIVE_BEAT_SECONDS
        while True:
            await asyncio.sleep(beat_s / 3)
            now = time.monotonic()
            for member in self.members:
                if not member.hidden and now - member.sent_at >= beat_s * 2 / 3:
                    member.beat()
