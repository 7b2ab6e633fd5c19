"""The service graph's server half: query, build, layout and JSON, cold and cached.

.venv/bin/python -m benchmarks.graph

Rollups are written directly, as one million traces of a day would have left them:
nothing here goes through the network or the ingest.
"""

from __future__ import annotations

import json
import os
import random
import statistics
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
from dashboard.models import RollupBlock, RollupDelta, Source  # noqa: E402 (after set-up)
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


def fill(services: int, edges: int, namespaces: int) -> tuple[Any, Any]:
    """Write the blocks; gives the system."""
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
                requests=sum(
                    t.count for lv, _, _, t in part.items() if lv == "service"
                ),
                failed=sum(t.errors for lv, _, _, t in part.items() if lv == "service"),
                payload=part.to_bytes(),
            )
            for group, part in parts.items()
        ]
    RollupBlock.objects.bulk_create(blocks, batch_size=100)
    return nodes, calls


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


def arrive(source: Source, nodes: Any, calls: Any, number: int) -> None:
    """What an ingest of some traces leaves: a delta of the running minute."""
    rng = random.Random(number)
    part = sorted(rng.sample(calls, min(len(calls), 40)))
    found = minute_of(nodes, part, current_minute())
    RollupDelta.objects.create(
        source=source,
        first_minute=current_minute(),
        last_minute=current_minute(),
        payload=found.to_bytes(),
    )


VIEWS = (
    ("all nodes at once (`group=none`)", "/graph.json", views.data, "group=none"),
    ("one edge's panel", "/graph/edge.json", views.edge, ""),
    (
        "what changed since the hour before",
        "/graph/diff.json",
        views.diff,
        "base=previous",
    ),
    ("all questions", "/graph/questions.json", views.questions, ""),
    ("the band of three hours", "/graph/band.json", views.band, ""),
)


def main() -> None:
    """Print tables."""
    prepare_database()
    factory = RequestFactory()
    last = current_minute() - 1
    start = (last - 119) * 60_000_000
    hour = f"start={start}&end={start + 3_600_000_000}"

    def ask(query: str, path: str = "/graph.json", view: Any = views.data) -> bytes:
        answer = view(factory.get(f"{path}?{query}"))
        assert answer.status_code == 200, answer.content
        return bytes(answer.content)

    print(
        "| services / edges | namespaces | groups | JSON KB | cold ms (CPU) "
        "| cached ms | after new calls ms |"
    )
    print("|---|---|---|---|---|---|---|")
    others: list[str] = []
    for services, edges, namespaces in SIZES:
        nodes, calls = fill(services, edges, namespaces)
        source = Source.objects.get()
        data = topology.topology_data(topology.GraphOptions.read({})[0])
        size = len(ask(hour)) / 1024
        cold = timed(lambda: ask(hour), topology.forget)
        cached = timed(lambda: ask(hour), lambda: None)
        count = iter(range(1_000))
        live = timed(
            lambda: ask("lookback=1h"),
            lambda: arrive(source, nodes, calls, next(count)),  # noqa: B023 (run here)
        )
        groups = len(data["groups"]) if data["grouped"] else "–"
        print(
            f"| {services} / {edges} | {namespaces or '–'} | {groups} | {size:.0f} "
            f"| {cold[0]:.0f} ({cold[1]:.0f}) | {cached[0]:.1f} | {live[0]:.0f} |",
            flush=True,
        )
        if services == 1000 and namespaces:
            found = json.loads(ask(f"{hour}&group=none"))["edges"][0]
            for words, path, view, query in VIEWS:
                asked = f"{hour}&{query}" if "band" not in path else query
                if "edge" in path:
                    asked = found["panel_query"]
                took = timed(
                    lambda: ask(asked, path, view),  # noqa: B023 (run here)
                    topology.forget,
                )
                again = timed(
                    lambda: ask(asked, path, view),  # noqa: B023 (run here)
                    lambda: None,
                )
                others.append(
                    f"| {words} | {took[0]:.0f} ({took[1]:.0f}) | {again[0]:.0f} |"
                )
    print()
    print("| 1,000 services, 3,000 edges, 60 namespaces | cold ms (CPU) | again ms |")
    print("|---|---|---|")
    print("\n".join(others))


if __name__ == "__main__":
    main()
