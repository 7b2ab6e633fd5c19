"""Renews the sign that live pages are open while this process has any."""

from __future__ import annotations

import asyncio
import logging

from asgiref.sync import sync_to_async
from django.db import DatabaseError

from dashboard.actions.watch import BEAT_S, note_watched

log = logging.getLogger(__name__)
_open: set[str] = set()
_task: asyncio.Task[None] | None = None


def opened(name: str) -> None:
    """A live page of this process opened; call it from its event loop."""
    global _task
    _open.add(name)
    if _task is None or _task.done():
        _task = asyncio.get_running_loop().create_task(_beat())


def closed(name: str) -> None:
    """It is gone."""
    _open.discard(name)


async def _beat() -> None:
    while _open:
        try:
            await sync_to_async(note_watched, thread_sensitive=False)()
        except DatabaseError:
            log.warning("The sign of open pages could not be written", exc_info=True)
        await asyncio.sleep(BEAT_S)
