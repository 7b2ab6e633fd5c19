"""HTTP and WebSocket entry point for any ASGI server."""

from __future__ import annotations

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
http_application = get_asgi_application()


def build() -> Any:
    """The whole application; imports here need Django's registry to be ready."""
    from channels.routing import ProtocolTypeRouter, URLRouter
    from channels.security.websocket import AllowedHostsOriginValidator
    from django.conf import settings

    from dashboard.access.sockets import with_person
    from dashboard.actions import queue
    from dashboard.live.counting import counted
    from dashboard.live.routing import websocket_urlpatterns
    from dashboard.views.api.doors import with_bounds
    from webapp.static import under_base_path, with_static_files

    pages = counted(with_person(URLRouter(websocket_urlpatterns)))
    sockets = AllowedHostsOriginValidator(pages)
    both = ProtocolTypeRouter(
        {"http": with_static_files(with_bounds(http_application)), "websocket": sockets}
    )
    if settings.SPANBOARD_QUEUE:
        queue.start()  # what an earlier process left is stored without a new request
    return under_base_path(both, settings.SPANBOARD_BASE_PATH)


application = build()
