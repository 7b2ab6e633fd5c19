"""A missing peer is a visible skip on a bare machine and a failure in CI."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")


def need(found: object, what: str, how: str) -> None:
    """Go on when ``found``; else skip with the reason, or fail under CI=true."""
    if found:
        return
    reason = f"{what} is not here: {how}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def until(
    probe: Callable[[], T], what: str, seconds: float = 30.0, every: float = 0.1
) -> T:
    """The first true result of ``probe``; fails with ``what`` after the time."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        last = probe()
        if last:
            return last  # type: ignore[return-value]  # it is the probe's result
        time.sleep(every)
    pytest.fail(f"{what} did not happen within {seconds} s (last: {last!r})")
