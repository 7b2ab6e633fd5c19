"""A real PostgreSQL and a real Redis, each in a folder of its own."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.peers.need import free_port, need, until


def find(name: str) -> str | None:
    """A binary of PostgreSQL's, also where Debian hides it."""
    return shutil.which(name) or next(
        iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)), None
    )


class PostgreSQL:
    """One server; ``url`` is for SPANBOARD_DATABASE_URL."""

    def __init__(self, folder: Path):
        self.initdb, self.server = find("initdb"), find("postgres")
        need(
            self.initdb and self.server,
            "A real PostgreSQL",
            "install Debian's postgresql",
        )
        self.folder = folder
        self.port = free_port()
        self.url = f"postgresql://tester@127.0.0.1:{self.port}/postgres"
        self.process: subprocess.Popen[bytes] | None = None
        self.user = None
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            names = {entry.pw_name for entry in pwd.getpwall()}
            self.user = "postgres" if "postgres" in names else "nobody"

    def start(self) -> None:
        """Make the cluster and start it."""
        data = self.folder / "data"
        data.mkdir()
        if self.user:
            for path in (self.folder, data):
                shutil.chown(path, self.user)
            for parent in self.folder.parents:
                if parent == Path(parent.anchor):
                    break
                if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                    parent.chmod(parent.stat().st_mode | 0o011)
        run = self._run()
        subprocess.run(
            [
                str(self.initdb),
                "-D",
                str(data),
                "-U",
                "tester",
                "-A",
                "trust",
                "-E",
                "UTF8",
            ],
            check=True,
            capture_output=True,
            **run,
        )
        self.launch()

    def launch(self) -> None:
        """Start the server over the cluster that is there."""
        data = self.folder / "data"
        run = self._run()
        self.process = subprocess.Popen(
            [
                str(self.server),
                "-D",
                str(data),
                "-p",
                str(self.port),
                "-h",
                "127.0.0.1",
                "-k",
                str(self.folder),
                "-c",
                "fsync=off",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **run,
        )
        until(self.answers, "PostgreSQL's start", 30)

    def _run(self) -> dict[str, Any]:
        return {
            "user": self.user,
            "cwd": str(self.folder),
            "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"},
        }

    def crash(self) -> None:
        """End it at once, without a checkpoint; it recovers at its next start."""
        assert self.process is not None
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)

    def answers(self) -> bool:
        """Whether it takes connections."""
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)


class Redis:
    """One server; ``url`` is for the broker and the channel layer."""

    def __init__(self, folder: Path):
        self.binary = shutil.which("redis-server")
        need(self.binary, "A real Redis", "install Debian's redis-server")
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty, and wait until it answers; also again."""
        self.process = subprocess.Popen(
            [
                str(self.binary),
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
                str(self.folder),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self.answers, "Redis's start", 20)

    def answers(self) -> bool:
        """Whether it answers a ping."""
        import redis

        try:
            return bool(redis.Redis(port=self.port, socket_timeout=2).ping())
        except redis.ConnectionError:
            return False

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
