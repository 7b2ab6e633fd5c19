"""Spanboard as in production: PostgreSQL, Redis, servers, workers and beats."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

from tests.peers.databases import PostgreSQL, Redis
from tests.peers.need import free_port, until
from tests.peers.running import ROOT

QUEUES = "pull,ingest,maintenance"


class Part:
    """One process of the stack, which can be killed and started again."""

    def __init__(self, name: str, command: list[str], stack: Production):
        self.name, self.command, self.stack = name, command, stack
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it in a group of its own; its output goes to the stack's log."""
        with (self.stack.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.command],
                cwd=ROOT,
                env=self.stack.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """``kill -9``, children included."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def text(self) -> str:
        """What it printed."""
        return (self.stack.folder / f"{self.name}.log").read_text("utf-8", "replace")


class Production:
    """The whole; ``urls`` are those of its servers."""

    def __init__(
        self,
        jaeger_url: str = "",
        servers: int = 2,
        workers: int = 2,
        beats: int = 1,
        **environment: str,
    ):
        self.folder = Path(tempfile.mkdtemp(prefix="spanboard-prod-"))
        self.folder.chmod(0o711)  # PostgreSQL runs as another user
        for name in ("postgres", "redis", "data"):
            (self.folder / name).mkdir()
        self.database = PostgreSQL(self.folder / "postgres")
        self.redis = Redis(self.folder / "redis")
        self.jaeger_url = jaeger_url
        ports = [free_port() for _ in range(servers)]
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        self.environment = {
            "PATH": os.environ["PATH"],
            "SPANBOARD_DATA_DIR": str(self.folder / "data"),
            "SPANBOARD_SECRET_KEY": "a-key-of-the-test-only",
            "SPANBOARD_DATABASE_URL": self.database.url,
            "SPANBOARD_BROKER_URL": f"{self.redis.url}/0",
            "SPANBOARD_CHANNEL_LAYER_URL": f"{self.redis.url}/1",
            "SPANBOARD_POLL_SECONDS": "0.5",
            **environment,
        }
        self.servers = [
            Part(f"server{n}", self._server(port), self) for n, port in enumerate(ports)
        ]
        self.workers = [
            Part(f"worker{n}", self._worker(n), self) for n in range(workers)
        ]
        self.beats = [Part(f"beat{n}", self._beat(), self) for n in range(beats)]

    @property
    def parts(self) -> list[Part]:
        """All processes but PostgreSQL and Redis."""
        return [*self.servers, *self.workers, *self.beats]

    @staticmethod
    def _server(port: int) -> list[str]:
        options = ["--port", str(port), "--lifespan", "off"]
        return ["uvicorn", "webapp.asgi:application", *options]

    @staticmethod
    def _worker(number: int) -> list[str]:
        options = ["-Q", QUEUES, "--concurrency", "2", "-n", f"w{number}@%h"]
        return ["celery", "-A", "webapp", "worker", *options]

    @staticmethod
    def _beat() -> list[str]:
        return ["celery", "-A", "webapp", "beat"]

    def start(self) -> None:
        """Start everything and wait until the servers are ready."""
        self.database.start()
        self.redis.start()
        self.manage("migrate", "-v", "0")
        if self.jaeger_url:
            self.add_jaeger(self.jaeger_url)
        for part in self.parts:
            part.start()
        self.wait()

    def wait(self) -> None:
        """Wait until all servers say that they are ready."""
        for url, part in zip(self.urls, self.servers, strict=True):
            until(lambda url=url: ready(url), f"{url} ({part.text()[-800:]})", 60)

    def manage(self, *arguments: str) -> str:
        """What a command of ``manage.py`` prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    def add_jaeger(self, url: str, name: str = "Jaeger") -> None:
        """Make it a source."""
        make = "from dashboard.actions.sources import ensure_source; "
        make += f"ensure_source('jaeger', '{url}', '{name}')"
        self.manage("shell", "-v", "0", "-c", make)

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a query beside Spanboard."""
        import psycopg

        with psycopg.connect(self.database.url, autocommit=True) as connection:
            found = connection.execute(statement, values or None)  # type: ignore[call-overload]  # any text
            return list(found.fetchall()) if found.description else []

    def spans(self) -> int:
        """How many spans are stored."""
        query = "SELECT coalesce(sum(span_count), 0) FROM dashboard_tracerecord"
        return int(self.sql(query)[0][0])

    def verify(self) -> dict[str, Any]:
        """What ``verify --json`` says."""
        found: dict[str, Any] = json.loads(self.manage("verify", "--json"))
        return found

    def text(self) -> str:
        """What all parts printed."""
        return "\n".join(part.text() for part in self.parts)

    def stop(self) -> None:
        """End it all and remove what it left."""
        for part in self.parts:
            part.kill()
        self.redis.stop()
        self.database.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def ready(url: str) -> bool:
    """Whether a server says that it is ready."""
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
