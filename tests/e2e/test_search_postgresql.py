"""The store's searches and files on a real PostgreSQL: the same tests once more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.databases import PostgreSQL
from tests.peers.running import ROOT

FILES = ["tests/store/test_search.py", "tests/store/test_ingest.py"]


@pytest.mark.parametrize("file", FILES)
def test_it_holds_on_postgresql(tmp_path: Path, file: str) -> None:
    database = PostgreSQL(tmp_path / "postgresql")
    database.folder.mkdir()
    database.start()
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-x",
                "-p",
                "no:cacheprovider",
                file,
            ],
            cwd=ROOT,
            env={**os.environ, "SPANBOARD_DATABASE_URL": database.url},
            capture_output=True,
            text=True,
            timeout=540,
        )
    finally:
        database.stop()
    assert done.returncode == 0, done.stdout[-4_000:]
    assert " passed" in done.stdout
