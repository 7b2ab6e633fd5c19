"""The mesh lab: what it says without a mesh, who may switch, what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from dashboard.actions.lab import lab_file
from dashboard.demo.switches import Demo, demo
from dashboard.mesh.state import State
from dashboard.presenters.lab_rows import fault_rows, modes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_runs(settings: Any, tmp_path: Path) -> Iterator[None]:
    """A data directory without a mesh; the demo is as it was afterwards."""
    settings.SPANBOARD_DATA_DIR = tmp_path
    demo.state, demo.runs = Demo().state, False
    yield
    demo.state, demo.runs = Demo().state, False
    demo.take_owed()


def post(client: Client, path: str, body: Any) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body)
    return client.post(path, data, content_type="application/json")


def test_without_a_mesh_it_says_how_to_start_one(client: Client) -> None:
    page = client.get("/lab").content.decode()
    assert "No mesh runs here" in page
    assert "./spanboard mesh" in page
    assert "Mesh lab</a>" in page
    assert "Mesh lab</a>" not in client.get("/sources").content.decode()
    assert client.get("/lab/state.json").json()["kind"] == "none"
    answer = post(client, "/lab/switch", {"rate": 1})
    assert answer.status_code == 409
    assert "./spanboard mesh" in answer.json()["error"]
    assert post(client, "/lab/send", {"count": 1}).status_code == 409


@pytest.mark.parametrize(
    "left",
    [
        '{"url": "http://127.0.0.1:9", "token": "t"}',
        '{"url": "nonsense", "token": "t"}',
        '{"token": 5}',
        "[1]",
        "",
        "\x00",
    ],
)
def test_what_a_killed_mesh_left_is_no_fault(client: Client, left: str) -> None:
    lab_file().write_text(left)
    answer = client.get("/lab")
    assert answer.status_code == 200
    assert "No mesh runs here" in answer.content.decode()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"\xff", b'"x"'])
def test_bodies_that_are_no_object(client: Client, body: bytes) -> None:
    demo.runs = True
    for path in ("/lab/switch", "/lab/send"):
        answer = post(client, path, body)
        assert answer.status_code == 400
        assert answer.json()["ok"] is False


@pytest.mark.parametrize("count", [0, -1, 101, 1.5, True, "5", None])
def test_counts_that_are_none(client: Client, count: Any) -> None:
    demo.runs = True
    assert post(client, "/lab/send", {"count": count}).status_code == 400


def test_the_demo_is_switched_and_says_that_it_is_simulated(client: Client) -> None:
    demo.runs = True
    page = client.get("/lab").content.decode()
    assert ">simulated<" in page
    assert "No Envoy runs here" in page
    assert 'data-row="abort"' in page
    assert 'data-row="no_endpoints"' not in page
    answer = post(client, "/lab/switch", {"forwarding": {"reviews:v2": "none"}})
    assert answer.json()["switches"]["forwarding"] == {"reviews:v2": "none"}
    assert demo.state.mode_of("reviews:v2") == "none"
    refused = post(client, "/lab/switch", {"retries": 1, "rate": 9})
    assert refused.status_code == 400
    assert "The simulation has no retries" in refused.json()["error"]
    assert demo.state.rate != 9
    refused = post(client, "/lab/switch", {"sampling": 101})
    assert "sampling must be a number" in refused.json()["error"]
    assert post(client, "/lab/send", {"count": 7}).status_code == 200
    assert demo.take_owed() == 7


def test_viewers_look_and_admins_switch() -> None:
    demo.runs = True
    users = get_user_model().objects
    client = Client(SERVER_NAME="testserver", REMOTE_ADDR="10.9.8.7")
    user = users.create_user("vera", password="long enough to pass", role="viewer")
    client.force_login(user)
    page = client.get("/lab").content.decode()
    assert "switching needs an admin" in page
    assert "data-send" not in page
    assert "<fieldset" in page and " disabled>" in page
    assert post(client, "/lab/switch", {"rate": 0}).status_code == 403
    assert post(client, "/lab/send", {"count": 1}).status_code == 403
    user.role = "admin"
    user.save()
    assert post(client, "/lab/switch", {"rate": 0}).status_code == 200
    assert demo.state.rate == 0


def test_every_row_is_a_switch_that_the_mesh_knows() -> None:
    state = State()
    for row in fault_rows(state.as_dict(), simulated=False):
        assert not row.is_on
        change: Any = {
            "list": [row.target],
            "table": {row.target: row.value},
            "number": row.value,
        }[row.shape]
        changed = state.changed({row.name: change})
        (again,) = (
            found
            for found in fault_rows(changed.as_dict(), simulated=False)
            if found.name == row.name
        )
        assert again.is_on
        assert (again.target, again.value) == (row.target, row.value)
        for target in row.targets:
            change = [target] if row.shape == "list" else {target: row.value}
            state.changed({row.name: change})
    for mode in modes(simulated=False):
        state.changed({"forwarding": {"reviews:v2": mode}})
