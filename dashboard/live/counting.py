"""Counts open WebSockets, for ``/metrics``."""

from __future__ import annotations

from typing import Any

from dashboard.actions import meters

PAGES = ("search", "trace", "graph", "sources", "follow", "follow-graph", "s")


def counted(application: Any) -> Any:
    """The ASGI application of WebSockets, with those that are open counted."""

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        page = (*scope.get("path", "").strip("/").split("/"), "")[1]
        gauge = meters.sockets.labels(page if page in PAGES else "other")
        with gauge.track_inprogress():
            await application(scope, receive, send)

    return outer
