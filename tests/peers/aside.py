"""Asynchronous tests beside Playwright, whose loop holds the main thread."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def aside(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """The test as a plain function that runs in a loop and a thread of its own."""

    def run(**fixtures: Any) -> None:
        async def whole() -> None:
            await test(**fixtures)

        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, whole()).result()

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]  # pytest reads it
    run.pytestmark = getattr(test, "pytestmark", [])  # type: ignore[attr-defined]  # and this
    return run
