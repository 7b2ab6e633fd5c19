"""Who opens a WebSocket: the same rules as for pages."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from asgiref.sync import sync_to_async
from channels.auth import get_user
from channels.sessions import SessionMiddlewareStack
from django.conf import settings

from dashboard.access.addresses import visitor
from dashboard.access.asking import Asked, at_once, look_up
from dashboard.access.models import User
from dashboard.access.person import Right

SHARE_PATH = "/ws/s/"  # guarded by the share's own token, in its consumer
REFUSED, AGAIN = 4401, 4000
ACCOUNT_FOR_S = 600.0  # then an account's page must connect, and be asked, again


def asked_by(scope: dict[str, Any]) -> Asked:
    """What a connection says of itself."""
    headers: dict[str, str] = {}
    for name, value in scope.get("headers", ()):
        headers[name.decode("latin-1").lower()] = value.decode("latin-1")
    peer = (scope.get("client") or ("", 0))[0]
    return Asked(peer or "", headers.get("host", ""), headers)


def visitor_of(scope: dict[str, Any]) -> str:
    """The address that a connection counts for."""
    asked = asked_by(scope)
    return visitor(asked.peer, asked.headers, settings.SPANBOARD_TRUSTED_PROXIES)


class Access:
    """Puts the person into ``scope["person"]``; consumers ask it for rights."""

    def __init__(self, inner: Any):
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Find out who asks, then go on."""
        asked = asked_by(scope)
        person = at_once(asked, Right.VIEW)
        if person is None:
            user = await get_user(scope)
            found = user if isinstance(user, User) and user.is_authenticated else None
            person = await sync_to_async(look_up, thread_sensitive=False)(
                asked, lambda: found
            )
        shared = scope.get("path", "").startswith(SHARE_PATH)
        if not shared and not person.may(Right.VIEW):
            await receive()  # the connect event, which an answer must follow
            await send({"type": "websocket.close", "code": REFUSED})
            return
        if person.kind == "user":
            receive = _until(time.monotonic() + ACCOUNT_FOR_S, receive, send)
        await self.inner({**scope, "person": person}, receive, send)


def _until(end_s: float, receive: Any, send: Any) -> Any:
    """Receiving that ends the connection at a moment."""

    async def limited() -> Any:
        try:
            left_s = max(0.0, end_s - time.monotonic())
            return await asyncio.wait_for(receive(), left_s)
        except TimeoutError:
            await send({"type": "websocket.close", "code": AGAIN})
            return {"type": "websocket.disconnect", "code": AGAIN}

    return limited


def with_person(application: Any) -> Any:
    """Sessions and the person for everything inside."""
    return SessionMiddlewareStack(Access(application))
