"""Error pages in the look of the others, each saying what to do."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from dashboard.presenters import store_faults


def problem_page(
    request: HttpRequest,
    status: int,
    title: str,
    text: str,
    details: list[str] | None = None,
    preview: dict[str, str] | None = None,
) -> HttpResponse:
    """One page for every fault that a visitor meets; ``preview`` is for chats."""
    context = {
        "title": title,
        "text": text,
        "details": details or [],
        "status": status,
        "link_preview": preview,
    }
    return render(request, "dashboard/problem.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400."""
    text = _("Spanboard could not read the request. Check the address and try again.")
    return problem_page(request, 400, _("The request is not understood"), text)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    text = _("You may not open this page.")
    return problem_page(request, 403, _("Not allowed"), text)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 of a form that another site sent, or that is too old."""
    text = _("The form came from elsewhere or is too old. Load the page and try again.")
    return problem_page(request, 403, _("The form was not accepted"), text)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    if request.path_info.startswith("/api/"):
        return _machine_fault(
            request, 404, "There is no such address; see docs/api.md."
        )
    text = _("There is no such page. The links at the top lead to all there are.")
    return problem_page(request, 404, _("Nothing is here"), text)


def server_error(request: HttpRequest) -> HttpResponse:
    """500; a fault of Spanboard's, which the log tells."""
    text = _("Spanboard made a mistake. The log has the details; please report it.")
    return problem_page(request, 500, _("Something failed here"), text)


def store_unavailable(request: HttpRequest, what: str) -> HttpResponse:
    """503 for a database that can not be used now, as a page or as JSON."""
    text = store_faults.sentence(what)
    response: HttpResponse
    if request.path_info.startswith("/api/"):
        response = _machine_fault(request, 503, text)
    elif "text/html" in request.headers.get("Accept", "text/html"):
        response = problem_page(request, 503, store_faults.title(what), text)
    else:
        told = {"ok": False, "error": text, "status": 503}
        response = JsonResponse(told, status=503)
    response["Retry-After"] = "5"
    return response


def _machine_fault(request: HttpRequest, code: int, text: str) -> JsonResponse:
    """A fault in the shape of Jaeger's API v1 or v3, by the address."""
    if request.path_info.startswith("/api/v3/"):
        return JsonResponse({"error": {"httpCode": code, "message": text}}, status=code)
    faults = [{"code": code, "msg": text}]
    content = {"data": None, "total": 0, "limit": 0, "offset": 0, "errors": faults}
    return JsonResponse(content, status=code)
