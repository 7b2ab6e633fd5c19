"""What all tests share: factories of traces, real peers, visible skips."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import AsyncClient, Client
from hypothesis import settings

from dashboard.actions import doctor
from dashboard.reads import stitched, traces, words
from tests.peers import browser as chromium
from tests.peers import jaeger as jaegers
from tests.peers.mesh import collector, start_mesh
from tests.peers.running import RunningSpanboard

__all__ = ["collector", "start_mesh"]
# No test asserts times, and a busy machine is no fault.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def made_traces_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made traces began half a minute ago, however long the tests run already."""
    start_us = int(time.time() * 1e6) - 30_000_000
    for name, module in list(sys.modules.items()):
        if name.startswith("tests.") and hasattr(module, "START_US"):
            monkeypatch.setattr(module, "START_US", start_us)


@pytest.fixture(autouse=True)
def nothing_kept_of_other_tests() -> None:
    """A test's store is rolled back and its row numbers come again; what processes
    keep by these numbers must go with it."""
    for kept in (traces._kept, stitched._kept, words._kept, doctor._kept):
        kept.clear()
    doctor._names.clear()
    doctor._judged.clear()


@pytest.fixture
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[jaegers.Jaeger]:
    """A real Jaeger with an empty memory store."""
    peer = jaegers.Jaeger(tmp_path_factory.mktemp("jaeger"))
    peer.start()
    yield peer
    peer.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """A real Chromium."""
    yield from chromium.launch()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that fails the test on any script error."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    made = context.new_page()
    faults: list[str] = []
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    yield made
    context.close()
    assert not faults


@pytest.fixture
def spanboard(tmp_path: object) -> Iterator[type[RunningSpanboard]]:
    """Starts Spanboards; all of them are stopped at the end."""
    started: list[RunningSpanboard] = []

    def start(*options: str, **environment: str) -> RunningSpanboard:
        board = RunningSpanboard(*options, **environment)
        started.append(board)
        board.start()
        return board

    yield start  # type: ignore[misc]  # a function that makes them
    for board in started:
        board.stop()


@pytest.fixture
def client() -> Client:
    """Django's client as this machine's own user: by a loopback name."""
    return Client(SERVER_NAME="localhost")


@pytest.fixture
def async_client() -> AsyncClient:
    """The same for async views."""
    return AsyncClient(SERVER_NAME="localhost")
