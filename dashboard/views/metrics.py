"""``/metrics`` for Prometheus."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client.exposition import choose_encoder

from dashboard.presenters.metrics import Everything


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """In the format that is asked for: Prometheus's text or OpenMetrics."""
    write, kind = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(write(Everything()), content_type=kind)
