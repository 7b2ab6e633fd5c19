"""Times searches on the store that ``benchmarks.million`` has filled.

    python -m benchmarks.search [--runs N] [--pages] [--kind TEXT]

Each kind of query is asked with changing services, values and windows; the runs of
all kinds take turns. ``--pages`` times whole HTTP answers instead of the search.
The CPU time is the mean of all runs and tells more on a busy machine.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
os.environ.setdefault("SPANBOARD_LOG_LEVEL", "ERROR")

HOUR_US = 3_600_000_000
Parameters = dict[str, str]


def kinds(chance: random.Random, end_us: int) -> dict[str, Callable[[], Parameters]]:
    """Kinds of queries; each call gives parameters of another one."""

    def service(rare: bool = False) -> str:
        return (
            f"service-{chance.randrange(20, 28) if rare else chance.randrange(5):02d}"
        )

    def operation() -> str:
        return f"GET /v{chance.randrange(6)}"

    def window(hours: float) -> Parameters:
        length = int(hours * HOUR_US)
        start = end_us - chance.randrange(length, 7 * 24 * HOUR_US)
        return {"start": str(start), "end": str(start + length)}

    def place() -> str:
        return f"{end_us - chance.randrange(160 * HOUR_US)}.{10**9}"

    needle = {"tags": f"user.id=u-{chance.randrange(10**6)}"}
    return {
        "all, newest": dict,
        "all, oldest": lambda: {"sort": "oldest"},
        "all, longest": lambda: {"sort": "longest"},
        "all, most spans": lambda: {"sort": "most-spans"},
        "all, most failed": lambda: {"sort": "most-errors"},
        "all, a page in the middle": lambda: {"after": place()},
        "frequent service": lambda: {"service": service()},
        "frequent service, in the middle": lambda: {
            "service": service(),
            "after": place(),
        },
        "frequent service, longest": lambda: {"service": service(), "sort": "longest"},
        "rare service": lambda: {"service": service(True)},
        "rare service, longest": lambda: {"service": service(True), "sort": "longest"},
        "rarest service, most spans": lambda: {
            "service": "audit-archive",
            "sort": "most-spans",
        },
        "absent service": lambda: {"service": "nobody"},
        "service, operation": lambda: {"service": service(), "operation": operation()},
        "operation only": lambda: {"operation": operation()},
        "service, an hour": lambda: {"service": service(), **window(1)},
        "service, a day, longest": lambda: {
            "service": service(),
            **window(24),
            "sort": "longest",
        },
        "an hour, longest": lambda: {**window(1), "sort": "longest"},
        "a day, shortest": lambda: {**window(24), "sort": "shortest"},
        "span at least 100 ms": lambda: {"minDuration": "100ms"},
        "span at least 5 s": lambda: {"minDuration": "5s"},
        "span at least 5 s, longest": lambda: {"minDuration": "5s", "sort": "longest"},
        "span at most 1 ms": lambda: {"maxDuration": "1ms"},
        "service, span at least 100 ms": lambda: {
            "service": service(),
            "minDuration": "100ms",
        },
        "rare service, span at least 300 ms": lambda: {
            "service": service(True),
            "minDuration": "300ms",
        },
        "failed": lambda: {"error": "true"},
        "failed, longest": lambda: {"error": "true", "sort": "longest"},
        "not failed": lambda: {"error": "false"},
        "service, failed": lambda: {"service": service(), "error": "true"},
        "service, failed, at least 50 ms": lambda: {
            "service": service(),
            "error": "true",
            "minDuration": "50ms",
        },
        "frequent tag": lambda: {"tags": "http.method=GET"},
        "rare tag": lambda: {"tags": "db.system=cassandra"},
        "rarest tag": lambda: {"tags": "http.status_code=418"},
        "tag, longest": lambda: {"tags": "http.status_code=503", "sort": "longest"},
        "service, tag": lambda: {"service": service(), "tags": "db.system=redis"},
        "service, rare tag": lambda: {
            "service": service(),
            "tags": "http.method=DELETE",
        },
        "two tags": lambda: {"tags": "http.method=POST db.system=redis"},
        "tag without index, frequent": lambda: {"tags": "region=eu-west"},
        "tag without index, a needle": lambda: needle,
        "service, tag without index, an hour": lambda: {
            "service": service(),
            "tags": "region=eu-west",
            **window(1),
        },
        "who calls whom, direct": lambda: {"q": f"{service()} > {service()}"},
        "who calls whom, below": lambda: {"q": f"{service()} >> {service(True)}"},
        "who calls whom, slow": lambda: {
            "q": f"{service()} >> {{service={service()} duration>300ms}}"
        },
        "call between two services": lambda: {
            "caller": service(),
            "callee": service(True),
        },
        "all at once": lambda: {
            "service": service(),
            "operation": operation(),
            "tags": "http.status_code=200",
            "minDuration": "20ms",
            "maxDuration": "2s",
            **window(48),
            "sort": "longest",
        },
        "nothing matches": lambda: {
            "service": service(),
            "tags": "http.status_code=599",
        },
        "nothing matches on one span": lambda: {
            "service": service(),
            "operation": operation(),
            "tags": "http.method=DELETE",
        },
    }


def answers(chance: random.Random, end_us: int) -> dict[str, Callable[[], str]]:
    """Addresses, to be asked as a browser does."""
    from dashboard.models import TraceRecord

    made = kinds(chance, end_us)
    newest = TraceRecord.objects.order_by("-start_us")
    ids = list(newest.values_list("trace_id", flat=True)[:50])

    def window() -> Parameters:
        start = end_us - chance.randrange(HOUR_US, 160 * HOUR_US)
        return {"start": str(start), "end": str(start + HOUR_US)}

    def v3(path: str, **more: str) -> Callable[[], str]:
        def address() -> str:
            start_s = (end_us - chance.randrange(HOUR_US, 160 * HOUR_US)) / 1e6
            text = "%Y-%m-%dT%H:%M:%SZ"
            times = {
                "query.startTimeMin": time.strftime(text, time.gmtime(start_s)),
                "query.startTimeMax": time.strftime(text, time.gmtime(start_s + 3600)),
            }
            return f"/api/v3/{path}?" + urlencode({**times, **more})

        return address

    def search(kind: str) -> Callable[[], str]:
        return lambda: "/search?" + urlencode(made[kind]())

    v1 = {"service": "service-01", "limit": "20"}
    return {
        "home": lambda: "/",
        **{f"search page: {kind}": search(kind) for kind in made},
        "sources page": lambda: "/sources",
        "trace page": lambda: f"/trace/{chance.choice(ids)}",
        "look-up of an id": lambda: f"/lookup?q={chance.choice(ids)}",
        "/api/services": lambda: "/api/services",
        "/api/traces, an hour, limit 20": lambda: (
            "/api/traces?" + urlencode({**v1, **window()})
        ),
        "/api/traces, tag, limit 20": lambda: (
            "/api/traces?"
            + urlencode({**v1, **window(), "tag": "http.status_code:503"})
        ),
        "/api/v3/traces, limit 20": v3(
            "traces",
            **{"query.serviceName": "service-01", "query.searchDepth": "20"},
        ),
        "/api/v3/trace-summaries, 20": v3(
            "trace-summaries",
            **{"query.serviceName": "service-02", "query.searchDepth": "20"},
        ),
    }


def cpu_used_s() -> float:
    """CPU time of this process and of PostgreSQL's for it, in steps of 10 ms there."""
    from django.db import connection

    used = time.process_time()
    if connection.vendor == "postgresql":
        connection.ensure_connection()
        pid = connection.connection.info.backend_pid
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used += (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
    return used


def main() -> None:
    """Ask, and print a table."""
    parser = argparse.ArgumentParser(description="Times searches.")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--pages", action="store_true")
    parser.add_argument("--kind", default="")
    options = parser.parse_args()
    django.setup()
    from django.db.models import Max
    from django.test import Client

    from dashboard.models import TraceRecord
    from dashboard.presenters.results import found_text
    from dashboard.reads.traces import find_traces
    from dashboard.traces.query import TraceQuery

    end_us = TraceRecord.objects.aggregate(last=Max("start_us"))["last"]
    chance = random.Random(1)
    times: dict[str, list[float]] = defaultdict(list)
    spent: dict[str, float] = defaultdict(float)
    said: dict[str, str] = {}
    client = Client(SERVER_NAME="localhost")
    asked: dict[str, Callable[[], Any]] = dict(
        answers(chance, end_us) if options.pages else kinds(chance, end_us)
    )
    for _ in range(options.runs):
        for name, make in asked.items():
            if options.kind not in name:
                continue
            made = make()
            cpu_s = cpu_used_s()
            began = time.perf_counter()
            if options.pages:
                response = client.get(made)
                said[name] = str(response.status_code)
            else:
                lists = {key: [value] for key, value in made.items()}
                query, problems, _unknown = TraceQuery.read(lists)
                assert not problems, problems
                found = find_traces(query)
                said[name] = found_text(found, query)
            times[name].append((time.perf_counter() - began) * 1_000)
            spent[name] += (cpu_used_s() - cpu_s) * 1_000
    print("| query | first ms | p50 ms | p95 ms | CPU ms | answer |")
    print("|---|---|---|---|---|---|")
    for name, taken in times.items():
        ranked = sorted(taken)
        p50 = ranked[len(ranked) // 2]
        p95 = ranked[min(len(ranked) - 1, int(len(ranked) * 0.95))]
        figures = (
            f"{taken[0]:.0f} | {p50:.0f} | {p95:.0f} | {spent[name] / len(taken):.0f}"
        )
        print(f"| {name} | {figures} | {said[name]} |")


if __name__ == "__main__":
    main()
