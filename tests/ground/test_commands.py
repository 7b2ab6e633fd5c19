"""``load`` and ``analyse`` as scripts use them."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.factories import make_trace
from tests.peers.running import ROOT


def run(
    folder: Path, *arguments: str, text: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """A command with a data directory of its own."""
    environment = {
        "PATH": os.environ["PATH"],
        "SPANBOARD_DATA_DIR": str(folder / "data"),
    }
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        input=text,
        capture_output=True,
        timeout=60,
    )


def otlp_lines() -> bytes:
    """Two traces as JSON lines."""
    from dashboard.sources.otlp.export import to_otlp_json

    spans = [
        {"id": "01" * 8, "service": "a", "kind": "client"},
        {
            "id": "02" * 8,
            "parent": "01" * 8,
            "service": "b",
            "kind": "server",
            "start": 5,
            "duration": 100,
        },
    ]
    return b"\n".join(to_otlp_json([make_trace(spans, f"{n:032x}")]) for n in (1, 2))


def test_analyse_prints_one_document(tmp_path: Path) -> None:
    done = run(tmp_path, "analyse", "-", "--json", text=gzip.compress(otlp_lines()))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["error"] is None
    assert [t["spanCount"] for t in found["traces"]] == [2, 2]
    assert found["edges"] == [
        {"parent": "a", "child": "b", "callCount": 2, "errorCount": 0, "virtual": False}
    ]
    assert found["red"]["b"] == {
        "count": 2,
        "errors": 0,
        "p50": 100,
        "p95": 100,
        "p99": 100,
    }
    assert not (tmp_path / "data/spanboard.sqlite3").exists()


def test_analyse_tells_what_it_can_not_read(tmp_path: Path) -> None:
    done = run(tmp_path, "analyse", "-", "--json", text=b"<html>")
    assert done.returncode == 2
    assert "web page" in json.loads(done.stdout)["error"]
    missing = run(tmp_path, "analyse", "/nowhere.json", "--json")
    assert missing.returncode == 2
    assert "nowhere" in json.loads(missing.stdout)["error"]


def test_analyse_compares_two_files(tmp_path: Path) -> None:
    lines = otlp_lines().split(b"\n")
    (tmp_path / "a.json").write_bytes(lines[0])
    (tmp_path / "b.json").write_bytes(otlp_lines())
    files = [str(tmp_path / name) for name in ("a.json", "b.json")]
    found = json.loads(run(tmp_path, "analyse", "--json", "--diff", *files).stdout)
    assert [(len(d["path"]), d["a"], d["b"]) for d in found["diff"]] == [
        (1, 1, 2),
        (2, 1, 2),
    ]


def test_load_stores_once_and_a_bad_file_nothing(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_bytes(otlp_lines())
    first = run(tmp_path, "load", str(path))
    assert b"2 traces stored" in first.stdout, first.stderr
    assert b"2 known already" in run(tmp_path, "load", "-", text=otlp_lines()).stdout
    bad = run(tmp_path, "load", "-", text=b'{"data": [')
    assert bad.returncode == 2
    assert b"cut off" in bad.stderr
    checked = json.loads(run(tmp_path, "verify", "--json").stdout)
    assert checked == {"traces": 2, "spans": 4, "calls": 2, "differences": []}
