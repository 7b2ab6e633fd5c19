"""A lane turns what was announced into messages, at a pace, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from dashboard.live.topics import Change, Member, Told, Topic
from dashboard.reads.live import ChangedTraces
from dashboard.storing import fresh_connections, trouble_of

log = logging.getLogger(__name__)
MAX_PENDING = 5_000  # announced traces; with more everything is read again
SHARE = 4  # of a core at most a quarter goes into a lane's turns
SEND_S = 0.000_05  # CPU of sending a message to one page, as measured
SLICE_S = 0.05  # what is made goes out before the rest of a long turn


class Lane:
    """Topics that change at one pace.

    The first change is told at once, further ones at the pace, or less often
    when a turn costs much CPU. Whoever joins waits for no pace. The thread is not
    that of the receivers, so that a burst of spans does not hold pages up.
    """

    def __init__(self, name: str, pace_s: float):
        self.pace_s = pace_s
        self.topics: dict[tuple[str, ...], Topic] = {}
        self.keys: set[str] = set()
        self.everything = False
        self.sources = False
        self.cost_s = 0.0  # CPU of the last turn
        self.wake = asyncio.Event()
        self.urgent = asyncio.Event()
        self.thread = ThreadPoolExecutor(1, thread_name_prefix=f"live-{name}")

    def note(self, keys: list[str], *, everything: bool, sources: bool) -> None:
        """Something was announced."""
        if not self.topics:
            return
        self.keys.update(keys)
        self.sources = self.sources or sources
        if everything or len(self.keys) > MAX_PENDING:
            self.everything, self.keys = True, set()
        self.wake.set()

    def join(self, topic: Topic, member: Member, *, at_once: bool = True) -> None:
        """Send a member a reset, soon."""
        topic.joining.add(member)
        self.wake.set()
        if at_once:
            self.urgent.set()

    async def run(self) -> None:
        """Turn after turn, until cancelled."""
        free_at = 0.0
        while True:
            await self.wake.wait()
            rest_s = free_at - time.monotonic()
            if rest_s > 0:
                try:
                    await asyncio.wait_for(self.urgent.wait(), rest_s)
                except TimeoutError:
                    log.debug("the pace is over")
            began = time.monotonic()
            self.wake.clear()
            self.urgent.clear()
            try:
                await self._turn()
            except Exception:
                log.exception("A turn of live updates failed")
            free_at = began + max(self.pace_s, SHARE * self.cost_s)

    async def _turn(self) -> None:
        change = Change(ChangedTraces(self.keys), self.everything, self.sources)
        self.keys, self.everything, self.sources = set(), False, False
        self.cost_s = 0.0
        todo: deque[Topic] = deque()
        for topic in list(self.topics.values()):
            if topic.is_seen and (topic.joining or topic.concerns(change)):
                todo.append(topic)
            elif topic.concerns(change):
                topic.stale, topic.kept_reset = True, None
        loop = asyncio.get_running_loop()
        while todo:
            made, cost_s = await loop.run_in_executor(
                self.thread, self._make, change, todo
            )
            self.cost_s += cost_s
            for topic, told in made:
                self.cost_s += SEND_S * len(topic.members)
                _tell(topic, told)

    def _make(
        self, change: Change, todo: deque[Topic]
    ) -> tuple[list[tuple[Topic, Told | None]], float]:
        """Messages of some topics (``None``: it failed), and their CPU seconds."""
        fresh_connections()
        cost_s = -time.thread_time()
        made: list[tuple[Topic, Told | None]] = []
        ends_at = time.monotonic() + SLICE_S
        while todo and (not made or time.monotonic() < ends_at):
            topic = todo.popleft()
            try:
                made.append((topic, topic.turn(change, bool(topic.joining))))
            except Exception as problem:
                if trouble_of(problem) is None:
                    log.exception("Live pages could not be served; they connect again")
                else:
                    log.warning("Live pages wait for the database: %s", problem)
                made.append((topic, None))
        return made, cost_s + time.thread_time()


def _tell(topic: Topic, told: Told | None) -> None:
    if told is None:
        for member in list(topic.members):
            member.fail()
        return
    for member in list(topic.members):
        if told.reset is not None and (told.to_all or member in topic.joining):
            member.offer(told.reset, is_reset=True)
        elif told.diff is not None:
            member.offer(told.diff, is_reset=False)
    if told.reset is not None:
        topic.joining.clear()
