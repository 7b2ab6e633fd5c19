"""HTTP and WebSocket entry point for any ASGI server."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
http_application = get_asgi_application()

from django.conf import settings  # noqa: E402 (needs the app registry)
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402 (needs the app registry)
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402 (same)

from dashboard.live.routing import websocket_urlpatterns  # noqa: E402 (same)
from webapp.static import under_base_path, with_static_files  # noqa: E402 (same)

application = under_base_path(
    ProtocolTypeRouter(
        {
            "http": with_static_files(http_application),
            "websocket": AllowedHostsOriginValidator(URLRouter(websocket_urlpatterns)),
        }
    ),
    settings.SPANBOARD_BASE_PATH,
)
