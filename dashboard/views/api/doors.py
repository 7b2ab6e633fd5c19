"""The addresses at which spans come in."""

from __future__ import annotations

from typing import Any

from dashboard.views.api import otlp, zipkin
from dashboard.views.api.pressure import Door, bounded

DOORS = {
    f"{path}{end}": door
    for path, door in (
        ("/v1/traces", Door("otlp", otlp.refuse)),
        ("/api/v2/spans", Door("zipkin", zipkin.refuse)),
    )
    for end in ("", "/")
}


def with_bounds(application: Any) -> Any:
    """The ASGI application, with what receivers hold bounded."""
    return bounded(application, DOORS)
