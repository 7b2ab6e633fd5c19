"""Does the ranking of attributes find a planted cause, and claim nothing without one?

.venv/bin/python -m benchmarks.ranking [--trials 100] [--traces 200]

Each trial makes two random groups of traces of a shop of eight services with some
40 attributes: versions, hosts, zones, status codes, numbers and ids. In a planted
trial one version, host or tag value makes a request slow (in 80 of 100 of its
traces; 5 of 100 of the others are slow anyway), and slow traces are compared with
fast ones. Without a cause the same traces are divided at random.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from typing import Any

from dashboard.analysis.ranking import Name, Ranking, rank
from dashboard.traces.builder import TraceBuilder
from dashboard.traces.details import write_details
from dashboard.traces.trace import Kind, SpanDetails, Tag, Trace

SERVICES = ("gateway", "cart", "stock", "price", "mail", "pay", "user", "search")
KINDS = ("version", "host", "tag")
Tags = dict[str, Any]


def _tags(content: Tags) -> tuple[Tag, ...]:
    kinds = {int: "int64", float: "float64", bool: "bool"}
    return tuple(
        Tag(key, kinds.get(type(value), "string"), value)
        for key, value in content.items()
    )


def one_trace(chance: random.Random, number: int) -> tuple[Trace, set[Name]]:
    """A random trace and the attributes by which a cause may be planted."""
    builder = TraceBuilder(f"{number + 1:032x}")
    found: set[Name] = set()
    called = [SERVICES[0], *(s for s in SERVICES[1:] if chance.random() < 0.9)]
    start_ns = 1_700_000_000_000_000_000 + number * 10**9
    for place, service in enumerate(called):
        resource: Tags = {
            "service.version": f"v{chance.choice((1, 1, 2, 3))}",
            "host.name": f"node-{chance.randrange(6)}",
            "cloud.zone": chance.choice("abc"),
            "service.instance.id": f"{service}-{chance.randrange(12)}",
        }
        tags: Tags = {
            "http.method": chance.choice(("GET", "GET", "POST")),
            "http.status_code": chance.choice((200, 200, 200, 404)),
            "feature": chance.choice(("off", "off", "on", "test")),
            "tenant": f"t{chance.randrange(25)}",
            "bytes": chance.randrange(100, 10_000),
            "load": round(chance.random(), 4),
            "request.id": f"{chance.getrandbits(64):x}",
            "cached": chance.random() < 0.5,
        }
        process = builder.process(service, _tags(resource))
        builder.span(
            f"{place + 1:016x}",
            "" if not place else f"{chance.randrange(place) + 1:016x}",
            start_ns + place * 1_000_000,
            50_000_000,
            f"/{service}",
            Kind.SERVER,
            process,
            write_details(SpanDetails(_tags(tags))),
            _tags(tags),
            (),
            0,
        )
        found |= {
            Name(service, key, str({**resource, **tags}[key]))
            for key in ("service.version", "host.name", "feature")
        }
    return builder.finish(), found


def planted_name(chance: random.Random, kind: str) -> Name:
    """A cause of a kind at a random service."""
    service = chance.choice(SERVICES)
    if kind == "version":
        return Name(service, "service.version", f"v{chance.choice((2, 3))}")
    if kind == "host":
        return Name(service, "host.name", f"node-{chance.randrange(6)}")
    return Name(service, "feature", chance.choice(("on", "test")))


def trial(seed: int, kind: str, traces: int) -> tuple[Ranking, Name | None]:
    """One trial; ``kind`` is "" for none planted. So many traces in all."""
    chance = random.Random(f"{seed} {kind}")
    made = [one_trace(chance, number) for number in range(traces)]
    if not kind:
        chance.shuffle(made)
        half = traces // 2
        return rank([t for t, _ in made[:half]], [t for t, _ in made[half:]]), None
    cause = planted_name(chance, kind)
    fast: list[Trace] = []
    slow: list[Trace] = []
    for trace, names in made:
        is_slow = chance.random() < (0.8 if cause in names else 0.05)
        (slow if is_slow else fast).append(trace)
    return rank(fast, slow), cause


def first_is(ranking: Ranking, cause: Name) -> bool:
    """Whether the planted cause is claimed, and before all others."""
    claimed = ranking.claimed
    return bool(claimed) and cause in (claimed[0].name, *claimed[0].same)


def run(trials: int, traces: int, tell: Callable[[str], None] = print) -> None:
    """All kinds, and none planted."""
    began = time.perf_counter()
    for kind in KINDS:
        found = [trial(seed, kind, traces) for seed in range(trials)]
        first = sum(first_is(ranking, cause) for ranking, cause in found if cause)
        nothing = sum(not ranking.claimed for ranking, _ in found)
        tell(
            f"{kind:8} planted: first in {first} of {trials}, nothing claimed in {nothing}"
        )
    empty = [trial(seed, "", traces)[0] for seed in range(trials)]
    wrong = sum(bool(ranking.claimed) for ranking in empty)
    tests = sum(ranking.tests for ranking in empty) / trials
    tell(
        f"none     planted: something claimed in {wrong} of {trials} ({tests:.0f} tests each)"
    )
    tell(f"{time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--traces", type=int, default=200)
    chosen = parser.parse_args()
    run(chosen.trials, chosen.traces)
