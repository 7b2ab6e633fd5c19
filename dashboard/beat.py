"""The beat's scheduler: goes on when the clock is set, and needs no file."""

from __future__ import annotations

import time
from typing import Any

from celery.beat import Scheduler

JUMP_S = 1.5


class SteadyScheduler(Scheduler):
    """Celery's scheduler in memory, which starts anew when the clock jumped.

    Celery remembers when each task is next due by the wall clock: set back by a
    day, it would stand still for a day.
    """

    offset_s: float | None = None

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """One step; returns the seconds until the next."""
        offset_s = time.time() - time.monotonic()
        if self.offset_s is not None and abs(offset_s - self.offset_s) > JUMP_S:
            for entry in self.schedule.values():
                entry.last_run_at = entry.default_now()
            self._heap = None
        self.offset_s = offset_s
        return float(super().tick(*args, **kwargs))
