"""The sources page, its switches and its back-fills."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dashboard.actions import backfill
from dashboard.actions.removal import remove_source
from dashboard.actions.sources import choose as choose_taken
from dashboard.actions.sources import set_enabled
from dashboard.models import BackFill, Source
from dashboard.presenters.backfill import bad_window_text
from dashboard.presenters.sources import default_window, source_rows
from dashboard.traces.moments import parse_moment


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Each source with its state."""
    return _page(request)


def _page(
    request: HttpRequest, source_id: int = 0, problem: str = "", status: int = 200
) -> HttpResponse:
    """The page, with what was wrong about a form of one source."""
    start, end = default_window()
    context = {
        "source_rows": source_rows(),
        "nav": "sources",
        "fill_from": request.POST.get("from", start),
        "fill_to": request.POST.get("to", end),
        "problem": problem,
        "problem_of": source_id,
    }
    return render(request, "dashboard/sources.html", context, status=status)


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


@require_POST
def choose(request: HttpRequest, source_id: int) -> HttpResponse:
    """Say which services and what share of the traces are taken."""
    source = get_object_or_404(Source, pk=source_id)
    try:
        percent = float(request.POST.get("share", "100").replace(",", "."))
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        words = _("The share is a number from 0 to 100, in per cent.")
        return _page(request, source_id, words, 400)
    include, exclude = (request.POST.get(n, "") for n in ("include", "exclude"))
    if any(len(text) > 2_000 or "\0" in text for text in (include, exclude)):
        words = _("The patterns are too long: at most 2,000 characters.")
        return _page(request, source_id, words, 400)
    choose_taken(source, include, exclude, percent / 100)
    return redirect("dashboard:sources")


@require_POST
def back_fill(request: HttpRequest, source_id: int) -> HttpResponse:
    """Order a past window."""
    source = get_object_or_404(Source, pk=source_id)
    try:
        start_us, end_us = (
            parse_moment(request.POST.get(name, "")) for name in ("from", "to")
        )
        backfill.begin(source, start_us, end_us)
    except backfill.BadWindow as problem:
        return _page(request, source_id, bad_window_text(problem.code), 400)
    except ValueError as problem:
        return _page(request, source_id, str(problem), 400)
    return redirect("dashboard:sources")


@require_POST
def stop_fill(request: HttpRequest, fill_id: int) -> HttpResponse:
    """Stop a back-fill; what it had stays."""
    backfill.stop(get_object_or_404(BackFill, pk=fill_id))
    return redirect("dashboard:sources")


@require_POST
def resume_fill(request: HttpRequest, fill_id: int) -> HttpResponse:
    """Let a stopped back-fill go on."""
    backfill.resume(get_object_or_404(BackFill, pk=fill_id))
    return redirect("dashboard:sources")
