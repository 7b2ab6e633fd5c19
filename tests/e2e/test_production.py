"""The same code in production: PostgreSQL, Redis, servers and workers apart."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.demo.traffic import send
from tests.peers.databases import PostgreSQL, Redis
from tests.peers.need import free_port, until
from tests.peers.running import ROOT


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short folder that other users may enter."""
    import tempfile

    made = Path(tempfile.mkdtemp(prefix="spanboard-prod-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.jaeger
@pytest.mark.browser
def test_servers_and_workers_share_database_and_live_updates(
    folder: Path, jaeger: Any, browser: Any
) -> None:
    for name in ("postgres", "redis", "data"):
        (folder / name).mkdir()
    database, redis = PostgreSQL(folder / "postgres"), Redis(folder / "redis")
    processes: list[subprocess.Popen[bytes]] = []
    try:
        database.start()
        redis.start()
        ports = [free_port(), free_port()]
        environment = {
            "PATH": os.environ["PATH"],
            "SPANBOARD_DATA_DIR": str(folder / "data"),
            "SPANBOARD_SECRET_KEY": "a-key-of-the-test-only",
            "SPANBOARD_DATABASE_URL": database.url,
            "SPANBOARD_BROKER_URL": f"{redis.url}/0",
            "SPANBOARD_CHANNEL_LAYER_URL": f"{redis.url}/1",
            "SPANBOARD_POLL_SECONDS": "0.5",
        }
        run = {"cwd": ROOT, "env": environment}
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v", "0"], check=True, **run
        )  # type: ignore[call-overload]  # options of two shapes
        make = "from dashboard.actions.sources import ensure_source; ensure_source('jaeger', '{}', 'Jaeger')"
        subprocess.run(
            [
                sys.executable,
                "manage.py",
                "shell",
                "-v",
                "0",
                "-c",
                make.format(jaeger.url),
            ],
            check=True,
            **run,
        )  # type: ignore[call-overload]  # options of two shapes
        log = (folder / "log").open("wb")
        commands = [
            [
                "uvicorn",
                "webapp.asgi:application",
                "--port",
                str(port),
                "--lifespan",
                "off",
            ]
            for port in ports
        ] + [
            [
                "celery",
                "-A",
                "webapp",
                "worker",
                "--pool",
                "threads",
                "--concurrency",
                "2",
            ],
            ["celery", "-A", "webapp", "beat", "--schedule", str(folder / "beat")],
        ]
        processes.extend(
            subprocess.Popen(
                [sys.executable, "-m", *command], stdout=log, stderr=log, **run
            )  # type: ignore[call-overload]  # options of two shapes
            for command in commands
        )
        urls = [f"http://127.0.0.1:{port}" for port in ports]

        def ready(url: str) -> bool:
            try:
                return httpx.get(f"{url}/readyz", timeout=2).status_code == 200
            except httpx.HTTPError:
                return False

        for url in urls:
            until(
                lambda url=url: ready(url),
                f"{url} ({(folder / 'log').read_text()[-800:]})",
                40,
            )
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{urls[1]}/search?limit=1500")
        page.wait_for_selector('[data-live-badge][data-state="live"]')
        pulled = send(jaeger.otlp, 30, seed=11)
        pushed = send(f"{urls[0]}/v1/traces", 20, seed=12)
        # Rows arrive on a page of the other server, through Redis.
        page.locator("a.trace-row").nth(49).wait_for(timeout=40_000)
        wanted = Counter(pulled.calls) + Counter(pushed.calls)

        def calls() -> dict[tuple[str, str], int]:
            data = httpx.get(f"{urls[1]}/graph.json?lookback=1h", timeout=20).json()
            return {(e["caller"], e["callee"]): e["calls"] for e in data["edges"]}

        until(
            lambda: calls() == wanted, f"exact calls ({calls()} of {dict(wanted)})", 30
        )
        checked = subprocess.run(
            [sys.executable, "manage.py", "verify", "--json"],
            capture_output=True,
            check=True,
            **run,  # type: ignore[call-overload]  # options of two shapes
        )
        found = json.loads(checked.stdout)
        assert (found["traces"], found["differences"]) == (50, [])
        context.close()
    finally:
        for process in processes:
            process.kill()
            process.wait(10)
        redis.stop()
        database.stop()
