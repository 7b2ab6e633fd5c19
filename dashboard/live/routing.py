"""WebSocket routes."""

from __future__ import annotations

from django.urls import path

from dashboard.live import consumers

websocket_urlpatterns = [
    path("ws/search", consumers.SearchConsumer.as_asgi()),
    path("ws/trace/<str:trace_id>", consumers.TraceConsumer.as_asgi()),
    path("ws/graph", consumers.GraphConsumer.as_asgi()),
    path("ws/sources", consumers.SourcesConsumer.as_asgi()),
]
