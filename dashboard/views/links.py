"""Short links to pages."""

from __future__ import annotations

import time

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dashboard.actions.links import save_link
from dashboard.gate import person_of
from dashboard.presenters.absolute import absolute
from dashboard.share_models import SavedLink
from dashboard.views.share import address


@require_POST
def create(request: HttpRequest) -> HttpResponse:
    """The short link of the page ``path`` (below the base path), its times absolute."""
    title = request.POST.get("title", "")
    path = absolute(request.POST.get("path", ""), time.time_ns() // 1_000)
    try:
        link = save_link(path, title, person_of(request))
    except ValueError as problem:
        return JsonResponse(
            {"ok": False, "error": str(problem), "status": 400}, status=400
        )
    url = address(request, reverse("dashboard:link-open", args=[link.code]))
    local = not settings.SPANBOARD_PUBLIC_URL
    return JsonResponse({"ok": True, "url": url, "local_only": local})


@require_safe
def open_link(request: HttpRequest, code: str) -> HttpResponse:
    """Lead to the page."""
    link = SavedLink.objects.filter(code=code).first()
    if link is None:
        raise Http404(_("There is no such link."))
    base = f"/{settings.SPANBOARD_BASE_PATH}" if settings.SPANBOARD_BASE_PATH else ""
    return redirect(f"{base}{link.path}")
