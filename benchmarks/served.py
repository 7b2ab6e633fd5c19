"""Jaeger's query API here and in a real Jaeger: the same traces, the same questions.

    python -m benchmarks.served [--traces N]

Starts both, sends the same spans to both, asks in turn; medians, plain answers and
answers compressed as a browser would take them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks import traffic
from tests.peers.jaeger import Jaeger
from tests.peers.need import until
from tests.peers.running import RunningSpanboard


def asked(url: str, *, packed: bool) -> tuple[float, int, bytes]:
    """Milliseconds, bytes on the wire and the body."""
    headers = {"Accept-Encoding": "gzip, br" if packed else "identity"}
    began = time.perf_counter()
    with httpx.stream("GET", url, headers=headers, timeout=120) as answer:
        raw = b"".join(answer.iter_raw())
    taken_ms = (time.perf_counter() - began) * 1e3
    assert answer.status_code == 200, (url, answer.status_code, raw[:300])
    return taken_ms, len(raw), raw


def main() -> None:
    """Send, wait, ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=1_500)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    jaeger = Jaeger(Path(tempfile.mkdtemp(prefix="served-")))
    board = RunningSpanboard("--no-demo")
    try:
        jaeger.start()
        board.start()
        head = {"Content-Type": "application/x-protobuf"}
        for body, _ in traffic.bodies(given.traces, ago_s=30):
            for url in (jaeger.otlp, f"{board.url}/v1/traces"):
                assert httpx.post(url, content=body, headers=head).status_code == 200
        services = httpx.get(f"{board.url}/api/services").json()["data"]
        service = next(name for name in services if "productpage" in name)
        start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600))
        whole = f"/api/traces?service={service}&limit={given.traces}"
        count = len(httpx.get(board.url + whole, timeout=120).json()["data"])

        def arrived() -> bool:
            found = httpx.get(jaeger.url + whole, timeout=120).json()["data"]
            return len(found) == count

        until(arrived, "the arrival in Jaeger", 60, 1.0)
        print(f"{count} traces of {service}")
        for limit in (20, given.traces):
            window = f"query.start_time_min={start}&query.start_time_max={end}"
            for name, path in (
                ("v1", f"/api/traces?service={service}&limit={limit}"),
                (
                    "v3",
                    f"/api/v3/traces?query.service_name={service}&{window}"
                    f"&query.num_traces={limit}",
                ),
            ):
                told = []
                for packed in (False, True):
                    times: dict[str, list[float]] = {"jaeger": [], "here": []}
                    sizes = {}
                    for _ in range(given.rounds):
                        for side, url in (("jaeger", jaeger.url), ("here", board.url)):
                            taken_ms, size, _ = asked(url + path, packed=packed)
                            times[side].append(taken_ms)
                            sizes[side] = size
                    jaeger_ms = statistics.median(times["jaeger"])
                    here_ms = statistics.median(times["here"])
                    told.append(
                        f"{'packed' if packed else 'plain'}: Jaeger {jaeger_ms:.0f} ms"
                        f" {sizes['jaeger'] / 1e6:.2f} MB, here {here_ms:.0f} ms"
                        f" {sizes['here'] / 1e6:.2f} MB, ratio {here_ms / jaeger_ms:.1f}"
                    )
                print(f"{name} limit {limit}: " + "; ".join(told))
    finally:
        board.stop()
        jaeger.stop()


if __name__ == "__main__":
    main()
