"""A burst of traces into a real Jaeger while Spanboard pulls: does all of it arrive?

python -m benchmarks.completeness                         # embedded, SQLite
python -m benchmarks.completeness --production            # 2 workers, PostgreSQL, Redis
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.ingest import cpu_s, send
from benchmarks.traffic import Pattern, bodies
from tests.peers.jaeger import Jaeger
from tests.peers.production import Production
from tests.peers.running import ROOT, RunningSpanboard

COUNT = "SELECT count(*) FROM dashboard_tracerecord"


@dataclass(slots=True)
class Puller:
    """A running Spanboard that pulls: how to ask it, and its processes."""

    url: str
    stored: Callable[[], int]  # traces
    verify: Callable[[], dict[str, Any]]
    roots: list[int]


@contextmanager
def embedded(jaeger_url: str) -> Iterator[Puller]:
    """One process, SQLite."""
    import sqlite3

    server = RunningSpanboard("--jaeger", jaeger_url)
    server.start()
    assert server.process is not None
    folder = server.folder / "data"

    def stored() -> int:
        name = f"file:{folder / 'spanboard.sqlite3'}?mode=ro"
        with sqlite3.connect(name, uri=True, timeout=30) as database:
            return int(database.execute(COUNT).fetchone()[0])

    def verify() -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "manage.py", "verify", "--json"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "SPANBOARD_DATA_DIR": str(folder)},
            stdout=subprocess.PIPE,
            check=False,
        )
        return {"status": done.returncode, **json.loads(done.stdout)}

    try:
        yield Puller(server.url, stored, verify, [server.process.pid])
    finally:
        server.stop()


@contextmanager
def production(jaeger_url: str) -> Iterator[Puller]:
    """Two workers over PostgreSQL and Redis."""
    import psycopg

    stack = Production(jaeger_url, servers=1, workers=2)

    def stored() -> int:
        with psycopg.connect(stack.database.url) as database:
            row = database.execute(COUNT).fetchone()
            assert row is not None
            return int(row[0])

    def verify() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(stack.manage("verify", "--json"))
        return {"status": int(bool(found["differences"])), **found}

    try:
        stack.start()
        roots = [part.process.pid for part in stack.parts if part.process is not None]
        yield Puller(stack.urls[0], stored, verify, roots)
    finally:
        stack.stop()


@dataclass(slots=True)
class Outcome:
    """What a burst came to."""

    sent: int
    spans: int
    burst_s: float
    stored_s: float  # from the first trace sent until all are stored
    stored: int
    cpu_s: float
    verified: dict[str, Any]
    verify_s: float
    truth: Counter[tuple[str, str]]
    edges: dict[tuple[str, str], int]


def burst(puller: Puller, otlp: str, traces: int, wait_s: float) -> Outcome:
    """Send traces as fast as Jaeger takes them, and wait until all are stored."""
    truth: Counter[tuple[str, str]] = Counter()
    sent = 0

    def told() -> Iterator[tuple[bytes, Pattern]]:
        nonlocal sent
        for body, pattern in bodies(traces, min(100, traces), ago_s=2.0):
            truth.update(pattern.calls)
            sent += pattern.traces
            yield body, pattern

    before = cpu_s(puller.roots)
    began = time.monotonic()
    spans = send(otlp, told(), began + 600)
    burst_s = time.monotonic() - began
    stored = puller.stored()
    while stored < sent and time.monotonic() < began + wait_s:
        time.sleep(0.2)
        stored = puller.stored()
    stored_s = time.monotonic() - began
    used = cpu_s(puller.roots) - before
    at = time.monotonic()
    verified = puller.verify()
    verify_s = time.monotonic() - at
    found = httpx.get(f"{puller.url}/graph.json?lookback=6h", timeout=60).json()
    edges = {(e["caller"], e["callee"]): e["calls"] for e in found["edges"]}
    return Outcome(
        sent,
        spans,
        burst_s,
        stored_s,
        stored,
        used,
        verified,
        verify_s,
        truth,
        edges,
    )


def main() -> None:
    """The command; exits 1 when anything is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=50_000)
    parser.add_argument("--production", action="store_true")
    parser.add_argument("--wait", type=float, default=900, help="seconds at most")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Jaeger(Path(folder))
        server.start()
        assert server.process is not None
        kind = production if options.production else embedded
        try:
            with kind(server.url) as puller:
                found = burst(puller, server.otlp, options.traces, options.wait)
                of_jaeger = cpu_s([server.process.pid])
        finally:
            server.stop()
    verified = found.verified
    exact = found.edges == dict(found.truth)
    print(
        f"{found.sent} traces ({found.spans} spans) sent in {found.burst_s:.1f} s; "
        f"{found.stored} stored ({found.stored / found.sent:.2%}) "
        f"{found.stored_s:.1f} s after the first was sent, "
        f"{found.stored / found.stored_s:.0f} traces/s, lag behind the burst's end "
        f"{found.stored_s - found.burst_s:.1f} s; CPU {found.cpu_s:.0f} s, Jaeger's "
        f"{of_jaeger:.0f} s; verify {found.verify_s:.0f} s: {verified['traces']} traces, "
        f"{verified['spans']} spans, {verified['calls']} calls, "
        f"{len(verified['differences'])} differences; edges "
        f"{'equal' if exact else 'DIFFER FROM'} the truth"
    )
    complete = found.stored == found.sent and verified["spans"] == found.spans
    sys.exit(0 if complete and exact and not verified["status"] else 1)


if __name__ == "__main__":
    main()
