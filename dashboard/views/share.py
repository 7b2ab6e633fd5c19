"""Shares: making, listing, revoking, and the page behind a link."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dashboard.actions.shares import create_snapshot_share, open_share, revoke_share
from dashboard.graph.slowness import unpack_known
from dashboard.models import ShareLink
from dashboard.presenters import shares as presenter
from dashboard.presenters.payload import build_payload
from dashboard.presenters.shown import Shown
from dashboard.presenters.trace_views import view_urls
from dashboard.presenters.waterfall import payload_head
from dashboard.reads.operations import known_arrays
from dashboard.reads.traces import find_record
from dashboard.traces import codec
from dashboard.traces.ids import normalise_trace_id
from dashboard.views.errors import problem_page
from dashboard.views.trace import binary, find_answer, page_context


def private(response: HttpResponse) -> HttpResponse:
    """Headers of everything behind a share's token."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def create(request: HttpRequest) -> HttpResponse:
    """Make a snapshot and a link; the URL is told once."""
    try:
        record = find_record(normalise_trace_id(request.POST.get("trace", "")))
        days = int(request.POST.get("days") or settings.SPANBOARD_SHARE_DAYS)
    except ValueError:
        return _refuse(400, _("The request names no trace or no number of days."))
    if record is None:
        return _refuse(404, _("This trace is not stored."))
    try:
        link, token = create_snapshot_share(
            record,
            days=days,
            note=request.POST.get("note", ""),
            known=known_arrays(record),
        )
    except ValueError as problem:
        return _refuse(400, str(problem))
    path = reverse("dashboard:share-open", args=[token])
    if settings.SPANBOARD_PUBLIC_URL:
        url = f"{settings.SPANBOARD_PUBLIC_URL}{path}"
    else:
        url = request.build_absolute_uri(path)
    return private(
        JsonResponse(
            {
                "ok": True,
                "url": url,
                "expires_us": round(link.expires_at.timestamp() * 1e6),
                "local_only": not settings.SPANBOARD_PUBLIC_URL,
                "redaction": link.snapshot.redaction,
            }
        )
    )


def _refuse(status: int, text: str) -> JsonResponse:
    return JsonResponse({"ok": False, "error": text, "status": status}, status=status)


@require_safe
def list_shares(request: HttpRequest) -> HttpResponse:
    """All links with how often they were opened."""
    context = {"shares": presenter.share_rows(), "nav": "shares"}
    return render(request, "dashboard/shares.html", context)


@require_POST
def revoke(request: HttpRequest, share_id: int) -> HttpResponse:
    """End a link now."""
    revoke_share(get_object_or_404(ShareLink, pk=share_id))
    return redirect("dashboard:shares")


def shown_of(link: ShareLink) -> Shown:
    """A snapshot ready for the presenters."""
    snapshot = link.snapshot
    trace, extra = codec.decode_columns(snapshot.columns)
    look_up = partial(unpack_known, extra, trace)
    return Shown(trace, extra, snapshot.summary, False, snapshot.complete, look_up)


def link_or_404(token: str) -> ShareLink:
    """The living link of a token, for what its page asks for."""
    link = open_share(token, count=False)
    if link is None:
        raise Http404(_("This link does not open anything."))
    return link


@require_safe
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind a link; needs nothing of any source."""
    link = open_share(token)
    if link is None:
        text = _(
            "It has expired, was revoked, or never existed. Ask the person who gave "
            "it to you for a new one."
        )
        title = _("This link does not open anything")
        return private(problem_page(request, 404, title, text))
    args = [token]
    urls = {
        "payload": reverse("dashboard:share-payload", args=args),
        "span": reverse("dashboard:share-span", args=[*args, 0])[:-1],
        "find": reverse("dashboard:share-find", args=args),
        "events": reverse("dashboard:share-events", args=args),
        "live": "",
        "download": reverse("dashboard:share-download", args=args),
        "trace": "",
    }
    context: dict[str, Any] = page_context(
        request, shown_of(link), urls, link.snapshot.source_name
    )
    context["view_urls"] = view_urls("share", token)
    context["snapshot"] = presenter.snapshot_facts(link)
    return private(render(request, "dashboard/trace.html", context))


@require_safe
def share_payload(request: HttpRequest, token: str) -> HttpResponse:
    """The snapshot's payload."""
    link = link_or_404(token)
    shown = shown_of(link)
    head = {**payload_head(shown), "version": 0}
    body = build_payload(shown.trace, shown.extra, head)
    return private(binary(request, body, f'"s{link.snapshot_id}"'))


@require_safe
def share_find(request: HttpRequest, token: str) -> HttpResponse:
    """Find in the snapshot."""
    link = link_or_404(token)
    return private(
        find_answer(request, shown_of(link).trace, bytes(link.snapshot.details))
    )
