"""Connections that hear a group of the channel layer: who follows a presenter."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError

from dashboard.access.sockets import visitor_of
from dashboard.actions.threads import thread_group
from dashboard.live import access, following
from dashboard.live.hub import Hub

log = logging.getLogger(__name__)
PACE_S = 0.05  # at most twenty states a second leave a presenter
SIGN_S = 5.0  # so often people of a room give a sign
GONE_S = 16.0  # after so long without one they are gone
CHECK_S = 30.0  # so often a share is asked for again
MOST_PEOPLE = 500  # of a room
MOST_NAMES = 50
REFUSED, TOO_MANY, UNREADABLE = access.REFUSED, access.TOO_MANY, 1009


class RoomConsumer(AsyncWebsocketConsumer):
    """A connection to what a page shares with others, once access is checked.

    A slow page has no queue: of each kind of message only the newest waits.
    """

    place: str | None = None
    subject = ""

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call the handler; no connection to the database is used here."""
        await getattr(self, message["type"].replace(".", "_"))(message)

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        """The end, without Channels' look at connections to the database."""
        await self.disconnect(message["code"])
        raise StopConsumer

    async def connect(self) -> None:
        """Check, accept, begin."""
        self.waiting: dict[str, str] = {}
        self.wake = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []
        await self.accept()
        route = self.scope["url_route"]["kwargs"]
        subject = await access.subject_of(self.scope, route)
        if subject is None:
            await self.close(code=REFUSED)
            return
        self.subject = subject
        address = visitor_of(self.scope)
        if not Hub.here().places.take(address):
            await self.close(code=TOO_MANY)
            return
        self.place = address
        self.tasks = [
            asyncio.create_task(self._send_all()),
            asyncio.create_task(self._tend()),
        ]
        await self.begin(route)

    async def begin(self, route: dict[str, Any]) -> None:
        """Join the group of the page."""
        raise NotImplementedError("a room says what it is about")

    async def tend(self) -> None:
        """What is done now and then."""

    async def leave(self) -> None:
        """What is done at the end."""

    async def disconnect(self, code: int) -> None:
        """Leave the group and the place."""
        for task in self.tasks:
            task.cancel()
        self.tasks = []
        if self.place is not None:
            Hub.here().places.give_back(self.place)
            self.place = None
            await self.leave()

    def offer(self, kind: str, content: dict[str, Any]) -> None:
        """Send a message soon; an older one of its kind that waits goes."""
        self.waiting.pop(kind, None)
        self.waiting[kind] = json.dumps({"type": kind, **content})
        self.wake.set()

    async def tell(self, group: str, message: dict[str, Any]) -> None:
        """Send to a group; a layer that does not answer ends the connection."""
        try:
            await self.channel_layer.group_send(group, message)
        except Exception:
            log.warning("The channel layer does not answer", exc_info=True)
            await self.close(code=1011)

    async def _send_all(self) -> None:
        try:
            while True:
                await self.wake.wait()
                self.wake.clear()
                while self.waiting:
                    text = self.waiting.pop(next(iter(self.waiting)))
                    await self.base_send({"type": "websocket.send", "text": text})
        except OSError:
            log.debug("a page left while it was sent something")

    async def _tend(self) -> None:
        checked = time.monotonic()
        while True:
            await asyncio.sleep(SIGN_S)
            if time.monotonic() - checked >= CHECK_S:
                checked = time.monotonic()
                if not await self._still_open():
                    return
            await self.tend()

    async def _still_open(self) -> bool:
        """Whether the page may still be seen; else the connection ends."""
        route = self.scope["url_route"]["kwargs"]
        try:
            if await access.subject_of(self.scope, route) == self.subject:
                return True
            await self.close(code=REFUSED)
        except DatabaseError as problem:
            log.warning("A page of a room could not be looked up: %s", problem)
            await self.close(code=1011)
        return False


class FollowConsumer(RoomConsumer):
    """One of a room: the presenter, who has its key, or somebody who follows."""

    presents = False
    group = ""

    async def begin(self, route: dict[str, Any]) -> None:
        """Open a room, or join one."""
        self.person = self.scope["person"]
        self.people: dict[str, tuple[str, float]] = {}  # names and times by channel
        self.latest: dict[str, Any] | None = None
        self.sent: dict[str, Any] | None = None
        self.sent_at = 0.0
        self.flushing: asyncio.Task[None] | None = None
        self.heard_at = 0.0  # of the presenter
        self.room = route["room"]
        is_new = self.room == "new"
        if is_new:
            self.room = following.new_room()
        elif not following.ROOM.fullmatch(self.room):
            await self.close(code=REFUSED)
            return
        self.group = following.group_of(self.subject, self.room)
        if is_new:
            await self._present()
        else:
            await self.channel_layer.group_add(self.group, self.channel_name)
            self._hello()
            await self._here()

    async def _present(self) -> None:
        self.presents = True
        await self.channel_layer.group_discard(self.group, self.channel_name)
        await self.channel_layer.group_add(f"{self.group}.p", self.channel_name)
        self._hello()
        self._tell_people()
        await self.tell(self.group, {"type": "follow.who"})

    def _hello(self) -> None:
        content: dict[str, Any] = {
            "beat_s": settings.SPANBOARD_LIVE_BEAT_SECONDS,
            "room": self.room,
            "presents": self.presents,
        }
        if self.presents:
            content["key"] = following.key_of(self.subject, self.room)
        self.offer("hello", content)

    async def leave(self) -> None:
        """Tell the others, and take no more."""
        if not self.group:
            return
        group, me = self.group, self.channel_name
        if self.flushing is not None:
            self.flushing.cancel()
        if self.presents:
            await self.channel_layer.group_discard(f"{group}.p", me)
            await self.tell(group, {"type": "follow.gone"})
        else:
            await self.channel_layer.group_discard(group, me)
            await self.tell(f"{group}.p", {"type": "follow.left", "who": me})

    async def tend(self) -> None:
        """A sign of life; who gives none is gone."""
        if not self.group:
            return
        now = time.monotonic()
        if self.presents:
            old = [who for who, (_, at) in self.people.items() if now - at > GONE_S]
            for who in old:
                del self.people[who]
            self._tell_people()
            await self._tell_room()
            return
        await self._here()
        if self.heard_at and now - self.heard_at > GONE_S:
            await self.follow_gone({})
            self.heard_at = 0.0
        elif not self.heard_at:
            self.offer("alive", {})

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None
    ) -> None:
        """The presenter's state, or the key of who was the presenter before."""
        if not self.group:
            return
        message = following.read_message(text_data or "")
        if message is None:
            await self.close(code=UNREADABLE)
        elif message.get("type") == "present" and not self.presents:
            key = message.get("key")
            if isinstance(key, str) and following.is_key(self.subject, self.room, key):
                await self._present()
            else:
                await self.close(code=REFUSED)
        elif message.get("type") == "state" and self.presents:
            state = following.checked_state(message)
            if state is None:
                return  # what is no state goes to nobody
            self.latest = state
            if self.flushing is None or self.flushing.done():
                self.flushing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        """Send the newest state, and again while there is a newer one."""
        while self.latest is not self.sent:
            await asyncio.sleep(max(0.0, self.sent_at + PACE_S - time.monotonic()))
            self.sent, self.sent_at = self.latest, time.monotonic()
            await self.tell(self.group, {"type": "follow.state", "told": self.sent})

    async def _here(self) -> None:
        await self.tell(
            f"{self.group}.p",
            {
                "type": "follow.here",
                "who": self.channel_name,
                "name": following.shown_name(self.person),
            },
        )

    def _content(self) -> dict[str, Any]:
        names = sorted(name for name, _ in self.people.values() if name)
        return {
            "count": len(self.people),
            "names": names[:MOST_NAMES],
            "by": following.shown_name(self.person),
        }

    def _tell_people(self) -> None:
        self.offer("people", self._named(self._content()))

    async def _tell_room(self) -> None:
        await self.tell(self.group, {"type": "follow.people", "told": self._content()})

    def _named(self, people: dict[str, Any]) -> dict[str, Any]:
        """Names are told only to people whom others can name."""
        if following.shown_name(self.person):
            return people
        return {"count": people["count"], "names": [], "by": ""}

    # What comes over the channel layer.

    async def follow_here(self, message: dict[str, Any]) -> None:
        """To a presenter: somebody follows; who is new gets the state."""
        who, name = message["who"], message["name"]
        is_new = who not in self.people
        if is_new and len(self.people) >= MOST_PEOPLE:
            return
        self.people[who] = name, time.monotonic()
        if not is_new:
            return
        self._tell_people()
        await self._tell_room()
        if self.sent is not None:
            told = {"type": "follow.state", "told": self.sent}
            await self.channel_layer.send(who, told)

    async def follow_left(self, message: dict[str, Any]) -> None:
        """To a presenter: somebody follows no more."""
        if self.people.pop(message["who"], None) is not None:
            self._tell_people()
            await self._tell_room()

    async def follow_who(self, message: dict[str, Any]) -> None:
        """To those who follow: a presenter has come and asks who is there."""
        self.heard_at = time.monotonic()
        await self._here()

    async def follow_people(self, message: dict[str, Any]) -> None:
        """To those who follow: who is there."""
        self.heard_at = time.monotonic()
        self.offer("people", self._named(message["told"]))

    async def follow_state(self, message: dict[str, Any]) -> None:
        """To those who follow: what the presenter sees."""
        self.heard_at = time.monotonic()
        self.offer("state", message["told"])

    async def follow_gone(self, message: dict[str, Any]) -> None:
        """To those who follow: the presenter has left."""
        self.waiting.pop("state", None)
        self.offer("gone", {})


class ThreadConsumer(RoomConsumer):
    """Tells the page of a share that its thread has changed; takes nothing."""

    group = ""

    async def begin(self, route: dict[str, Any]) -> None:
        """Hear the thread of the snapshot, and nothing else."""
        self.group = thread_group(int(self.subject.removeprefix("share ")))
        await self.channel_layer.group_add(self.group, self.channel_name)
        self.offer("hello", {"beat_s": settings.SPANBOARD_LIVE_BEAT_SECONDS})
        self.offer("changed", {})  # what happened before the connection

    async def tend(self) -> None:
        """A sign of life."""
        self.offer("alive", {})

    async def leave(self) -> None:
        """Hear no more."""
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None
    ) -> None:
        """Nothing that a page says counts."""

    async def changed(self, message: dict[str, Any]) -> None:
        """A comment was written or deleted."""
        self.offer("changed", {})
