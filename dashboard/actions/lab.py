"""The mesh lab: what of it runs here, and switching it."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings

from dashboard.demo.switches import SIMULATED, demo
from dashboard.mesh.control import FILE
from dashboard.mesh.state import BadState

log = logging.getLogger(__name__)
TIMEOUT_S = 20.0  # of switches; Envoys take tens of milliseconds
LOOK_TIMEOUT_S = 3.0


class LabGone(Exception):
    """Nothing runs that could be switched."""


@dataclass(frozen=True, slots=True)
class Lab:
    """What runs: ``mesh`` (real Envoys), ``demo`` (simulated) or ``none``.

    ``told`` is what the mesh's control API tells; of the demo only ``switches``.
    """

    kind: str
    told: dict[str, Any]


def lab_file() -> Path:
    """Where a mesh on this machine says how it is reached."""
    return Path(settings.SPANBOARD_DATA_DIR) / FILE


def may_run() -> bool:
    """Whether the lab may have something to show; cheap, for every page."""
    return demo.runs or lab_file().exists()


def find_lab() -> Lab:
    """The mesh if one answers, else the demo of this process, else nothing."""
    try:
        return Lab("mesh", _ask("GET", "/state"))
    except LabGone:
        pass
    if demo.runs:
        return Lab("demo", {"switches": demo.state.as_dict()})
    return Lab("none", {})


def switch(change: dict[str, Any]) -> Lab:
    """Set switches; raises ``BadState`` with a sentence, or ``LabGone``."""
    try:
        return Lab("mesh", _ask("POST", "/state", change))
    except LabGone:
        if not demo.runs:
            raise
    unknown = set(change) - SIMULATED
    if unknown:
        raise BadState(f"The simulation has no {', '.join(sorted(unknown))}.")
    demo.switch(change)
    return Lab("demo", {"switches": demo.state.as_dict()})


def send(count: int) -> None:
    """So many requests through the gateway, without waiting for their answers."""
    try:
        _ask("POST", "/send", {"count": count, "wait": False})
    except LabGone:
        if not demo.runs:
            raise
        demo.more(count)


def _ask(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the mesh answers; ``LabGone`` when there is none."""
    try:
        told = json.loads(lab_file().read_text(encoding="utf-8"))
        answer = httpx.request(
            method,
            told["url"] + path,
            json=body,
            headers={"Authorization": f"Bearer {told['token']}"},
            timeout=TIMEOUT_S if body is not None else LOOK_TIMEOUT_S,
            trust_env=False,
        )
        found: dict[str, Any] = answer.json()
    except (OSError, ValueError, KeyError, TypeError, httpx.HTTPError) as problem:
        # A mesh that was killed leaves its file; that is no fault worth a page.
        log.debug("No mesh answers: %s", problem)
        raise LabGone from problem
    if answer.status_code == 400:
        raise BadState(str(found.get("error")))
    if answer.status_code != 200:
        log.warning("The mesh answered %s: %s", answer.status_code, found)
        raise LabGone
    return found
