"""What requests with spans hold in this process: their number and their bytes."""

from __future__ import annotations

import threading

from django.conf import settings


class Budget:
    """What all requests together hold: their number and their bytes."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tickets = 0
        self.requests = 0  # whose body is here
        self.bytes = 0
        self.most_bytes = 0  # since the start


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
