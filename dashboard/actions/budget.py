"""What requests with spans hold in this process: their number and their bytes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Iterator

from django.conf import settings

DECODED_TIMES = 6  # so many bytes decoded spans take for one of their body's
LINE_TIMES = 4  # so many more requests than may be held stand in line unread


class Budget:
    """What all requests together hold: their number and their bytes."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tickets = 0
        self.requests = 0  # whose body is here
        self.bytes = 0
        self.most_bytes = 0  # since the start
        self.line: deque[asyncio.Future[None]] = deque()
        self.fewer_decoded = threading.Condition()
        self.decoded = 0

    @contextlib.contextmanager
    def decoding(self, plain_bytes: int) -> Iterator[None]:
        """Hold what decoded spans take, once there is room for them; in a thread.

        It has a limit of its own, as large as that of the bodies: who holds decoded
        spans waits for the store only, so all come to their turn.
        """
        size = plain_bytes * DECODED_TIMES
        limit = settings.SPANBOARD_OTLP_MAX_WAITING_BYTES
        with self.fewer_decoded:
            self.fewer_decoded.wait_for(
                lambda: not self.decoded or self.decoded + size <= limit
            )
            self.decoded += size
        try:
            yield
        finally:
            with self.fewer_decoded:
                self.decoded -= size
                self.fewer_decoded.notify_all()

    def has_room(self) -> bool:
        """Whether one more request may come."""
        return (
            self.requests < settings.SPANBOARD_OTLP_MAX_WAITING
            and self.bytes < settings.SPANBOARD_OTLP_MAX_WAITING_BYTES
        )

    async def stand_in_line(self, seconds: float, again: bool = False) -> bool:
        """Wait for room, first come, first served; false where it took too long.

        Without a line the quick take every place, and the same few are refused
        until they give up. ``again``: this one had its turn and keeps its place.
        """
        with self.lock:
            if self.has_room() and not self.line:
                return True
            limit = settings.SPANBOARD_OTLP_MAX_WAITING * LINE_TIMES
            if len(self.line) >= limit or seconds <= 0:
                return False
            turn = asyncio.get_running_loop().create_future()
            if again:
                self.line.appendleft(turn)
            else:
                self.line.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError:
            return False
        finally:
            with self.lock:
                if turn in self.line:
                    self.line.remove(turn)
                elif not turn.done() or turn.cancelled():
                    self.call_next()  # it was called, and is not there any more
        return True

    def call_next(self) -> None:
        """Tell the first in line that there is room; hold ``lock``."""
        if self.line and self.has_room():
            turn = self.line.popleft()
            turn.get_loop().call_soon_threadsafe(_call, turn)


def _call(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


BUDGET = Budget()


class Ticket:
    """The part of the budget that one request holds, until its last user lets go."""

    def __init__(self) -> None:
        self.bytes = 0
        self.users = 1
        self.counted = False
        with BUDGET.lock:
            BUDGET.tickets += 1

    def grow(self, more: int) -> bool:
        """Take so many more bytes; false where the budget has none left.

        A request that is alone always gets them: no body is too large for good.
        """
        with BUDGET.lock:
            limit = settings.SPANBOARD_OTLP_MAX_WAITING_BYTES
            others = BUDGET.bytes - self.bytes
            if others and BUDGET.bytes + more > limit:
                return False
            self.bytes += more
            BUDGET.bytes += more
            BUDGET.most_bytes = max(BUDGET.most_bytes, BUDGET.bytes)
            return True

    def enter(self) -> bool:
        """Count as a request that waits; false where too many do."""
        with BUDGET.lock:
            if BUDGET.requests >= settings.SPANBOARD_OTLP_MAX_WAITING:
                return False
            BUDGET.requests += 1
            self.counted = True
            BUDGET.call_next()  # there may be room for another still
            return True

    def share(self) -> None:
        """One more user, such as a thread that goes on when the sender has left."""
        with BUDGET.lock:
            self.users += 1

    def release(self) -> None:
        """One user less; the last gives everything back."""
        with BUDGET.lock:
            self.users -= 1
            if self.users:
                return
            BUDGET.bytes -= self.bytes
            BUDGET.requests -= self.counted
            BUDGET.tickets -= 1
            BUDGET.call_next()
