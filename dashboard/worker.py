"""The worker's consumer: outlives a broker that goes away while tasks run."""

from __future__ import annotations

import logging
from typing import Any

from celery.worker.consumer import Consumer

log = logging.getLogger(__name__)


class SteadyConsumer(Consumer):
    """Celery's consumer, which does not end when a task can not be acknowledged.

    A task that ends while the broker is away is acknowledged on a closed channel.
    kombu then fails with an AttributeError, which would end the worker. The task
    is given out again, and all tasks may be done twice.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        errors: tuple[type[BaseException], ...] = self.conninfo.connection_errors
        self.connection_errors = (*errors, AttributeError)

    def on_connection_error_after_connected(self, exc: BaseException) -> None:
        """Connect again, also where the lost connection can not be closed in order."""
        try:
            super().on_connection_error_after_connected(exc)
        except AttributeError as problem:
            log.warning("The lost connection was not closed in order: %s", problem)
            self.connection = None
