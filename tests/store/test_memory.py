"""What is done again and again keeps nothing: pulls and pushes, hundreds of times."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable

import httpx
import pytest

from dashboard.actions import pull
from dashboard.actions.ingest import ingest
from dashboard.actions.retention import enforce_retention
from dashboard.actions.rollups import fold_rollups
from dashboard.actions.sources import receiver_source
from dashboard.models import Source
from dashboard.sources.jaeger.export import trace_object
from tests.factories import make_trace
from tests.store.test_faults import fake
from tests.store.test_ingest import PIECES, jaeger

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 120
SPARE_BYTES = (
    1_000_000  # caches that fill up once; a leak of a trace each is 3 times that
)


def growth_of(step: Callable[[int], None]) -> int:
    """Bytes that Python holds more of after many rounds than after as many before."""
    for number in range(ROUNDS):
        step(number)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(ROUNDS, 2 * ROUNDS):
            step(number)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def spans(number: int) -> list[dict[str, object]]:
    """A trace of one of ten shapes: what is kept for each shape is kept by then."""
    return [
        *PIECES,
        {
            "id": "0a",
            "parent": "01",
            "service": "web",
            "operation": f"GET /{number % 10}",
        },
    ]


def test_pulls_keep_nothing(monkeypatch, settings):
    settings.SPANBOARD_RETENTION_TRACES = 20
    now: list[str] = []

    def answer(request):
        if request.url.path == "/api/services":
            return httpx.Response(200, json={"data": ["web"]})
        return httpx.Response(200, text=json.dumps({"data": now}))

    fake(monkeypatch, answer)
    source = jaeger()

    def step(number: int) -> None:
        now[:] = [trace_object(make_trace(spans(number), f"{number + 1:032x}"))]
        Source.objects.filter(pk=source.pk).update(busy_until=None)
        pull.pull_source(source.pk)
        if number % 20 == 19:
            fold_rollups()
            enforce_retention()

    assert growth_of(step) < SPARE_BYTES


def test_pushes_of_a_growing_trace_keep_nothing():
    source = receiver_source()

    def step(number: int) -> None:
        ingest(
            source,
            [make_trace(spans(number), f"{number // 10 + 1:032x}")],
            replace=False,
        )

    assert growth_of(step) < SPARE_BYTES
