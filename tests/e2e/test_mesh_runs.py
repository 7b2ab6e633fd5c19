"""The mesh starts, is switched, loses parts and ends; nothing is left over."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.mesh import BadState, CannotRun, Mesh
from dashboard.mesh.parts import MAX_RESTARTS, taken_ports
from tests.peers.mesh import Collector, StartMesh, need_envoy
from tests.peers.need import free_port, until
from tests.peers.running import ROOT

pytestmark = pytest.mark.envoy


def lives(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_it_starts_serves_and_leaves_nothing(
    start_mesh: StartMesh, collector: Collector
) -> None:
    mesh = start_mesh(to=collector.url)
    base, folder, pids = mesh.base, mesh.folder, list(mesh.parts().values())
    page = httpx.get(f"{mesh.url}/productpage")
    assert page.status_code == 200
    assert "The Comedy of Errors" in page.text
    assert "William Shakespeare" in page.text
    assert "Reviews served by reviews v" in page.text
    assert all(lives(pid) for pid in pids)
    mesh.stop()
    assert not [pid for pid in pids if lives(pid)]
    assert not taken_ports(base)
    assert not folder.exists()


def test_taken_ports_are_named_before_anything_starts(
    start_mesh: StartMesh, collector: Collector
) -> None:
    first = start_mesh(to=collector.url)
    with pytest.raises(
        CannotRun, match=rf"{first.base}\.1:8080 is taken \(and 26 more"
    ):
        start_mesh(to=collector.url, base=first.base)
    with socket.socket() as sock:
        sock.bind(("127.0.99.14", 15006))
        sock.listen()
        with pytest.raises(CannotRun, match=r"127\.0\.99\.14:15006 is taken\."):
            start_mesh(to=collector.url, base="127.0.99")
    # Without an address it stands beside the first, which is not disturbed.
    second = start_mesh(to=collector.url)
    assert second.base != first.base
    assert first.send(4) == [200] * 4
    assert second.send(2) == [200] * 2
    first.settle()
    second.settle()
    gateway = ("istio-ingressgateway.istio-system", "productpage.default")
    assert first.access_log_calls()[0][gateway] == 4
    assert second.access_log_calls()[0][gateway] == 2


def test_a_dead_envoy_is_started_again_and_said_so(
    start_mesh: StartMesh, collector: Collector
) -> None:
    mesh = start_mesh(to=collector.url, weights={"v2": 1})
    mesh.switch(sampling=50)
    before = mesh.parts()["reviews-v2"]
    os.kill(before, signal.SIGKILL)
    until(lambda: mesh.parts()["reviews-v2"] != before, "a new Envoy", 10)
    until(lambda: "Reviews served" in page(mesh), "the whole page", 10)
    described = mesh.describe()
    assert described["notes"] == [
        "The Envoy of reviews-v2 ended (status -9); starting it again."
    ]
    restarts = {part["name"]: part["restarts"] for part in described["parts"]}
    assert restarts["reviews-v2"] == 1
    assert sum(restarts.values()) == 1
    assert not mesh.failed
    for _ in range(MAX_RESTARTS):
        pid = mesh.parts()["reviews-v2"]
        os.kill(pid, signal.SIGKILL)
        until(
            lambda pid=pid: mesh.failed or mesh.parts()["reviews-v2"] != pid,
            "another start",
            10,
        )
    until(lambda: mesh.failed, "giving up", 10)
    assert "The Envoy of reviews-v2 ended 4 times within a minute" in mesh.failed


def page(mesh: Mesh) -> str:
    return httpx.get(f"{mesh.url}/productpage", timeout=20).text


def test_the_control_api(
    start_mesh: StartMesh, collector: Collector, tmp_path: Path
) -> None:
    mesh = start_mesh(to=collector.url)
    mesh.announce(tmp_path)
    file = tmp_path / "mesh.json"
    assert file.stat().st_mode & 0o777 == 0o600
    told = json.loads(file.read_text())
    headers = {"Authorization": f"Bearer {told['token']}"}
    ask = httpx.Client(base_url=told["url"], headers=headers)
    assert httpx.get(f"{told['url']}/state").status_code == 403
    assert ask.get("/state").json()["switches"]["sampling"] == 100
    answer = ask.post("/state", json={"forwarding": {"reviews": "none"}, "retries": 0})
    assert answer.json()["switches"]["forwarding"] == {
        "reviews:v1": "none",
        "reviews:v2": "none",
        "reviews:v3": "none",
    }
    bad = ask.post("/state", json={"retries": 1, "dead": ["nobody"]})
    assert bad.status_code == 400
    assert "there is no pod “nobody”" in bad.json()["error"]
    assert mesh.state.retries == 0, "half of a bad change was made"
    assert ask.post("/state", content=b"{").status_code == 400
    assert ask.post("/state", content=b"[1]").status_code == 400
    assert ask.post("/send", json={"count": 3}).json() == {"statuses": [200] * 3}
    assert ask.post("/send", json={"count": 9999}).status_code == 400
    assert ask.get("/else").status_code == 404
    with pytest.raises(BadState):
        mesh.switch(sampling=101)
    mesh.stop()
    assert not file.exists()


class Command:
    """``manage.py mesh`` with a Spanboard of its own."""

    def __init__(self, folder: Path):
        self.data = folder / "data"
        self.port = free_port()
        self.output = folder / "output"
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SPANBOARD_")}
        base = next(b for b in (f"127.0.{n}" for n in range(60, 99)) if free(b))
        self.base = base
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "manage.py", "mesh", "--base", base),
                    *("--port", str(self.port), "--data-dir", str(self.data)),
                ],
                cwd=ROOT,
                env=clean,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def text(self) -> str:
        return self.output.read_text("utf-8", "replace")

    def children(self) -> list[int]:
        pid = self.process.pid
        tasks = Path(f"/proc/{pid}/task").glob("*/children")
        return [int(word) for task in tasks for word in task.read_text().split()]


def free(base: str) -> bool:
    return not taken_ports(base)


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    """A running command."""
    need_envoy()
    made = Command(tmp_path)
    until(lambda: "Ctrl-C ends" in made.text(), "the start", 60)
    yield made
    if made.process.poll() is None:
        made.process.kill()
        made.process.wait(10)


def traced(command: Command) -> Any:
    url = f"http://127.0.0.1:{command.port}/api/services"
    return "ratings.default" in httpx.get(url, timeout=10).json()["data"]


def test_the_command_runs_everything_and_ends_it(command: Command) -> None:
    until(lambda: traced(command), "spans of the steady traffic", 30)
    children = command.children()
    assert len(children) == 8, "seven Envoys and Spanboard"
    logs = subprocess.run(
        [sys.executable, "manage.py", "mesh", "--logs", "productpage"],
        cwd=ROOT,
        env={**os.environ, "SPANBOARD_DATA_DIR": str(command.data)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "productpage-v1.inbound.access.log" in logs
    assert '"path":"/productpage"' in logs
    command.process.send_signal(signal.SIGTERM)
    assert command.process.wait(20) == 0
    assert not [pid for pid in children if lives(pid)]
    assert free(command.base)
    assert not (command.data / "mesh.json").exists()


def test_a_killed_command_leaves_no_orphans(command: Command) -> None:
    children = command.children()
    command.process.kill()
    command.process.wait(10)
    until(lambda: not [p for p in children if lives(p)], "the end of all parts", 10)
    until(lambda: free(command.base), "free ports", 5)


def test_it_ends_with_a_sentence_when_spanboard_dies(command: Command) -> None:
    envoys = {
        pid
        for pid in command.children()
        if "envoy" in Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]
    }
    (board,) = set(command.children()) - envoys
    os.kill(board, signal.SIGKILL)
    assert command.process.wait(20) == 2
    assert "Spanboard ended (status -9)" in command.text()
    assert "Everything is ended." in command.text()
    assert not [pid for pid in envoys if lives(pid)]
