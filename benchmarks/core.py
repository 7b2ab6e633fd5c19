"""The core's speed: decode, adjust, analyse, link, store; next to json.loads.

.venv/bin/python -m benchmarks.core
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ["SPANBOARD_DATA_DIR"] = tempfile.mkdtemp(prefix="spanboard-bench-")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

import django

django.setup()

from benchmarks.make import body, jaeger_trace  # noqa: E402 (after set-up)
from dashboard.actions.ingest import ingest  # noqa: E402 (after set-up)
from dashboard.actions.sources import upload_source  # noqa: E402 (after set-up)
from dashboard.adjusters.standard import adjust  # noqa: E402 (after set-up)
from dashboard.analysis.analyse import analyse  # noqa: E402 (after set-up)
from dashboard.graph.contribution import contribution  # noqa: E402 (after set-up)
from dashboard.graph.link import link  # noqa: E402 (after set-up)
from dashboard.models import TraceRecord  # noqa: E402 (after set-up)
from dashboard.presenters.payload import build_payload  # noqa: E402 (after set-up)
from dashboard.sources.detect import decode  # noqa: E402 (after set-up)
from dashboard.startup import prepare_database  # noqa: E402 (after set-up)
from dashboard.traces.collector import no_collection  # noqa: E402 (after set-up)

RUNS = 3


def median_s(
    work: Callable[[], Any], before: Callable[[], Any] = lambda: None
) -> float:
    """Median seconds of a few runs."""
    found = []
    for _ in range(RUNS):
        before()
        gc.collect()
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def core(content: bytes) -> None:
    """Everything but the database."""
    with no_collection():
        everything(content)


def everything(content: bytes) -> None:
    """Decode, adjust, analyse, link and make the payload."""
    for raw in decode(content).traces:
        trace = adjust(raw)
        analysis = analyse(trace)
        contribution(trace, link(trace))
        path = analysis.critical
        extra = {
            "self_ns": analysis.self_ns,
            "critical_row": path.row,
            "critical_start_ns": path.start_ns,
            "critical_end_ns": path.end_ns,
        }
        build_payload(trace, extra, {})


def store(content: bytes) -> None:
    """Everything, as an upload does it."""
    ingest(upload_source(), decode(content).traces, replace=True)


def main() -> None:
    """One table."""
    prepare_database()
    cases = {
        "1 trace × 1,000": [jaeger_trace(1_000)],
        "1 trace × 10,000": [jaeger_trace(10_000)],
        "1 trace × 100,000": [jaeger_trace(100_000)],
        "1,000 traces × 20": [jaeger_trace(20, seed) for seed in range(1_000)],
    }
    print(
        "| case | json.loads | decode | decode + adjust + analyse + payload | with store |"
    )
    print("|---|---|---|---|---|")
    for name, traces in cases.items():
        content = body(traces)
        spans = sum(len(trace["spans"]) for trace in traces)
        plain = median_s(lambda content=content: json.loads(content))
        cells = [f"{plain * 1000:.0f} ms"]
        for work, before in (
            (decode, lambda: None),
            (core, lambda: None),
            (store, lambda: TraceRecord.objects.all().delete()),
        ):
            took = median_s(lambda work=work, content=content: work(content), before)
            cells.append(
                f"{took * 1000:.0f} ms, {spans / took / 1000:.0f}k spans/s, {took / plain:.2f} ×"
            )
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
