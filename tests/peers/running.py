"""A real Spanboard in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

import httpx

from tests.peers.need import free_port, until

ROOT = Path(__file__).resolve().parent.parent.parent


class RunningSpanboard:
    """``manage.py up`` with its own data directory and port."""

    def __init__(self, *options: str, **environment: str):
        self.options = options
        self.environment = environment
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = Path(tempfile.mkdtemp(prefix="spanboard-run-"))
        self.log_path = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.log: IO[bytes] | None = None

    def start(self, wait: bool = True) -> None:
        """Start it and wait until it is ready."""
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SPANBOARD_", "DJANGO_"))
        }
        self.log = self.log_path.open("ab")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "manage.py",
                "up",
                "--port",
                str(self.port),
                "--data-dir",
                str(self.folder / "data"),
                *self.options,
            ],
            cwd=ROOT,
            env={**clean, **self.environment},
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        if wait:
            until(self.ready, "Spanboard's start", 60)

    def ready(self) -> bool:
        """Whether it lives and answers."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(self.text())
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def text(self) -> str:
        """What it printed."""
        return self.log_path.read_text("utf-8", "replace")

    def interrupt(self) -> tuple[int, float]:
        """Ctrl-C; its exit status and the seconds until it was gone."""
        assert self.process is not None
        began = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        status = self.process.wait(20)
        return status, time.monotonic() - began

    def load(self, *paths: Path) -> None:
        """Store files while it stands still: ``manage.py load``."""
        subprocess.run(
            [sys.executable, "manage.py", "load", *map(str, paths)],
            cwd=ROOT,
            env={
                "PATH": "/usr/bin:/bin",
                "SPANBOARD_DATA_DIR": str(self.folder / "data"),
            },
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=200,
        )

    def verify(self) -> dict[str, Any]:
        """What ``verify --json`` says, while it runs."""
        done = subprocess.run(
            [sys.executable, "manage.py", "verify", "--json"],
            cwd=ROOT,
            env={
                "PATH": "/usr/bin:/bin",
                "SPANBOARD_DATA_DIR": str(self.folder / "data"),
            },
            capture_output=True,
            timeout=200,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def stop(self) -> None:
        """End it whatever its state, and remove its data."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        if self.log is not None:
            self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
