"""The commands of deploy/ start as they would in the image: read-only tree, other user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.peers import deployed
from tests.peers.databases import PostgreSQL, Redis
from tests.peers.need import free_port, need, until

USER = 10001
pytestmark = [pytest.mark.postgres, pytest.mark.redis]


class Container:
    """As near to the image as goes without a runtime.

    The files that the Dockerfile copies, owned by another user and without any
    write bit; one data folder; the manifest's command line word by word.
    """

    def __init__(self, folder: Path, environment: dict[str, str]):
        self.tree, self.data = folder / "tree", folder / "data"
        self.tree.mkdir()
        deployed.copied(self.tree)
        for path in [self.tree, *self.tree.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        self.data.mkdir(mode=0o700)
        self.user: dict[str, Any] = {}
        self.before: list[str] = []
        if os.geteuid() == 0 and self.may_run_python():
            os.chown(self.data, USER, USER)
            self.user = {"user": USER, "group": USER, "extra_groups": []}
        elif os.geteuid() == 0:
            # Python lies in root's home: stay root by number, without root's power
            # to write where no write bit is.
            need(shutil.which("setpriv"), "setpriv", "install Debian's util-linux")
            self.before = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
            self.before.append("--no-new-privs")
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(self.data),
            "TMPDIR": str(self.data),
            "SPANBOARD_DATA_DIR": str(self.data),
            **environment,
        }
        self.log = folder / "log"
        self.running: list[subprocess.Popen[bytes]] = []

    @staticmethod
    def may_run_python() -> bool:
        """Whether another user can reach this environment at all."""
        try:
            done = subprocess.run(
                [sys.executable, "-c", "import django"],
                user=USER,
                group=USER,
                cwd="/",
                capture_output=True,
            )
        except PermissionError:
            return False
        return done.returncode == 0

    def words(self, command: list[str], port: int = 0) -> list[str]:
        """The command here: this Python, a free port, this data folder."""
        swap = {"8000": str(port), "0.0.0.0": "127.0.0.1"}
        words = [swap.get(word, word) for word in command]
        words = [
            str(self.data / Path(w).name) if w.startswith("/tmp/") else w for w in words
        ]
        words = words[1:] if words[0] == "python" else ["-m", *words]
        return [*self.before, sys.executable, *words]

    def run(self, command: list[str]) -> subprocess.CompletedProcess[bytes]:
        """To its end."""
        return subprocess.run(
            self.words(command),
            cwd=self.tree,
            env=self.environment,
            capture_output=True,
            timeout=120,
            **self.user,
        )

    def start(self, command: list[str], port: int = 0) -> subprocess.Popen[bytes]:
        """In the background."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.words(command, port),
                cwd=self.tree,
                env=self.environment,
                stdout=log,
                stderr=log,
                **self.user,
            )
        self.running.append(process)
        return process

    def wait_for(self, process: subprocess.Popen[bytes], url: str) -> None:
        """Until a server answers; its end is told with what it printed."""

        def answered() -> bool:
            assert process.poll() is None, self.text()
            return answers(url)

        until(answered, f"an answer of {url}", 120)

    def text(self) -> str:
        """What they printed."""
        return self.log.read_text("utf-8", "replace")[-3000:]


@pytest.fixture
def container() -> Iterator[Container]:
    folder = Path(tempfile.mkdtemp(prefix="spanboard-image-"))
    folder.chmod(0o711)
    for name in ("postgres", "redis"):
        (folder / name).mkdir()
    database, redis = PostgreSQL(folder / "postgres"), Redis(folder / "redis")
    made = None
    try:
        database.start()
        redis.start()
        made = Container(
            folder,
            {
                "SPANBOARD_SECRET_KEY": "a-key-of-the-test-only",
                "SPANBOARD_DATABASE_URL": database.url,
                "SPANBOARD_BROKER_URL": f"{redis.url}/0",
                "SPANBOARD_CHANNEL_LAYER_URL": f"{redis.url}/1",
                "SPANBOARD_JAEGER_URL": "http://127.0.0.1:9",
                "SPANBOARD_POLL_SECONDS": "0.5",
            },
        )
        yield made
    finally:
        for process in made.running if made else ():
            process.kill()
            process.wait(10)
        redis.stop()
        database.stop()
        shutil.rmtree(folder, ignore_errors=True)


def answers(url: str) -> bool:
    """Whether a server is ready there."""
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def test_every_command_starts_from_a_read_only_tree(container: Container) -> None:
    commands = deployed.commands()
    tried = container.run(["python", "-c", "open('written', 'w')"])
    assert b"PermissionError" in tried.stderr
    waits = commands.pop("spanboard-web migrated")
    assert container.run(waits).returncode != 0  # nothing is migrated yet
    for place in [place for place, words in commands.items() if "prepare" in words]:
        done = container.run(commands.pop(place))
        assert done.returncode == 0, (place, done.stderr.decode()[-2000:])
    assert container.run(waits).returncode == 0

    seen = set()
    for place, words in commands.items():
        if words == waits or tuple(words) in seen:
            continue
        seen.add(tuple(words))
        port = free_port()
        process = container.start(words, port)
        if "uvicorn" in words:
            container.wait_for(process, f"http://127.0.0.1:{port}/readyz")
            page = httpx.get(f"http://127.0.0.1:{port}/sources", timeout=10)
            script = page.text.split('type="module" src="')[1].split('"')[0]
            assert httpx.get(f"http://127.0.0.1:{port}{script}").status_code == 200
        assert process.poll() is None, (place, container.text())
    # Beat asked and a worker tried: the page tells that this Jaeger does not answer.
    until(
        lambda: 'class="badge error"' in page_of_sources(port_of(container)),
        "a pull",
        60,
    )
    if container.user:
        owners = {path.stat().st_uid for path in container.data.rglob("*")}
        assert owners == {USER}
    for process in container.running:
        assert process.poll() is None, container.text()
    written = [p for p in container.tree.rglob("*") if p.suffix in (".pyc", ".pid")]
    assert written == []
    for process in container.running:
        process.terminate()
    for process in container.running:
        assert process.wait(60) in (0, -15), container.text()


def port_of(container: Container) -> int:
    """The first server's port."""
    server = next(p for p in container.running if "uvicorn" in p.args)
    words = list(server.args)  # type: ignore[arg-type]  # a list of words
    return int(words[words.index("--port") + 1])


def page_of_sources(port: int) -> str:
    """The page with the sources' faults."""
    return httpx.get(f"http://127.0.0.1:{port}/sources", timeout=10).text
