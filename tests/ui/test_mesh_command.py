"""The mesh command where there is no Envoy: it says what to do and starts nothing."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from dashboard.management.commands import mesh as command
from dashboard.mesh import NoEnvoy
from dashboard.mesh.binary import envoy_binary


@pytest.fixture
def no_envoy(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    """A Linux without Envoy and without a terminal."""

    def missing() -> Path:
        raise NoEnvoy("No Envoy is installed here.")

    settings.SPANBOARD_DATA_DIR = tmp_path
    monkeypatch.setattr(command, "envoy_binary", missing)
    monkeypatch.setattr(command, "can_run_here", lambda: True)
    monkeypatch.setattr(command, "can_install", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO())


def said(*options: str) -> str:
    errors = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("mesh", *options, stderr=errors)
    assert ended.value.code == 2
    return errors.getvalue()


def test_it_offers_to_install(no_envoy: None, tmp_path: Path) -> None:
    assert "./spanboard mesh --install puts it into .venv" in said()
    assert not list(tmp_path.iterdir())


def test_another_machine_type_needs_an_envoy_of_its_own(
    no_envoy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "can_install", lambda: False)
    assert "SPANBOARD_ENVOY" in said("--install")


def test_other_systems_are_led_to_the_simulation(
    no_envoy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "can_run_here", lambda: False)
    text = said()
    assert "needs Linux" in text
    assert "./spanboard up has a simulated Bookinfo" in text


def test_logs_that_are_not_there(no_envoy: None) -> None:
    assert "no logs of “ratings”" in said("--logs", "ratings")


def test_a_named_envoy_must_be_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SPANBOARD_ENVOY", str(tmp_path / "envoy"))
    with pytest.raises(NoEnvoy, match="can not be run"):
        envoy_binary()
    (tmp_path / "envoy").write_text("#!/bin/sh\n")
    (tmp_path / "envoy").chmod(0o755)
    assert envoy_binary() == tmp_path / "envoy"
