"""The mesh lab: switches of the mesh or the demo that runs here."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dashboard.actions import lab
from dashboard.mesh.state import BadState
from dashboard.presenters.lab import lab_context, state_answer

MOST_SENT = 100


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The switches, each with what to look for."""
    context = {**lab_context(lab.find_lab()), "nav": "lab"}
    return render(request, "dashboard/lab.html", context)


@require_safe
def state(request: HttpRequest) -> HttpResponse:
    """The switches as they are, and the newest traces."""
    return JsonResponse(state_answer(lab.find_lab()))


@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Set switches: a JSON object of names and values, as in ``docs/mesh.md``."""
    change = _body(request)
    if change is None:
        return _refuse(400, _("The body must be a JSON object of switches."))
    try:
        return JsonResponse(state_answer(lab.switch(change)))
    except BadState as problem:
        return _refuse(400, str(problem))
    except lab.LabGone:
        return _refuse(409, _("No mesh runs here. Start one with ./spanboard mesh"))


@require_POST
def send(request: HttpRequest) -> HttpResponse:
    """Send ``count`` requests through the gateway now."""
    body = _body(request)
    count = body.get("count") if body is not None else None
    if type(count) is not int or not 0 < count <= MOST_SENT:
        return _refuse(400, _("count must be a number from 1 to 100."))
    try:
        lab.send(count)
        return JsonResponse({"ok": True, "sent": count})
    except lab.LabGone:
        return _refuse(409, _("No mesh runs here. Start one with ./spanboard mesh"))


def _body(request: HttpRequest) -> dict[str, Any] | None:
    try:
        found = json.loads(request.body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _refuse(status: int, sentence: str) -> JsonResponse:
    return JsonResponse(
        {"ok": False, "error": sentence, "status": status}, status=status
    )
