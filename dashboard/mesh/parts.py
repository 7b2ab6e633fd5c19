"""The Envoys as processes: started, watched, asked and ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dashboard.mesh.http import ask
from dashboard.mesh.pods import ADMIN_PORT, PODS, Pod

log = logging.getLogger(__name__)
LAUNCHER = Path(__file__).with_name("launcher.py")
MAX_RESTARTS = 3
WITHIN_S = 60.0


class CannotRun(Exception):
    """The mesh can not start or go on; the text says why and what to do."""


def taken_ports(base: str) -> list[str]:
    """Addresses of the mesh on which somebody listens already.

    Envoy shares a port with whoever has it (reuse_port) and says nothing.
    """
    found = []
    for pod in PODS:
        for port in pod.ports():
            with socket.socket() as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    sock.bind((pod.ip(base), port))
                except OSError:
                    found.append(f"{pod.ip(base)}:{port}")
    return found


class EnvoyPart:
    """One Envoy."""

    def __init__(self, pod: Pod, base: str, folder: Path, binary: Path, number: int):
        self.pod, self.folder, self.binary = pod, folder, binary
        self.ip = pod.ip(base)
        self.number = number
        self.log_file = folder / f"{pod.name}.envoy.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.starts: list[float] = []
        self.restarts = 0

    def start(self, config: dict[str, Any]) -> None:
        """Write the configuration and run."""
        path = self.folder / f"{self.pod.name}.envoy.json"
        path.write_text(json.dumps(config, indent=1), encoding="utf-8")
        self.starts.append(time.monotonic())
        self._run(path)

    def restart(self, config: dict[str, Any]) -> None:
        """Run again; raises ``CannotRun`` when it is too often."""
        now = time.monotonic()
        if len([at for at in self.starts if now - at < WITHIN_S]) > MAX_RESTARTS:
            raise CannotRun(
                f"The Envoy of {self.pod.name} ended {MAX_RESTARTS + 1} times within a "
                f"minute. Its log is {self.log_file}."
            )
        self.restarts += 1
        self.start(config)

    def _run(self, path: Path) -> None:
        command = [
            *(sys.executable, "-S", "-E", str(LAUNCHER), str(os.getpid())),
            *(str(self.binary), "-c", str(path)),
            *("--concurrency", "1", "--disable-hot-restart", "--log-level", "warn"),
            *("--file-flush-interval-msec", "200", "--base-id", str(self.number)),
        ]
        with self.log_file.open("ab") as out:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for the mesh, which ends us
            )

    @property
    def pid(self) -> int:
        """Its process id, 0 when there is none."""
        return self.process.pid if self.process else 0

    @property
    def ended(self) -> int | None:
        """Its exit status once it has ended by itself."""
        return self.process.poll() if self.process else None

    async def ready(self) -> bool:
        """Whether it serves; raises ``CannotRun`` when it has ended."""
        if self.ended is not None:
            tail = self.log_file.read_text("utf-8", "replace")[-1500:]
            raise CannotRun(
                f"The Envoy of {self.pod.name} did not start (status {self.ended}). "
                f"Its log, {self.log_file}, ends with:\n{tail}"
            )
        answer = await ask(self.ip, ADMIN_PORT, "/ready", timeout_s=1)
        return answer.status == 200

    async def admin(self, path: str, method: str = "GET") -> str:
        """What its admin interface answers."""
        answer = await ask(self.ip, ADMIN_PORT, path, method=method, timeout_s=5)
        return answer.body.decode("utf-8", "replace")

    async def stats(self, pattern: str) -> dict[str, int]:
        """Counters and gauges whose names match."""
        text = await self.admin(f"/stats?filter={quote(pattern, safe='')}")
        found = {}
        for line in text.splitlines():
            name, _, value = line.rpartition(": ")
            with contextlib.suppress(ValueError):  # histograms are text
                found[name] = int(value)
        return found

    def signal(self, number: int) -> None:
        """Send a signal if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


async def end_all(parts: Iterable[EnvoyPart], grace_s: float = 2.0) -> None:
    """End them: asked first, then killed."""
    parts = list(parts)
    for part in parts:
        part.signal(signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline:
        if all(part.process is None or part.ended is not None for part in parts):
            break
        await asyncio.sleep(0.02)
    for part in parts:
        part.signal(signal.SIGKILL)
        if part.process is not None:
            part.process.wait(5)
        part.process = None
