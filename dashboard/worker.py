"""The worker's consumer: outlives a broker that goes away while tasks run."""

from __future__ import annotations

from typing import Any

from celery.worker.consumer import Consumer


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
