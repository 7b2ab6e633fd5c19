"""Announces changes to the server processes; knows no page."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import uuid
from typing import Any

from channels.layers import get_channel_layer

log = logging.getLogger(__name__)
TRACES = "traces"
SOURCES = "sources"
WAIT_S = 5.0
_server_loop: asyncio.AbstractEventLoop | None = None
_lock = threading.Lock()


class Sender:
    """Numbers this process's messages, so that who misses one knows it.

    Without a server in the process, a thread of its own keeps one connection to
    the channel layer.
    """

    def __init__(self) -> None:
        self.name = uuid.uuid4().hex[:12]
        self.process = os.getpid()
        self.count = 0
        self.loop: asyncio.AbstractEventLoop | None = None

    def number(self) -> int:
        """The next message's number."""
        self.count += 1
        return self.count

    def own_loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the sending thread, started at the first use."""
        if self.loop is None:
            self.loop = asyncio.new_event_loop()
            threading.Thread(
                target=self.loop.run_forever, name="live-sender", daemon=True
            ).start()
        return self.loop


_sender = Sender()


def use_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Send from this loop: the in-memory layer's queues belong to the server's."""
    global _server_loop
    _server_loop = loop


def publish(group: str, message: dict[str, Any]) -> None:
    """Send a message to a group, from any thread; never raises.

    ``keys``: traces that changed; ``all``: anything may have. A message lost
    with the layer leaves a gap in the numbers, and who hears the next one reads
    everything again.
    """
    global _sender
    layer = get_channel_layer()
    if layer is None:
        return
    with _lock:
        if _sender.process != os.getpid():  # forked
            _sender = Sender()
        event = {
            "type": "changed",
            "group": group,
            **message,
        }
        if group in (TRACES, SOURCES):  # the hub hears all of these
            event |= {"from": _sender.name, "number": _sender.number()}
        at_home = _server_loop is not None and _server_loop.is_running()
        loop = _server_loop if at_home else _sender.own_loop()
    assert loop is not None
    try:
        done = asyncio.run_coroutine_threadsafe(layer.group_send(group, event), loop)
        if at_home:  # also from the loop's own thread, which must not wait
            done.add_done_callback(_report)
        else:
            done.result(WAIT_S)
    except Exception:
        log.warning("A live update could not be sent to %s", group, exc_info=True)


def _report(done: Any) -> None:
    if not done.cancelled() and done.exception() is not None:
        log.warning("A live update could not be sent", exc_info=done.exception())
