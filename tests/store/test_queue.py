"""The durable queue: what was accepted is stored once, whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import DataError, OperationalError, connection
from django.test import Client, override_settings

from dashboard.actions import queue, received
from dashboard.actions import spool as spooling
from dashboard.actions.spool import Record, Spool, SpoolBroken, SpoolFull, State
from dashboard.models import TraceRecord
from tests.peers.running import ROOT
from tests.peers.spans import HEADERS, body

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def files(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "queue", 2**20)


def record(number: int, spans: int = 1) -> Record:
    return Record("otlp", "otlp-protobuf", "", body(number, spans))


def stored() -> list[int]:
    """Numbers of the traces that are stored."""
    ids = TraceRecord.objects.values_list("trace_id", flat=True)
    return sorted(int(trace_id, 16) for trace_id in ids)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_what_is_put_is_drained_and_gone(files: Spool) -> None:
    for number in (1, 2, 3):
        files.put(record(number))
    assert files.measure().files == 3
    assert queue.drain(files) == 3
    assert (stored(), files.measure()) == ([1, 2, 3], State(0, 0, 0, 0.0))
    assert queue.drain(files) == 0


def test_what_several_threads_put_is_forced_to_the_disk_at_once(
    files: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls, gate = os.fsync, [], threading.Event()

    def slow(number: int) -> None:
        calls.append(number)
        assert gate.wait(20)
        real(number)

    monkeypatch.setattr(spooling.os, "fsync", slow)
    threads = [
        threading.Thread(target=files.put, args=[record(n)]) for n in range(1, 9)
    ]
    threads[0].start()
    while not calls:
        threading.Event().wait(0.005)
    for thread in threads[1:]:
        thread.start()
    while len(files._pending) < 7:
        threading.Event().wait(0.005)
    gate.set()
    for thread in threads:
        thread.join(20)
    assert len(names(files.folder)) == 2  # the first alone, the others together
    assert len(calls) == 4  # each file and its folder
    assert queue.drain(files) == 2
    assert stored() == list(range(1, 9))


def test_the_queue_is_bounded_in_bytes(tmp_path: Path) -> None:
    size = len(record(1).to_bytes())
    files = Spool(tmp_path / "queue", size * 2)
    files.put(record(1))
    files.put(record(2))
    with pytest.raises(SpoolFull):
        files.put(record(3))
    assert queue.drain(files) == 2
    files.put(record(3))
    # Another process sees what is there already.
    again = Spool(tmp_path / "queue", size)
    with pytest.raises(SpoolFull):
        again.put(record(4))


def test_a_disk_that_is_full_is_told_and_leaves_nothing(
    files: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(spooling.os, "fsync", full)
        with pytest.raises(SpoolBroken, match="No space left"):
            files.put(record(1))
    assert names(files.folder) == []
    files.put(record(1))
    assert queue.drain(files) == 1


def test_a_crash_between_store_and_removal_stores_nothing_twice(
    files: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.put(record(1, spans=3))

    def killed(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "finish", killed)
        with pytest.raises(KeyboardInterrupt):
            queue.drain(files)
    before = TraceRecord.objects.values("span_count", "version", "digest").get()
    assert queue.drain(files) == 1
    after = TraceRecord.objects.values("span_count", "version", "digest").get()
    assert (before, after["span_count"]) == (after, 3)


def test_files_wait_while_the_database_does_not_answer(
    files: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.put(record(1))
    before = names(files.folder)

    def down(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(received, "ingest", down)
        for _ in range(spooling.MAX_TRIES + 2):
            with pytest.raises(received.Unavailable):
                queue.drain(files)
    assert len(names(files.folder)) == len(before) == 1
    assert queue.drain(files) == 1
    assert stored() == [1]


def test_a_damaged_file_gives_what_can_be_read_and_is_set_aside(files: Spool) -> None:
    good, bad = record(1).to_bytes(), bytearray(record(2).to_bytes())
    bad[-1] ^= 1
    files._write(files.folder, [good, bytes(bad)])
    files._write(files.folder, [b"nonsense"])
    files.put(record(3))
    assert queue.drain(files) == 3
    assert stored() == [1, 3]
    assert (files.measure().files, len(names(files.bad))) == (0, 2)
    assert queue.drain(files) == 0  # and not again
    assert Spool(files.folder, 2**20).measure().bad == 2


def test_spans_that_can_not_be_stored_are_set_aside_alone(
    files: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = received.ingest

    def picky(source: Any, traces: list[Any], *, replace: bool) -> Any:
        if any(int(trace.trace_id, 16) == 2 for trace in traces):
            raise DataError("a value that the database does not know")
        return real(source, traces, replace=replace)

    for number in (1, 2, 3):
        files.put(record(number))
    with monkeypatch.context() as patch:
        patch.setattr(received, "ingest", picky)
        assert queue.drain(files) == 3
    assert (stored(), files.measure().files) == ([1, 3], 0)
    # Moved back by hand, once what was wrong is mended.
    (left,) = names(files.bad)
    (files.bad / left).rename(files.folder / left)
    assert queue.drain(files) == 1
    assert stored() == [1, 2, 3]


def test_a_file_that_never_comes_to_an_end_stops_nobody(
    files: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that makes the process die: its neighbours are stored."""
    files.put(record(1))
    files.put(record(2))
    real = queue.read

    def deadly(plain: bytes, format: str) -> Any:
        if plain == body(1):
            raise KeyboardInterrupt
        return real(plain, format)

    monkeypatch.setattr(queue, "read", deadly)
    deaths = 0
    for _ in range(20):
        try:
            queue.drain(files)
        except KeyboardInterrupt:
            deaths += 1
    assert deaths == spooling.MAX_TRIES
    assert (stored(), len(names(files.bad))) == ([2], 1)


def test_a_file_that_another_process_stores_is_left_to_it(
    files: Spool, tmp_path: Path
) -> None:
    files.put(record(1))
    script = (
        "import sys; from pathlib import Path\n"
        "from dashboard.actions.spool import Spool\n"
        "claimed = Spool(Path(sys.argv[1]), 2**20).claim(1)\n"
        "print(len(claimed), flush=True); sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(files.folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"1\n"
        assert (queue.drain(files), stored()) == (0, [])
    finally:
        other.kill()
        other.wait(10)
    assert (queue.drain(files), stored()) == (1, [1])


def test_commits_are_forced_to_the_disk_before_a_file_goes(files: Spool) -> None:
    files.put(record(1))
    queue.drain(files)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous")
        assert cursor.fetchone() == (2,)  # FULL
        cursor.execute("PRAGMA synchronous=NORMAL")


def test_the_receiver_answers_once_the_spans_are_in_the_queue(
    client: Client, files: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "spool", lambda: files)
    monkeypatch.setattr(queue, "start", lambda: None)

    def post(number: int) -> Any:
        kind = HEADERS["Content-Type"]
        return client.post("/v1/traces", body(number), content_type=kind)

    with override_settings(SPANBOARD_QUEUE=True):
        assert post(1).status_code == 200
        assert client.post("/v1/traces", b"", content_type="x/y").status_code == 415
        assert (len(names(files.folder)), stored()) == (1, [])
        files.limit = 10
        full = post(2)
        files.limit = 2**20
        assert (full.status_code, full["Retry-After"]) == (503, "5")
        with monkeypatch.context() as patch:
            for problem in (OSError(5, "Input/output error"), RuntimeError("a bug")):
                write = Mock(side_effect=problem)
                patch.setattr(Spool, "_write", write)
                broken = post(2)
                assert (broken.status_code, broken["Retry-After"]) == (503, "5")
                assert write.called
    assert queue.drain(files) == 1
    assert stored() == [1]


def test_a_folder_that_can_not_be_made_is_told(
    client: Client, settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "queue").write_text("a file is in the way")
    settings.SPANBOARD_DATA_DIR, settings.SPANBOARD_QUEUE = tmp_path, True
    queue.spool.cache_clear()
    kind = HEADERS["Content-Type"]
    answer = client.post("/v1/traces", body(1), content_type=kind)
    queue.spool.cache_clear()
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert b"queue can not be written" in answer.content


def test_the_folder_is_for_who_runs_it_alone(tmp_path: Path) -> None:
    files = Spool(tmp_path / "data/queue", 1)
    assert [path.stat().st_mode & 0o077 for path in (files.folder, files.bad)] == [0, 0]
