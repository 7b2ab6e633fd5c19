"""Announces changes to open pages; knows no page."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

log = logging.getLogger(__name__)
TRACES = "traces"
SOURCES = "sources"
_loop: asyncio.AbstractEventLoop | None = None


def use_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Send from this loop: the in-memory layer's queues belong to the server's."""
    global _loop
    _loop = loop


def trace_group(trace_key: str) -> str:
    """The group of pages that show one trace."""
    return f"trace.{trace_key}"


def publish(group: str, message: dict[str, Any]) -> None:
    """Send a message to a group, from any thread; never raises.

    A message lost with the layer is made good by the pages, which ask for a
    reset when they connect again.
    """
    layer = get_channel_layer()
    if layer is None:
        return
    event = {"type": "changed", **message}
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    try:
        if running is not None:
            task = running.create_task(layer.group_send(group, event))
            task.add_done_callback(_report)
        elif _loop is not None and _loop.is_running():
            asyncio.run_coroutine_threadsafe(layer.group_send(group, event), _loop)
        else:
            async_to_sync(layer.group_send)(group, event)
    except Exception:
        log.warning("A live update could not be sent to %s", group, exc_info=True)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.warning("A live update could not be sent", exc_info=task.exception())
