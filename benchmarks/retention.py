"""Deletes from the store of ``benchmarks.million`` while another process ingests.

    python -m benchmarks.retention [--delete N]

Lowers the limit of traces by N and times the deletion. Meanwhile a second process
stores one small trace after another and times each; it does so for ten seconds
before as well, for comparison.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
os.environ.setdefault("SPANBOARD_LOG_LEVEL", "ERROR")


def write() -> None:
    """Store traces until told to stop; print when each began and how long it took."""
    import json

    from benchmarks.million import made_trace
    from dashboard.actions.ingest import ingest
    from dashboard.models import Source
    from dashboard.sources.detect import decode

    chance = random.Random(time.time_ns())
    source = Source.objects.get(name="Million")
    while True:
        made = made_trace(1, chance, time.time_ns() // 1_000)
        traces = decode(json.dumps({"data": [made]}).encode()).traces
        began = time.time()
        ingest(source, traces, replace=True)
        print(began, time.time() - began, flush=True)
        time.sleep(0.02)


def main() -> None:
    """Delete, and print a few figures."""
    parser = argparse.ArgumentParser(description="Times retention.")
    parser.add_argument("--delete", type=int, default=20_000)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    django.setup()
    if options.write:
        write()
    from django.conf import settings

    from dashboard.actions import retention
    from dashboard.models import TraceRecord

    settings.SPANBOARD_RETENTION_DAYS = 10_000.0
    settings.SPANBOARD_RETENTION_BYTES = 2**50
    settings.SPANBOARD_RETENTION_TRACES = TraceRecord.objects.count() - options.delete
    steps: list[float] = []
    bury = retention._bury

    def timed(pks: list[int]) -> int:
        began = time.perf_counter()
        done = bury(pks)
        steps.append(time.perf_counter() - began)
        return done

    retention._bury = timed
    writer = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.retention", "--write"],
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(12)
    began = time.time()
    deleted = retention.enforce_retention()
    ended = time.time()
    writer.terminate()
    text, _ = writer.communicate()
    rows = [tuple(map(float, line.split())) for line in text.splitlines()]
    for name, taken in (
        ("a write before, ms", [t for at, t in rows if at < began]),
        ("a write meanwhile, ms", [t for at, t in rows if began <= at < ended]),
        ("a step of the deletion, ms", steps),
    ):
        ranked = sorted(t * 1_000 for t in taken)
        p50, p95 = ranked[len(ranked) // 2], ranked[int(len(ranked) * 0.95)]
        print(f"{name}: p50 {p50:.0f}, p95 {p95:.0f}, longest {ranked[-1]:.0f}")
    print(f"{deleted} deleted in {ended - began:.0f} s")


if __name__ == "__main__":
    main()
