"""Migrations run forwards on a database that an earlier version has filled."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DUMP = ROOT / "tests/fixtures/store/0006.sql.gz"
SEARCHES = """
from dashboard.reads.traces import find_traces
from dashboard.traces.query import TraceQuery
for conditions in (
    {},
    {"service": "shop"},
    {"service": "shop", "error": True},
    {"service": "web", "error": True},
    {"service": "shop", "min_duration_us": 400},
    {"service": "shop", "min_duration_us": 401},
    {"tags": (("http.status_code", "503"),)},
    {"caller": "web", "callee": "shop"},
):
    print(len(find_traces(TraceQuery(**conditions)).records))
"""


def run(folder: Path, *words: str) -> str:
    environment = {
        **os.environ,
        "SPANBOARD_DATA_DIR": str(folder),
        "SPANBOARD_ROLLUP_DAYS": "100000",  # the dump grows old
        "DJANGO_SETTINGS_MODULE": "webapp.settings",
    }
    environment.pop("SPANBOARD_DATABASE_URL", None)
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_database_of_an_earlier_version_is_brought_forward(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "spanboard.sqlite3") as database:
        database.executescript(gzip.decompress(DUMP.read_bytes()).decode())
        terms = set(database.execute("SELECT record_id, term FROM dashboard_traceterm"))
    database.close()
    assert terms
    run(tmp_path, "migrate", "--verbosity", "0")
    with sqlite3.connect(tmp_path / "spanboard.sqlite3") as database:
        again = set(database.execute("SELECT record_id, term FROM dashboard_traceterm"))
    database.close()
    assert again == terms
    found = json.loads(run(tmp_path, "verify", "--json"))
    assert (found["traces"], found["spans"], found["differences"]) == (26, 114, [])
    counts = run(tmp_path, "shell", "--no-imports", "-c", SEARCHES).split()
    assert counts == ["25", "1", "1", "0", "1", "0", "1", "1"]
