"""The mesh on this machine: its start, its memory, how many pages it serves.

    python -m benchmarks.mesh [--pages N] [--tracer T]

Spans go to a Spanboard of its own; at the end all traces must be stored there. The
visitors run in the mesh's process, so their work is part of the figures.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import httpx

from dashboard.mesh import TRACERS, Mesh
from dashboard.mesh.pods import ADMIN_PORT, PODS
from tests.peers.running import RunningSpanboard

STARTS = 5
STEADY_S = 15
PATIENCE_S = 15.0


def memory_mib(pid: int, kind: str) -> float:
    """``Pss`` shares pages fairly between processes; ``Rss`` counts them in each."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == kind:
            return int(rest.split()[0]) / 1024
    raise AssertionError(kind)


def cpu_s(pid: int) -> float:
    """Seconds of CPU so far."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / 100


def stored(board: RunningSpanboard) -> int:
    """Calls that the graph counts into productpage: one a page."""
    answer = httpx.get(
        f"{board.url}/graph.json", params={"lookback": "1h", "group": "none"}
    ).json()
    into = [e for e in answer["edges"] if e["callee"].startswith("productpage")]
    return sum(edge["calls"] for edge in into)


def answers(mesh: Mesh) -> dict[str, int]:
    """How Spanboard answered the Envoys' reports; what is refused is not sent again."""
    found: dict[str, int] = {}
    for pod in PODS:
        place = f"http://{pod.ip(mesh.base)}:{ADMIN_PORT}"
        stats = httpx.get(f"{place}/stats?filter=tracing-collector.*upstream_rq")
        for line in stats.text.splitlines():
            name, _, value = line.rpartition(": ")
            kind = name.rpartition("_rq_")[2]
            if value.isdigit() and int(value) and "internal" not in name:
                found[kind] = found.get(kind, 0) + int(value)
    return found


def counted(board: RunningSpanboard, wanted: int) -> int:
    """Pages in the graph once all are there, or when no more come."""
    held, since = stored(board), time.perf_counter()
    while held < wanted and time.perf_counter() - since < PATIENCE_S:
        time.sleep(0.5)
        now = stored(board)
        if now > held:
            held, since = now, time.perf_counter()
    return held


def main() -> None:
    """Start some times, send, look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=600)
    parser.add_argument("--tracer", choices=TRACERS, default="zipkin")
    given = parser.parse_args()
    board = RunningSpanboard("--no-demo")
    board.start()
    try:
        starts, ends = [], []
        for _ in range(STARTS):
            mesh = Mesh(given.tracer, to=board.url)
            began = time.perf_counter()
            mesh.start()
            starts.append(time.perf_counter() - began)
            began = time.perf_counter()
            mesh.stop()
            ends.append(time.perf_counter() - began)
        print(f"start {statistics.median(starts):.2f} s (worst {max(starts):.2f})")
        print(f"end {statistics.median(ends):.2f} s (worst {max(ends):.2f})")
        with Mesh(given.tracer, to=board.url) as mesh:
            pids = list(mesh.parts().values())
            sent = 0
            for concurrency in (1, 4, 16):
                before = sum(cpu_s(pid) for pid in pids)
                began = time.perf_counter()
                statuses = mesh.send(given.pages, concurrency=concurrency)
                taken = time.perf_counter() - began
                used = sum(cpu_s(pid) for pid in pids) - before
                assert statuses == [200] * given.pages
                sent += given.pages
                print(
                    f"{concurrency} at once: {given.pages / taken:.0f} pages/s, "
                    f"{1000 * concurrency * taken / given.pages:.0f} ms each, "
                    f"Envoys {1000 * used / given.pages:.1f} ms of CPU a page"
                )
            mesh.settle()
            for kind in ("Pss", "Rss"):
                each = [memory_mib(pid, kind) for pid in pids]
                print(f"Envoys {kind}: {sum(each):.0f} MiB, {max(each):.0f} at most")
            held = counted(board, sent)
            print(f"after the bursts {held} of {sent} pages are in the graph;", end=" ")
            print(f"Spanboard answered {answers(mesh)}")
        for rate in (5, 20, 40):
            with Mesh(given.tracer, to=board.url) as mesh:
                mesh.switch(rate=rate)
                time.sleep(STEADY_S)
                mesh.switch(rate=0)
                mesh.settle()
                gateway = ("istio-ingressgateway.istio-system", "productpage.default")
                sent = mesh.access_log_calls()[0][gateway]
                before, held = held, counted(board, held + sent)
                print(f"{rate} a second: {held - before} of {sent} pages in the graph;")
                print(f"  Spanboard answered {answers(mesh)}")
    finally:
        board.stop()


if __name__ == "__main__":
    main()
