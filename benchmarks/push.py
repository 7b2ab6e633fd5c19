"""More spans than Spanboard can store, by OTLP: what is taken, refused and held.

.venv/bin/python -m benchmarks.push

64 senders post without a pause for some seconds, with and without the durable
queue; who is refused comes again at once, which is ruder than any exporter. Peak
memory is that of the whole process, which holds about 110 MiB when idle.
"""

from __future__ import annotations

import gzip
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.peers.need import until
from tests.peers.running import RunningSpanboard
from tests.peers.spans import HEADERS, body

SENDERS = 64
SECONDS = 20
SHAPES = ((10, 0), (200, 100), (1_000, 400))  # spans a body, bytes of padding a span


def main() -> None:
    """Print a table."""
    print("| body | queue | taken, spans/s | stored, spans/s | refused | peak MiB |")
    print("|---|---|---|---|---|---|")
    for shape in SHAPES:
        for queue in ("off", "on"):
            print(row(shape, queue), flush=True)


def row(shape: tuple[int, int], queue: str) -> str:
    """One burst against a fresh Spanboard."""
    spans, padding = shape
    board = RunningSpanboard("--no-demo", SPANBOARD_QUEUE=queue)
    try:
        board.start()
        answers: Counter[int] = Counter()
        end = time.monotonic() + SECONDS
        bodies = [gzip.compress(body(n + 1, spans, padding)) for n in range(SENDERS)]

        def send(number: int) -> None:
            headers = {**HEADERS, "Content-Encoding": "gzip"}
            with httpx.Client(timeout=60) as client:
                while time.monotonic() < end:
                    number += SENDERS
                    content = gzip.compress(body(number, spans, padding), 1)
                    answer = client.post(
                        f"{board.url}/v1/traces", content=content, headers=headers
                    )
                    answers[answer.status_code] += 1

        began = time.monotonic()
        threads = [threading.Thread(target=send, args=[n]) for n in range(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        taken_s = time.monotonic() - began
        folder = board.folder / "data/queue"
        until(lambda: not list(folder.glob("*.batch")), "the queue's end", 600)
        stored_s = time.monotonic() - began
        taken = answers[200] * spans
        assert stored(board) == taken, (stored(board), taken)
        size = f"{spans:,} spans, {len(bodies[0]) / 1024:.0f} KiB"
        return (
            f"| {size} | {queue} | {taken / taken_s:,.0f} | {taken / stored_s:,.0f} | "
            f"{answers[503]:,} of {answers.total():,} | {peak_mib(board):.0f} |"
        )
    finally:
        board.stop()


def stored(board: RunningSpanboard) -> int:
    """New spans that its process has stored."""
    text = httpx.get(f"{board.url}/metrics").text
    return round(
        sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "spanboard_stored_spans_total"
        )
    )


def peak_mib(board: RunningSpanboard) -> float:
    """The most memory that the process held."""
    assert board.process is not None
    status = Path(f"/proc/{board.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
