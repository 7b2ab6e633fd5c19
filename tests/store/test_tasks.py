"""Where tasks go: each queue gets its own and nothing of the others."""

from __future__ import annotations

import pytest
from celery import current_app
from django.conf import settings

from dashboard import tasks


def test_each_queue_has_an_exchange_and_a_key_of_its_own():
    queues = settings.CELERY_TASK_QUEUES
    assert len({(queue.exchange.name, queue.routing_key) for queue in queues}) == 3


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        (tasks.pull_source, "pull"),
        (tasks.poll_sources, "ingest"),
        (tasks.settle_traces, "ingest"),
        (tasks.fold_rollups, "maintenance"),
        (tasks.enforce_retention, "maintenance"),
    ],
)
def test_a_task_goes_to_its_queue(task, queue):
    route = current_app.amqp.router.route({}, task.name)
    assert route["queue"].name == queue


def test_all_tasks_of_the_schedule_are_known_and_limited():
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["task"] in current_app.tasks
        assert entry["options"]["expires"]  # what nobody takes is not heaped up
    longest_s = settings.CELERY_TASK_TIME_LIMIT
    assert settings.CELERY_TASK_SOFT_TIME_LIMIT < longest_s < 3600
