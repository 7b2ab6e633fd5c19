"""Faults of the embedded Spanboard, each with the real part: SQLite, disk, clock."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.demo.traffic import send
from dashboard.traces.ids import trace_key
from tests.peers.held import held_by
from tests.peers.need import need, until
from tests.peers.pushing import chain, key_of, post, request_of, trace_of
from tests.peers.running import ROOT, RunningSpanboard


def database_of(board: RunningSpanboard) -> Path:
    """Its SQLite file."""
    return board.folder / "data/spanboard.sqlite3"


def rows(board: RunningSpanboard, query: str) -> list[tuple[Any, ...]]:
    """Rows of its database, read beside Spanboard."""
    name = f"file:{database_of(board)}?mode=ro"
    with contextlib.closing(sqlite3.connect(name, uri=True, timeout=20)) as database:
        return database.execute(query).fetchall()


def stored(board: RunningSpanboard) -> dict[str, int]:
    """Spans by trace."""
    return dict(rows(board, "SELECT trace_key, span_count FROM dashboard_tracerecord"))


def verify(board: RunningSpanboard) -> dict[str, Any]:
    """What ``verify --json`` says, beside the running Spanboard."""
    done = subprocess.run(
        [sys.executable, "manage.py", "verify", "--json"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "SPANBOARD_DATA_DIR": str(board.folder / "data")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def kill(board: RunningSpanboard) -> None:
    """``kill -9``."""
    assert board.process is not None
    os.killpg(board.process.pid, signal.SIGKILL)
    board.process.wait(10)


def all_of(board: RunningSpanboard, jaeger: Any, seconds: float = 60) -> dict[str, int]:
    """Wait until every span that Jaeger holds is stored once; what is stored."""
    wanted = held_by(jaeger.url)

    def missing() -> dict[str, int]:
        found = stored(board)
        return {k: n for k, n in wanted.items() if found.get(k) != n}

    until(lambda: not missing(), f"all of {len(wanted)} traces", seconds, 0.3)
    return stored(board)


def test_a_server_killed_while_spans_come_keeps_all_that_it_accepted(
    spanboard: Any,
) -> None:
    board = spanboard("--no-demo")
    accepted: set[int] = set()
    over = threading.Event()

    def push(first: int) -> None:
        number = first
        while not over.is_set():
            if post(board.url, trace_of(number, 30), over):
                accepted.add(number)
                number += 2

    senders = [threading.Thread(target=push, args=(n,)) for n in (1, 2)]
    for sender in senders:
        sender.start()
    try:
        for _ in range(2):
            before = len(accepted)
            until(
                lambda before=before: len(accepted) > before + 10, "accepted traces", 60
            )
            kill(board)  # the senders do not pause: it dies at work
            found = verify(board)
            assert found["differences"] == []
            assert found["spans"] == 30 * found["traces"]
            assert found["traces"] >= len(accepted)
            board.start()
    finally:
        over.set()
        for sender in senders:
            sender.join()
    held = stored(board)
    assert [held.get(key_of(n)) for n in accepted] == [30] * len(accepted)
    assert verify(board)["differences"] == []


@pytest.fixture
def small_disk() -> Iterator[RunningSpanboard]:
    """A Spanboard whose data directory is a disk of 48 MiB."""
    board = RunningSpanboard("--no-demo")
    data = board.folder / "data"
    data.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(data)],
            capture_output=True,
        ).returncode
    )
    if not mounted:
        board.stop()
        pytest.skip("a small disk can not be mounted here: it needs root")
    try:
        board.start()
        yield board
    finally:
        if board.process is not None:
            kill(board)
        subprocess.run(["umount", "-l", str(data)], check=True)
        board.stop()


def test_a_full_disk_is_told_and_passes(small_disk: RunningSpanboard) -> None:
    board = small_disk
    assert post(board.url, trace_of(1, 30))
    ballast = board.folder / "data/ballast"
    with ballast.open("wb") as file:
        size = 2**20
        while size:
            try:
                os.write(file.fileno(), b"x" * size)
            except OSError:
                size //= 2
    taken = []

    def refused() -> httpx.Response | None:
        number = 2 + len(taken)
        answer = httpx.post(
            f"{board.url}/v1/traces", json=trace_of(number, 2000), timeout=60
        )
        if answer.status_code == 200:
            taken.append(number)
            return None
        return answer

    answer = until(refused, "a full disk", 40)
    assert answer.status_code == 503
    assert "disk of the database is full" in answer.json()["message"]
    assert answer.headers["Retry-After"]
    # Reading goes on, and the page says why nothing new comes.
    page = httpx.get(f"{board.url}/search", timeout=30)
    assert page.status_code == 200
    assert "The disk of the database is full" in page.text
    assert httpx.get(f"{board.url}/trace/{1:032x}", timeout=30).status_code == 200
    assert httpx.get(f"{board.url}/graph", timeout=30).status_code == 200
    assert httpx.get(f"{board.url}/readyz", timeout=30).status_code == 200
    ballast.unlink()
    assert post(board.url, trace_of(900, 2000))
    until(
        lambda: "The disk of the database" not in httpx.get(f"{board.url}/search").text,
        "the end of the notice",
    )
    found = verify(board)
    assert found["differences"] == []
    assert found["spans"] == 30 + 2000 * (len(taken) + 1)
    assert "Traceback" not in board.text()


def test_a_database_held_by_another_program(spanboard: Any) -> None:
    board = spanboard("--no-demo", SPANBOARD_SQLITE_WAIT_SECONDS="2")
    assert post(board.url, trace_of(1, 5))
    other = sqlite3.connect(database_of(board), isolation_level=None, timeout=20)
    other.execute("BEGIN IMMEDIATE")
    # Short: the write waits and is done.
    answers: list[int] = []
    sender = threading.Thread(
        target=lambda: answers.append(
            httpx.post(
                f"{board.url}/v1/traces", json=trace_of(2, 5), timeout=60
            ).status_code
        )
    )
    sender.start()
    assert httpx.get(f"{board.url}/search", timeout=30).status_code == 200
    other.execute("COMMIT")
    sender.join()
    assert answers == [200]
    # Long: it is refused with a sentence, and nothing of it is stored.
    other.execute("BEGIN IMMEDIATE")
    answer = httpx.post(f"{board.url}/v1/traces", json=trace_of(3, 5), timeout=60)
    assert answer.status_code == 503
    assert "Another program holds the database" in answer.json()["message"]
    assert httpx.get(f"{board.url}/trace/{1:032x}", timeout=30).status_code == 200
    other.execute("COMMIT")
    other.close()
    assert post(board.url, trace_of(3, 5))
    assert sorted(stored(board).values()) == [5, 5, 5]
    assert verify(board)["differences"] == []
    assert "Traceback" not in board.text()


@pytest.mark.jaeger
def test_a_clock_that_jumps(jaeger: Any, spanboard: Any, tmp_path: Path) -> None:
    library = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
    need(library, "libfaketime", "install Debian's faketime")
    clock = tmp_path / "clock"
    clock.write_text("+0")

    def jump(to: str) -> None:
        fresh = tmp_path / "fresh"
        fresh.write_text(to)
        fresh.replace(clock)

    board = spanboard(
        "--jaeger",
        jaeger.url,
        LD_PRELOAD=str(library),
        PYTHONPATH=str(ROOT / "tests/peers/under_faketime"),
        FAKETIME_TIMESTAMP_FILE=str(clock),
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
        SPANBOARD_POLL_SECONDS="0.5",
    )
    send(jaeger.otlp, 10, seed=1, spread_s=5)
    all_of(board, jaeger)
    for number, jump_s in enumerate((86_400, -3_600, 3_600, -86_400), 1):
        jump(f"{jump_s:+d}")
        until(lambda off=jump_s: pulled_at(board, off), f"a pull {jump_s} s off", 40)
        # Pushed spans are taken whatever the clock says.
        assert post(board.url, trace_of(number, 10))
        send(jaeger.otlp, 10, seed=10 + number, spread_s=5)
        jump("+0")
        found = all_of(board, jaeger, 90)
        assert found[key_of(number)] == 10
        # What must happen by and by still does.
        until(lambda: not growing(board), "traces settle", 60)
    assert len(stored(board)) == 50 + 4
    assert verify(board)["differences"] == []
    assert "Traceback" not in board.text()


def pulled_at(board: RunningSpanboard, off_s: int) -> bool:
    """Whether the last pull ended by a clock so many seconds off."""
    query = "SELECT last_success_at FROM dashboard_source WHERE kind = 'jaeger'"
    told = rows(board, query)[0][0]
    if told is None:  # the first pull is not over yet
        return False
    at = datetime.fromisoformat(f"{told}+00:00").timestamp()
    return abs(at - time.time() - off_s) < 300


def growing(board: RunningSpanboard) -> int:
    """How many traces are thought to grow."""
    query = "SELECT count(*) FROM dashboard_tracerecord WHERE NOT settled"
    return int(rows(board, query)[0][0])


@pytest.mark.jaeger
def test_a_trace_of_100_000_spans_does_not_starve_small_ones(
    jaeger: Any, spanboard: Any
) -> None:
    board = spanboard("--jaeger", jaeger.url, SPANBOARD_JAEGER_TIMEOUT_SECONDS="60")
    big = chain(7, 100_000)
    for first in range(0, len(big), 10_000):
        body = request_of(big[first : first + 10_000], "big")
        assert httpx.post(jaeger.otlp, json=body, timeout=60).status_code == 200
    send(jaeger.otlp, 40, seed=3, spread_s=5)
    services = ("productpage", "reviews", "details", "ratings")
    small: dict[str, int] = {}
    for service in services:
        asked = {"service": service, "limit": 1000}
        answer = httpx.get(f"{jaeger.url}/api/traces", params=asked, timeout=60)
        for trace in answer.json()["data"]:
            small[trace_key(trace["traceID"])] = len(trace["spans"])
    assert len(small) == 40
    until(
        lambda: (
            (found := stored(board))
            and all(found.get(k) == n for k, n in small.items())
        ),
        "all small traces",
        90,
        0.3,
    )
    until(lambda: stored(board).get(key_of(7)) == 100_000, "the big trace", 120)
    later = send(jaeger.otlp, 20, seed=4, spread_s=5)
    until(lambda: len(stored(board)) == 41 + later.traces, "traces after it", 90, 0.3)
    found = verify(board)
    assert found["differences"] == []
    assert found["traces"] == 61


@pytest.mark.jaeger
def test_ten_thousand_services(jaeger: Any, spanboard: Any) -> None:
    template = json.dumps(trace_of(1, 1)["resourceSpans"][0])
    for first in range(0, 10_000, 2_500):
        parts = []
        for number in range(first, first + 2_500):
            part = json.loads(template)
            name = part["resource"]["attributes"][0]["value"]
            name["stringValue"] = f"service-{number:05d}"
            span = part["scopeSpans"][0]["spans"][0]
            # Chains of ten services, so that there are edges.
            span["traceId"] = f"{number // 10 + 1:032x}"
            span["spanId"] = f"{number + 1:016x}"
            if number % 10:
                span["parentSpanId"] = f"{number:016x}"
            span["kind"] = 2
            parts.append(part)
        body = {"resourceSpans": parts}
        assert httpx.post(jaeger.otlp, json=body, timeout=60).status_code == 200
    board = spanboard("--jaeger", jaeger.url)
    until(lambda: sum(stored(board).values()) == 10_000, "all 10,000 spans", 280, 0.5)
    assert len(stored(board)) == 1_000
    with httpx.Client(base_url=board.url, timeout=60) as client:
        for path in ("/search", "/sources", "/graph?lookback=1h"):
            page = client.get(path)
            assert page.status_code == 200, path
            assert len(page.content) < 3_000_000, path
        graph = client.get("/graph.json?lookback=1h")
        assert graph.status_code == 200
        assert len(graph.json()["nodes"]) <= 300  # grouped
        names = client.get("/api/services").json()["data"]
        assert len(names) == 10_000
    assert verify(board)["differences"] == []
    assert "Traceback" not in board.text()
