"""Celery worker and beat in threads of the server's process (the embedded way).

The same tasks run under ``celery worker`` and ``celery beat`` in production;
only who starts them differs. Worker and beat are daemon threads: tasks are
transactions that repeat, so leaving in the middle of one loses nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.beat import Service

from dashboard.beat import SteadyScheduler

log = logging.getLogger(__name__)


class Supervised:
    """A daemon thread that is started again, after a pause, when it dies."""

    def __init__(self, name: str, body: Callable[[], None], stop: threading.Event):
        self.name = name
        self.body = body
        self.stop = stop
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self.thread.start()

    def _run(self) -> None:
        pause_s = 1.0
        while not self.stop.is_set():
            began = time.monotonic()
            try:
                self.body()
            except Exception:
                log.exception("%s stopped; starting it again", self.name)
            if self.stop.is_set():
                return
            pause_s = 1.0 if time.monotonic() - began > 60 else min(pause_s * 2, 30)
            self.stop.wait(pause_s)


class EmbeddedCelery:
    """Worker (two threads) and beat, started and stopped with the server."""

    def __init__(self, app: Celery, concurrency: int = 2):
        self.app = app
        self.concurrency = concurrency
        self.stopping = threading.Event()
        self.worker: Any = None
        self.beat: Service | None = None
        self.parts = [
            Supervised("worker", self._work, self.stopping),
            Supervised("beat", self._beat, self.stopping),
        ]

    def start(self) -> None:
        """Start both; returns at once."""
        for part in self.parts:
            part.start()

    def stop(self, wait_s: float = 1.5) -> None:
        """Ask both to end and wait at most ``wait_s`` seconds for running tasks."""
        self.stopping.set()
        if self.beat is not None:
            self.beat.stop(wait=False)
        from celery.worker import state

        state.should_stop = 0
        deadline = time.monotonic() + wait_s
        for part in self.parts:
            if not part.thread.is_alive():
                continue
            part.thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        from celery.worker import state

        state.should_stop = None
        self.worker = self.app.WorkController(
            pool_cls="threads",
            concurrency=self.concurrency,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            loglevel="WARNING",
        )
        self.worker.start()

    def _beat(self) -> None:
        self.beat = Service(self.app, scheduler_cls=SteadyScheduler)
        self.beat.start(embedded_process=False)
