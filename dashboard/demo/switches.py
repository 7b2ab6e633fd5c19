"""Switches of the simulated Bookinfo: those of the mesh that make sense here."""

from __future__ import annotations

import threading
from typing import Any

from dashboard.mesh.state import State

# Without proxies there are no retries of theirs, no endpoints, flags or probes.
SIMULATED = frozenset(
    [
        "rate",
        "sampling",
        "weights",
        "forwarding",
        "delay_ms",
        "abort",
        "dead",
        "slow_ms",
        "cron",
    ]
)
RATE = 1.5


class Demo:
    """The demo of this process, if it runs."""

    def __init__(self) -> None:
        self.state = State(rate=RATE)
        self.runs = False
        self.owed = 0  # requests asked for by hand
        self.lock = threading.Lock()

    def switch(self, change: dict[str, Any]) -> None:
        """Set switches; raises ``BadState``."""
        with self.lock:
            self.state = self.state.changed(change)

    def more(self, count: int) -> None:
        """Ask for some requests at once."""
        with self.lock:
            self.owed += count

    def take_owed(self) -> int:
        """The requests asked for since the last time."""
        with self.lock:
            owed, self.owed = self.owed, 0
        return owed


demo = Demo()
