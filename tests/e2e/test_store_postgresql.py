"""The store on a real PostgreSQL: the same tests once more, and a move to it."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.databases import PostgreSQL
from tests.peers.running import ROOT

FILES = [
    f"tests/store/test_{name}.py"
    for name in ("search", "ingest", "archive", "retention")
]
DUMP = ROOT / "tests/fixtures/store/0006.sql.gz"


@pytest.fixture
def database() -> Iterator[PostgreSQL]:
    """A fresh server, in a folder that another run of pytest does not close."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = PostgreSQL(Path(folder))
        made.start()
        yield made
        made.stop()


@pytest.mark.parametrize("file", FILES)
def test_it_holds_on_postgresql(database: PostgreSQL, file: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", file],
        cwd=ROOT,
        env={**os.environ, "SPANBOARD_DATABASE_URL": database.url},
        capture_output=True,
        text=True,
        timeout=540,
    )
    assert done.returncode == 0, done.stdout[-4_000:]
    assert " passed" in done.stdout


def test_a_store_moves_from_sqlite_to_postgresql(
    database: PostgreSQL, tmp_path: Path
) -> None:
    folder, file = tmp_path / "data", str(tmp_path / "all.gz")
    folder.mkdir()
    with sqlite3.connect(folder / "spanboard.sqlite3") as old:
        old.executescript(gzip.decompress(DUMP.read_bytes()).decode())
    old.close()

    def run(url: str, *words: str) -> str:
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "SPANBOARD_DATA_DIR": str(folder),
                "SPANBOARD_ROLLUP_DAYS": "100000",  # the dump grows old
                "SPANBOARD_DATABASE_URL": url,
            },
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout

    assert "26 traces" in run("", "export", file)
    assert "26 traces" in run(database.url, "import", file)
    here = json.loads(run("", "verify", "--json"))
    assert json.loads(run(database.url, "verify", "--json")) == here
    assert (here["spans"], here["differences"]) == (114, [])
