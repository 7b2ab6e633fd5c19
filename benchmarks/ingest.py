"""Spans per second into a running Spanboard and a real Jaeger: the same bytes.

python -m benchmarks.ingest                     # rates, CPU and their ratios
python -m benchmarks.ingest --minutes 30        # memory over time at a steady rate
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.traffic import Pattern, bodies
from tests.peers.jaeger import Jaeger
from tests.peers.production import Production
from tests.peers.running import RunningSpanboard

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
SENDERS = 4


def tree(roots: list[int]) -> list[int]:
    """Processes and all below them."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue  # it ended meanwhile
            parents[int(entry.name)] = int(text.rpartition(")")[2].split()[1])
    found = list(roots)
    for number in found:
        found += [child for child, parent in parents.items() if parent == number]
    return found


def cpu_s(roots: list[int]) -> float:
    """CPU seconds of processes, ended children included."""
    total = 0
    for number in tree(roots):
        try:
            text = Path(f"/proc/{number}/stat").read_text()
        except OSError:
            continue
        total += sum(map(int, text.rpartition(")")[2].split()[11:15]))
    return total / TICKS


def rss_mib(roots: list[int]) -> float:
    """Resident memory of processes; shared pages count once for each."""
    total = 0
    for number in tree(roots):
        try:
            total += int(Path(f"/proc/{number}/statm").read_text().split()[1])
        except OSError:
            continue
    return total * PAGE / 2**20


@dataclass(slots=True)
class Target:
    """A server under load: where spans go, and its processes by what they are."""

    name: str
    url: str
    roots: dict[str, list[int]]


@contextmanager
def jaeger() -> Iterator[Target]:
    """A real Jaeger with its memory store."""
    with tempfile.TemporaryDirectory() as folder:
        server = Jaeger(Path(folder))
        server.start()
        assert server.process is not None
        try:
            yield Target("Jaeger", server.otlp, {"server": [server.process.pid]})
        finally:
            server.stop()


@contextmanager
def embedded() -> Iterator[Target]:
    """Spanboard in one process, with SQLite."""
    server = RunningSpanboard("--no-demo")
    server.start()
    assert server.process is not None
    try:
        url = f"{server.url}/v1/traces"
        yield Target("Spanboard, SQLite", url, {"server": [server.process.pid]})
    finally:
        server.stop()


@contextmanager
def production() -> Iterator[Target]:
    """One server process of Spanboard over PostgreSQL and Redis."""
    stack = Production(servers=1, workers=1)
    try:
        stack.start()
        (server,) = stack.servers
        assert server.process is not None and stack.database.process is not None
        roots = {
            "server": [server.process.pid],
            "PostgreSQL": [stack.database.process.pid],
        }
        yield Target("Spanboard, PostgreSQL", f"{stack.urls[0]}/v1/traces", roots)
    finally:
        stack.stop()


TARGETS: dict[str, Callable[[], object]] = {
    "jaeger": jaeger,
    "sqlite": embedded,
    "postgres": production,
}


def send(url: str, work: Iterator[tuple[bytes, Pattern]], until_s: float) -> int:
    """Send bodies until a time or their end, several at once; spans accepted."""
    lock = threading.Lock()

    def one() -> int:
        spans = 0
        kind = {"Content-Type": "application/x-protobuf"}
        with httpx.Client(timeout=60) as client:
            while time.monotonic() < until_s:
                with lock:
                    following = next(work, None)
                if following is None:
                    break
                body, pattern = following
                while True:
                    answer = client.post(url, content=body, headers=kind)
                    if answer.status_code != 503:
                        break
                    time.sleep(float(answer.headers.get("Retry-After", "1")))
                answer.raise_for_status()
                spans += pattern.spans
        return spans

    with ThreadPoolExecutor(SENDERS) as pool:
        return sum(pool.map(lambda _: one(), range(SENDERS)))


def rate(target: Target, made: list[tuple[bytes, Pattern]]) -> dict[str, float]:
    """Spans, seconds, and CPU seconds by process, of all bodies sent at once."""
    before = {name: cpu_s(roots) for name, roots in target.roots.items()}
    began = time.monotonic()
    spans = send(target.url, iter(made), began + 600)
    took = time.monotonic() - began
    found = {"spans": float(spans), "seconds": took}
    for name, roots in target.roots.items():
        found[name] = cpu_s(roots) - before[name]
    return found


def compare(names: list[str], traces: int, rounds: int) -> None:
    """Each target in turn gets the same bytes, several times; medians are told."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    labels = {}
    for number in range(rounds):
        made = list(bodies(traces))
        for name in names:
            with TARGETS[name]() as target:  # type: ignore[attr-defined]  # all are
                send(target.url, iter(list(bodies(500))), time.monotonic() + 60)
                labels[name] = target.name
                results[name].append(rate(target, made))
                print(number, target.name, results[name][-1], flush=True)
    print("| server | spans/s | CPU µs a span | spans/s a core | CPU, times Jaeger's |")
    print("|---|---|---|---|---|")
    base = None
    for name in names:
        runs = results[name]
        speed = statistics.median(run["spans"] / run["seconds"] for run in runs)
        parts = [part for part in runs[0] if part not in ("spans", "seconds")]
        costs = {
            part: statistics.median(run[part] / run["spans"] for run in runs)
            for part in parts
        }
        whole = sum(costs.values())
        base = base or whole
        told = " + ".join(f"{cost * 1e6:.1f}" for cost in costs.values())
        print(
            f"| {labels[name]} | {speed:,.0f} | {told} | {1 / whole:,.0f} "
            f"| {whole / base:.1f} × |"
        )


def memory(name: str, minutes: float, per_s: float) -> None:
    """RSS every ten seconds while a steady stream of spans comes in."""
    with TARGETS[name]() as target:  # type: ignore[attr-defined]  # all are
        roots = [number for found in target.roots.values() for number in found]
        began = time.monotonic()
        series: list[float] = []
        spans = 0
        made: Iterator[tuple[bytes, Pattern]] = iter(())
        at_s = 0.0
        while at_s < minutes * 60:
            following = next(made, None)
            if following is None:
                made = bodies(20_000, seed=int(at_s * 1000))
                continue
            spans += send(target.url, iter([following]), time.monotonic() + 60)
            wait = began + spans / per_s - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            at_s = time.monotonic() - began
            if at_s >= 10 * len(series):
                series.append(rss_mib(roots))
                print(f"{at_s:.0f} s {spans} spans {series[-1]:.0f} MiB", flush=True)
        third = len(series) // 3
        early, late = series[third : 2 * third], series[2 * third :]
        print(
            f"{target.name}: {spans} spans in {at_s / 60:.0f} min; MiB at the start "
            f"{series[0]:.0f}, median of the second third "
            f"{statistics.median(early):.0f}, of the last {statistics.median(late):.0f}"
        )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", default="jaeger,sqlite,postgres")
    parser.add_argument("--traces", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--rate", type=float, default=2_000, help="spans a second")
    options = parser.parse_args()
    if options.minutes:
        memory(options.targets.split(",")[0], options.minutes, options.rate)
    else:
        compare(options.targets.split(","), options.traces, options.rounds)


if __name__ == "__main__":
    main()
