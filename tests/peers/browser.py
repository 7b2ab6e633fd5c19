"""A real Chromium, through Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

from tests.peers.need import need

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def path() -> str:
    """Where it is."""
    found = os.environ.get("SPANBOARD_TEST_CHROMIUM") or next(
        filter(None, map(shutil.which, NAMES)), None
    )
    need(
        found,
        "A real Chromium",
        "install Debian's chromium, or set SPANBOARD_TEST_CHROMIUM",
    )
    return str(found)


def launch() -> Iterator[object]:
    """Start it, give it, close it."""
    place = path()
    from playwright.sync_api import sync_playwright

    # Playwright keeps a loop in this thread, which Django takes for async code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=place, args=FLAGS)
        yield browser
        browser.close()


def with_names(browser: Any) -> Any:
    """Another one, for which all names under ``.example`` are this machine."""
    rules = "--host-resolver-rules=MAP *.example 127.0.0.1"
    return browser.browser_type.launch(executable_path=path(), args=[*FLAGS, rules])
