"""The core's speed by stage, next to json.loads of the same bytes; with the store.

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

from benchmarks.make import body_of  # noqa: E402 (after set-up)
from dashboard.actions.ingest import ingest  # noqa: E402 (after set-up)
from dashboard.actions.sources import upload_source  # noqa: E402 (after set-up)
from dashboard.adjusters.standard import adjust  # noqa: E402 (after set-up)
from dashboard.analysis.analyse import Analysis, analyse  # noqa: E402 (after set-up)
from dashboard.graph.contribution import contribution  # noqa: E402 (after set-up)
from dashboard.graph.link import link  # noqa: E402 (after set-up)
from dashboard.models import TraceRecord  # noqa: E402 (after set-up)
from dashboard.presenters.payload import build_payload  # noqa: E402 (after set-up)
from dashboard.sources.detect import decode  # noqa: E402 (after set-up)
from dashboard.startup import prepare_database  # noqa: E402 (after set-up)
from dashboard.traces.collector import no_collection  # noqa: E402 (after set-up)
from dashboard.traces.trace import Trace  # noqa: E402 (after set-up)

RUNS = 5
CASES = {
    "1 trace × 1,000": (1, 1_000),
    "1 trace × 10,000": (1, 10_000),
    "1 trace × 100,000": (1, 100_000),
    "10,000 traces × 20": (10_000, 20),
}
STAGES = ("decode", "adjust", "analyse", "payload", "graph")


def payload(trace: Trace, analysis: Analysis) -> bytes:
    """What the trace page gets."""
    path = analysis.critical
    extra = {
        "self_ns": analysis.self_ns,
        "critical_row": path.row,
        "critical_start_ns": path.start_ns,
        "critical_end_ns": path.end_ns,
    }
    return build_payload(trace, extra, {})


def stages(content: bytes) -> dict[str, float]:
    """CPU seconds of each stage over one body."""
    found: dict[str, float] = {}

    def measured(name: str, work: Callable[[], Any]) -> Any:
        gc.collect()
        with no_collection():
            began = time.process_time()
            result = work()
            found[name] = time.process_time() - began
        return result

    raw = measured("decode", lambda: decode(content)).traces
    traces = measured("adjust", lambda: [adjust(trace) for trace in raw])
    analyses = measured("analyse", lambda: [analyse(trace) for trace in traces])
    pairs = list(zip(traces, analyses, strict=True))
    measured("payload", lambda: [payload(trace, one) for trace, one in pairs])
    measured("graph", lambda: [contribution(t, link(t)) for t in traces])
    return found


def json_seconds(content: bytes, collector: bool) -> float:
    """CPU seconds of ``json.loads``, with Python's cyclic collector on or off."""
    gc.collect()
    was_on = gc.isenabled()
    if not collector:
        gc.disable()
    began = time.process_time()
    json.loads(content)
    took = time.process_time() - began
    if was_on:
        gc.enable()
    return took


def core(content: bytes) -> None:
    """Decode, adjust, analyse and make the payload, trace by trace."""
    for raw in decode(content).traces:
        trace = adjust(raw)
        payload(trace, analyse(trace))


def graph(content: bytes) -> None:
    """The same, and the calls and sums for the service graph."""
    for raw in decode(content).traces:
        trace = adjust(raw)
        payload(trace, analyse(trace))
        contribution(trace, link(trace))


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
    kept = {"json.loads": json.loads, "core": core, "graph": graph}[work](content)
    after = high_water_kib()
    del kept
    print((after - before) / 1024)


def high_water_kib() -> int:
    """Most memory that this process ever held (Linux); a child's starts anew."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def store_seconds(content: bytes) -> float:
    """CPU seconds of decoding and storing everything, as an upload does it."""
    TraceRecord.objects.all().delete()
    gc.collect()
    began = time.process_time()
    ingest(upload_source(), decode(content).traces, replace=True)
    return time.process_time() - began


def row_of(name: str, count: int, spans: int) -> str:
    """One row of the table."""
    content = body_of(count, spans)
    off, on, runs = [], [], []
    for _ in range(RUNS):  # in turn, so that all meet the same noise
        off.append(json_seconds(content, False))
        on.append(json_seconds(content, True))
        runs.append(stages(content))
    plain, plain_on = statistics.median(off), statistics.median(on)
    took = {stage: statistics.median(run[stage] for run in runs) for stage in STAGES}
    whole = sum(took[stage] for stage in STAGES[:-1])
    total = count * spans
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        peaks = [
            f"{peak_mib(work, Path(file.name)):.0f}"
            for work in ("json.loads", "core", "graph")
        ]
    stored = store_seconds(content)
    cells = [
        name,
        f"{plain * 1000:.0f} / {plain_on * 1000:.0f}",
        *(f"{took[stage] * 1000:.0f}" for stage in STAGES[:-1]),
        f"**{whole * 1000:.0f}**, {total / whole / 1000:.0f}k",
        f"**{whole / plain:.2f} ×** / {whole / plain_on:.2f} ×",
        f"{took['graph'] * 1000:.0f}",
        f"{(whole + took['graph']) / plain:.2f} ×",
        f"{stored * 1000:.0f}",
        " / ".join(peaks),
    ]
    return "| " + " | ".join(cells) + " |"


HEAD = """\
| case | json.loads, collector off / on | decode | adjust | analyse | payload | \
core, spans/s | core ÷ json.loads off / on | calls and sums | with them ÷ json.loads \
off | decode and store (SQLite) | peak MiB: json.loads / core / with calls |
|---|---|---|---|---|---|---|---|---|---|---|---|"""


def main() -> None:
    """One table; times are CPU milliseconds."""
    prepare_database()
    print(HEAD)
    for name, (count, spans) in CASES.items():
        print(row_of(name, count, spans), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print_peak(*sys.argv[2:4])
    else:
        main()
