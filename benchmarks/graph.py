"""The service graph's server half: query, build, layout and JSON, cold and cached.

.venv/bin/python -m benchmarks.graph

Rollups are written directly, as one million traces of a day would have left them:
nothing here goes through the network or the ingest.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ["SPANBOARD_DATA_DIR"] = tempfile.mkdtemp(prefix="spanboard-bench-")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

import django

django.setup()

from django.test import RequestFactory  # noqa: E402 (after set-up)

from dashboard.actions.rollups import current_minute  # noqa: E402 (after set-up)
from dashboard.graph.contribution import Contribution, Tally  # noqa: E402 (after set-up)
from dashboard.graph.histogram import bucket_of  # noqa: E402 (after set-up)
from dashboard.graph.tables import GROUP_OF  # noqa: E402 (after set-up)
from dashboard.models import RollupBlock, Source  # noqa: E402 (after set-up)
from dashboard.presenters import topology  # noqa: E402 (after set-up)
from dashboard.startup import prepare_database  # noqa: E402 (after set-up)
from dashboard.views import topology as views  # noqa: E402 (after set-up)

RUNS = 7
SIZES = ((10, 18, 0), (50, 90, 5), (200, 500, 16), (1000, 3000, 60), (1000, 3000, 0))
TRACES = 1_000_000
DAY = 1440
MINUTES = 180  # written: three hours of that day
CALLS_OF_A_TRACE = 10


def system(
    services: int, edges: int, namespaces: int, seed: int = 7
) -> tuple[list[tuple[str, str, str]], list[tuple[int, int]]]:
    """Services (name, version, namespace) in layers, and calls mostly downwards."""
    rng = random.Random(seed)
    nodes = [
        (
            f"service-{n:04}",
            f"v{1 + n % 2}",
            f"team-{n * namespaces // services:02}" if namespaces else "",
        )
        for n in range(services)
    ]
    calls: set[tuple[int, int]] = {(rng.randrange(n), n) for n in range(1, services)}
    while len(calls) < edges:
        near = rng.randrange(services)
        step = max(2, services // (namespaces or 12))
        other = min(services - 1, near + rng.randrange(1, step))
        if rng.random() < 0.12:
            other = rng.randrange(services)
        if other == near:
            continue
        back = rng.random() < 0.03
        calls.add(
            (max(near, other), min(near, other))
            if back
            else (min(near, other), max(near, other))
        )
    return nodes, sorted(calls)


def minute_of(
    nodes: list[tuple[str, str, str]], calls: list[tuple[int, int]], minute: int
) -> Contribution:
    """One minute of a day's million traces."""
    rng = random.Random(minute)
    found = Contribution()
    per_edge = TRACES * CALLS_OF_A_TRACE / DAY / len(calls)
    for caller, callee in calls:
        count = int(rng.expovariate(1 / per_edge)) if per_edge < 50 else int(per_edge)
        if not count:
            continue
        one, other = nodes[caller], nodes[callee]
        middle = 1 + (callee * 37) % 400
        histogram: dict[int, int] = {}
        for _ in range(min(count, 12)):
            bucket = bucket_of(int(middle * rng.lognormvariate(0, 0.5) * 1e6))
            histogram[bucket] = histogram.get(bucket, 0) + 1
        bucket = bucket_of(middle * 1_000_000)
        histogram[bucket] = histogram.get(bucket, 0) + count - min(count, 12)
        failed = count // 20 if callee % 17 == 0 else 0
        tally = Tally(count, failed, count, count * middle * 1_000_000, histogram)
        for level, key in (
            (
                "edge",
                (
                    one[0],
                    other[0],
                    one[1],
                    other[1],
                    "",
                    "service",
                    "",
                    "",
                    one[2],
                    other[2],
                ),
            ),
            ("service", (other[0], other[1], other[2])),
            ("presence", (other[0],)),
        ):
            found.at(level, minute, key).add(tally)
    found.at("presence", minute, (nodes[0][0],)).count += 1
    return found


def fill(services: int, edges: int, namespaces: int) -> None:
    """Write the blocks."""
    Source.objects.all().delete()
    source = Source.objects.create(name="bench", kind="jaeger")
    nodes, calls = system(services, edges, namespaces)
    last = current_minute() - 1
    blocks = []
    for minute in range(last - MINUTES + 1, last + 1):
        found = minute_of(nodes, calls, minute)
        parts: dict[str, Contribution] = {}
        for level, at, key, tally in found.items():
            group = parts.setdefault(GROUP_OF[level], Contribution())
            group.at(level, at, key).add(tally)
        blocks += [
            RollupBlock(
                source=source,
                span_minutes=1,
                minute=minute,
                level=group,
                revision=random.getrandbits(40),
                payload=part.to_bytes(),
            )
            for group, part in parts.items()
        ]
    RollupBlock.objects.bulk_create(blocks, batch_size=100)


def timed(work: Callable[[], Any], before: Callable[[], Any]) -> tuple[float, float]:
    """Median milliseconds by the clock, and of processor time."""
    found, spent = [], []
    for _ in range(RUNS):
        before()
        began, used = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - began) * 1000)
        spent.append((time.process_time() - used) * 1000)
    return statistics.median(found), statistics.median(spent)


def main() -> None:
    """Print a table."""
    prepare_database()
    factory = RequestFactory()
    last = current_minute() - 1
    start = (last - 119) * 60_000_000
    hour = f"start={start}&end={start + 3_600_000_000}"
    quick = "--quick" in sys.argv
    print(
        "| services / edges | namespaces | groups | JSON KB | cold ms | cached ms | live ms |"
    )
    for services, edges, namespaces in SIZES[:-1] if quick else SIZES:
        fill(services, edges, namespaces)

        def ask(query: str) -> bytes:
            answer = views.data(factory.get(f"/graph.json?{query}"))
            assert answer.status_code == 200, answer.content
            return bytes(answer.content)

        data = topology.topology_data(topology.GraphOptions.read({})[0])
        size = len(ask(hour)) / 1024
        cold = timed(lambda: ask(hour), topology.forget)
        cached = timed(lambda: ask(hour), lambda: None)
        live = timed(lambda: ask("lookback=1h"), lambda: None)
        groups = len(data["groups"]) if data["grouped"] else "–"
        print(
            f"| {services} / {edges} | {namespaces or '–'} | {groups} | {size:.0f} "
            f"| {cold[0]:.0f} (CPU {cold[1]:.0f}) | {cached[0]:.1f} | {live[0]:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
