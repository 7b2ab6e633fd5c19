"""Bookinfo behind real Envoys on this machine: ``./spanboard mesh``.

Free of Django: tests and benchmarks use ``Mesh`` as it is.
"""

from __future__ import annotations

from dashboard.mesh.binary import NoEnvoy, envoy_binary
from dashboard.mesh.mesh import Mesh
from dashboard.mesh.parts import CannotRun
from dashboard.mesh.state import BadState, State
from dashboard.mesh.tracers import TRACERS

__all__ = [
    "TRACERS",
    "BadState",
    "CannotRun",
    "Mesh",
    "NoEnvoy",
    "State",
    "envoy_binary",
]
