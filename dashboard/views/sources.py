"""The sources page and its switches."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from dashboard.actions.removal import remove_source
from dashboard.actions.sources import set_enabled
from dashboard.models import Source
from dashboard.presenters.sources import source_rows


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Each source with its state."""
    context = {"source_rows": source_rows(), "nav": "sources"}
    return render(request, "dashboard/sources.html", context)


@require_POST
def switch(request: HttpRequest, source_id: int) -> HttpResponse:
    """Switch a source on or off."""
    source = get_object_or_404(Source, pk=source_id)
    set_enabled(source, not source.enabled)
    return redirect("dashboard:sources")


@require_POST
def remove(request: HttpRequest, source_id: int) -> HttpResponse:
    """Remove the demo with its traces; other sources are switched off instead."""
    remove_source(get_object_or_404(Source, pk=source_id, is_demo=True))
    return redirect("dashboard:sources")
