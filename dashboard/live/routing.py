"""WebSocket routes."""

from __future__ import annotations

from django.urls import path

from dashboard.live import consumers, rooms, shared

websocket_urlpatterns = [
    path("ws/search", consumers.SearchConsumer.as_asgi()),
    path("ws/trace/<str:trace_id>", consumers.TraceConsumer.as_asgi()),
    path("ws/graph", consumers.GraphConsumer.as_asgi()),
    path("ws/sources", consumers.SourcesConsumer.as_asgi()),
    path("ws/follow/<str:trace_id>/<str:room>", rooms.FollowConsumer.as_asgi()),
    path("ws/follow-graph/<str:room>", rooms.FollowConsumer.as_asgi()),
    path("ws/s/<str:token>/thread", rooms.ThreadConsumer.as_asgi()),
    path("ws/s/<str:token>/follow/<str:room>", rooms.FollowConsumer.as_asgi()),
    path("ws/s/<str:token>/graph", shared.SharedGraphConsumer.as_asgi()),
]
