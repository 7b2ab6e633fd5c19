"""The core's speed: decode, adjust, analyse, link, store; next to json.loads.

.venv/bin/python -m benchmarks.core
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
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
        # Off for every contender alike: it would count the objects of all the
        # others, and the core switches it off for itself.
        with no_collection():
            began = time.perf_counter()
            work()
            found.append(time.perf_counter() - began)
    return statistics.median(found)


def peak_mib(work: str, path: Path) -> float:
    """Peak memory above that of before the work, in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.core", "--peak", work, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def print_peak(work: str, path: str) -> None:
    """The fresh process of ``peak_mib``."""
    content = Path(path).read_bytes()
    before = high_water_kib()
    kept = {"json.loads": json.loads, "core": core}[work](content)
    after = high_water_kib()
    del kept
    print((after - before) / 1024)


def high_water_kib() -> int:
    """Most memory that this process ever held (Linux); a child's starts anew."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def core(content: bytes) -> None:
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
    cases: dict[str, Callable[[], list[Any]]] = {
        "1 trace × 1,000": lambda: [jaeger_trace(1_000)],
        "1 trace × 10,000": lambda: [jaeger_trace(10_000)],
        "1 trace × 100,000": lambda: [jaeger_trace(100_000)],
        "1,000 traces × 20": lambda: [jaeger_trace(20, n) for n in range(1_000)],
    }
    print(
        "| case | json.loads | decode | decode + adjust + analyse + payload | with store "
        "| peak, json.loads | peak, core |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, make in cases.items():
        traces = make()
        content = body(traces)
        spans = sum(len(trace["spans"]) for trace in traces)
        del traces
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
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            cells += [
                f"{peak_mib(work, Path(file.name)):.0f} MiB"
                for work in ("json.loads", "core")
            ]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print_peak(*sys.argv[2:4])
    else:
        main()
