"""Living with shares: the list, its log, and what can be done to each."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dashboard.access.person import Person
from dashboard.actions import shares
from dashboard.gate import person_of
from dashboard.presenters import shares as presenter
from dashboard.share_models import ShareLink
from dashboard.traces.ids import normalise_trace_id
from dashboard.views.errors import problem_page
from dashboard.views.share import told_once


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """One's own links; for admins ``all=1`` those of everybody, and the log."""
    person = person_of(request)
    everybody = person.may_manage and request.GET.get("all") == "1"
    trace = request.GET.get("trace", "").strip()
    context = {
        "shares": presenter.share_rows(person, everybody=everybody, trace=trace),
        "events": presenter.event_rows() if everybody else [],
        "everybody": everybody,
        "trace": trace,
        "anyone": settings.SPANBOARD_SHARE_ANYONE,
        "nav": "shares",
    }
    return render(request, "dashboard/shares.html", context)


def _changed(
    request: HttpRequest, share_id: int, change: Callable[[ShareLink, Person], None]
) -> HttpResponse:
    """Change a link that is the asker's to change; any other is not there."""
    person = person_of(request)
    link = ShareLink.objects.select_related("snapshot").filter(pk=share_id).first()
    if link is None or not shares.may_change(link, person):
        raise Http404(_("There is no such share."))
    try:
        change(link, person)
    except ValueError as problem:
        return problem_page(request, 400, _("This can not be done"), str(problem))
    everybody = "?all=1" if request.POST.get("all") == "1" else ""
    return redirect(f"{request.path.rsplit('/', 2)[0]}{everybody}")


@require_POST
def revoke(request: HttpRequest, share_id: int) -> HttpResponse:
    """End a link now."""
    return _changed(request, share_id, shares.revoke_share)


@require_POST
def extend(request: HttpRequest, share_id: int) -> HttpResponse:
    """Let a link open for ``days`` from now."""
    word = request.POST.get("days", "")
    if not (word.isascii() and word.isdigit() and len(word) < 6):
        text = _("Say for how many days.")
        return problem_page(request, 400, _("This can not be done"), text)

    def change(link: ShareLink, person: Person) -> None:
        shares.extend_share(link, int(word), person)

    return _changed(request, share_id, change)


@require_POST
def delete(request: HttpRequest, share_id: int) -> HttpResponse:
    """Remove a link, and its snapshot when it was the last."""
    return _changed(request, share_id, shares.delete_share)


@require_POST
def renew(request: HttpRequest, share_id: int) -> HttpResponse:
    """Another link to the same snapshot; told once, as JSON."""
    person = person_of(request)
    link = ShareLink.objects.select_related("snapshot").filter(pk=share_id).first()
    if link is None or not shares.may_change(link, person):
        raise Http404(_("There is no such share."))
    try:
        made, token = shares.renew_share(link, person)
    except ValueError as problem:
        return problem_page(request, 400, _("This can not be done"), str(problem))
    return told_once(request, made, token)


@require_POST
def erase(request: HttpRequest) -> HttpResponse:
    """Remove all snapshots of a trace, whoever made them."""
    try:
        trace_id = normalise_trace_id(request.POST.get("trace", ""))
    except ValueError as problem:
        return problem_page(request, 400, _("This can not be done"), str(problem))
    shares.delete_shares_of_trace(trace_id, person_of(request))
    return redirect(f"{request.path.rsplit('/', 1)[0]}?all=1")
