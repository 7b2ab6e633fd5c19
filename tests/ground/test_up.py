"""Starting and stopping: every fault a sentence, no orphan, no traceback."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.peers.running import ROOT


def run_up(*options: str) -> subprocess.CompletedProcess[str]:
    """``up`` that should refuse to start."""
    return subprocess.run(
        [sys.executable, "manage.py", "up", "--no-demo", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_ctrl_c_ends_all_within_three_seconds(spanboard: Any) -> None:
    board = spanboard()
    assert httpx.get(board.url).status_code == 200
    status, seconds = board.interrupt()
    assert status == 0, board.text()
    assert seconds < 3.5
    assert "Traceback" not in board.text()


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = str(sock.getsockname()[1])
        done = run_up("--port", port, "--data-dir", str(tmp_path / "data"))
    assert done.returncode == 2
    assert f"Port {port} on 127.0.0.1 is taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_directory_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    done = run_up("--data-dir", str(tmp_path / "file" / "data"))
    assert done.returncode == 2
    assert "data directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_of_a_newer_version_is_told(tmp_path: Path, spanboard: Any) -> None:
    board = spanboard("--no-demo")
    board.interrupt()
    with sqlite3.connect(board.folder / "data/spanboard.sqlite3") as database:
        database.execute(
            "INSERT INTO django_migrations (app, name, applied) "
            "VALUES ('dashboard', '9999_from_the_future', '2030-01-01')"
        )
    done = run_up("--data-dir", str(board.folder / "data"))
    assert done.returncode == 2
    assert "newer Spanboard" in done.stderr
    assert "9999_from_the_future" in done.stderr


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "spanboard.sqlite3"
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE django_migrations (id, app, name, applied)")
        database.execute(
            "INSERT INTO django_migrations VALUES (1, 'blog', '1', '2020-01-01')"
        )
        database.execute("CREATE TABLE blog (id)")
    done = run_up("--data-dir", str(path.parent))
    assert done.returncode == 2
    assert "something else" in done.stderr
    with sqlite3.connect(path) as database:
        tables = database.execute("SELECT name FROM sqlite_master").fetchall()
    assert {name for (name,) in tables} == {"django_migrations", "blog"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "99999"], "99999 is no port"),
        (["--port", "x"], "SPANBOARD_PORT"),
        (["--jaeger", "localhost:16686"], "no address of a Jaeger"),
        (["--jaeger", "http://[::1"], "no address of a Jaeger"),
        (["--por", "8000"], "--por"),
    ],
)
def test_a_wrong_option_is_told(options: list[str], words: str, tmp_path: Path) -> None:
    done = run_up("--data-dir", str(tmp_path / "data"), *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_directory_in_use_is_told(spanboard: Any) -> None:
    board = spanboard("--no-demo")
    done = run_up("--data-dir", str(board.folder / "data"), "--port", "1")
    assert done.returncode == 2
    assert "Another Spanboard" in done.stderr


def test_another_address_needs_an_account(tmp_path: Path) -> None:
    done = run_up("--host", "0.0.0.0", "--data-dir", str(tmp_path / "data"))
    assert done.returncode == 2
    assert "./spanboard user add NAME --role admin" in done.stderr


@pytest.mark.parametrize(
    ("host", "status"), [("evil.example", 400), ("localhost", 200)]
)
def test_only_known_hosts_are_answered(spanboard: Any, host: str, status: int) -> None:
    board = spanboard("--no-demo")
    answer = httpx.get(board.url, headers={"Host": f"{host}:{board.port}"})
    assert answer.status_code == status
    odd = {"Host": "otel_collector", "Content-Type": "application/json"}
    answer = httpx.post(
        f"{board.url}/v1/traces", json={"resourceSpans": []}, headers=odd
    )
    assert answer.status_code == 200
