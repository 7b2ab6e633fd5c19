"""Shares: making one, and the page behind a link."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from csp.decorators import csp_update
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from dashboard.access.limits import is_too_often
from dashboard.actions.shares import (
    create_snapshot_share,
    find_share,
    is_for_anyone,
    may_open,
    note_opened,
    preview_share,
)
from dashboard.gate import person_of
from dashboard.graph.slowness import unpack_known
from dashboard.presenters import shares as presenter
from dashboard.presenters.link_preview import link_preview, plain_preview
from dashboard.presenters.payload import build_payload
from dashboard.presenters.redaction import preview_answer
from dashboard.presenters.shown import Shown
from dashboard.presenters.trace_views import view_urls
from dashboard.presenters.waterfall import payload_head
from dashboard.reads.operations import known_arrays
from dashboard.reads.traces import find_record
from dashboard.share_models import ShareLink, Snapshot
from dashboard.traces import codec
from dashboard.traces.ids import normalise_trace_id
from dashboard.views.errors import problem_page
from dashboard.views.trace import binary, find_answer, page_context

MAX_FIELDS = 200
SEEN_RATE = "30/m"  # looks at one link that one address can make count
FRAME_PARAMETERS = {"uiEmbed", "uiTheme", "follow"}  # how a page is shown, not what


def private(response: HttpResponse) -> HttpResponse:
    """Headers of everything behind a share's token."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Cache-Control"] = "no-store"
    return response


def framed(response: HttpResponse, link: ShareLink) -> HttpResponse:
    """Let pages of the origins of the settings show a share in a frame.

    Only links for anyone: a frame gets no cookie, and who is local must not be
    shown another's page by a site.
    """
    if may_be_framed(link):
        origins = {"frame-ancestors": settings.SPANBOARD_EMBED_ORIGINS}
        csp_update(origins)(lambda _request: response)(HttpRequest())
        response.xframe_options_exempt = True
    return response


def may_be_framed(link: ShareLink) -> bool:
    """Whether pages of other sites may show it."""
    return is_for_anyone(link) and bool(settings.SPANBOARD_EMBED_ORIGINS)


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
            person=person_of(request),
            audience=request.POST.get("audience") or ShareLink.Audience.SIGNED_IN,
            state=request.POST.get("state", ""),
            extra_keys=fields_of(request.POST),
        )
    except ValueError as problem:
        return _refuse(400, str(problem))
    return told_once(request, link, token)


@require_safe
def preview(request: HttpRequest) -> HttpResponse:
    """What a snapshot of a trace would take out; nothing is stored.

    ``field`` (repeatable) names tags that go by hand. The answer holds the values
    themselves, as the trace's own page does.
    """
    try:
        record = find_record(normalise_trace_id(request.GET.get("trace", "")))
        page = int(request.GET.get("page") or 1)
    except ValueError:
        return _refuse(400, _("The request names no trace."))
    if record is None:
        return _refuse(404, _("This trace is not stored."))
    found = preview_share(record, extra_keys=fields_of(request.GET), page=page)
    return private(JsonResponse(preview_answer(found)))


def fields_of(values: QueryDict) -> list[str]:
    """The tags that the author takes out by hand."""
    return [name[:500] for name in values.getlist("field") if name][:MAX_FIELDS]


def told_once(request: HttpRequest, link: ShareLink, token: str) -> HttpResponse:
    """A new link's address; it is stored nowhere."""
    return private(
        JsonResponse(
            {
                "ok": True,
                "url": address(request, reverse("dashboard:share-open", args=[token])),
                "expires_us": round(link.expires_at.timestamp() * 1e6),
                "audience": link.audience,
                "local_only": not settings.SPANBOARD_PUBLIC_URL,
                "redaction": link.snapshot.redaction,
                "title": link.snapshot.title,
                "kind": link.snapshot.kind,
                "framed": may_be_framed(link),
            }
        )
    )


def address(request: HttpRequest, path: str) -> str:
    """A page's address as others reach it."""
    if settings.SPANBOARD_PUBLIC_URL:
        return f"{settings.SPANBOARD_PUBLIC_URL}{path}"
    return request.build_absolute_uri(path)


def _refuse(status: int, text: str) -> JsonResponse:
    return JsonResponse({"ok": False, "error": text, "status": status}, status=status)


def shown_of(link: ShareLink) -> Shown:
    """A snapshot ready for the presenters."""
    snapshot = link.snapshot
    trace, extra = codec.decode_columns(snapshot.columns)
    look_up = partial(unpack_known, extra, trace)
    return Shown(trace, extra, snapshot.summary, False, snapshot.complete, look_up)


def _look_up(request: HttpRequest, token: str) -> ShareLink | None:
    """The living link of a token, if the asker is of its audience.

    Raises ``TooOften`` for who has asked for many that open nothing.
    """
    rate = settings.SPANBOARD_LINK_RATE
    if is_too_often(request, "share", rate, count=False):
        raise TooOften
    link = find_share(token)
    if link is None:
        is_too_often(request, "share", rate)
        return None
    return link if may_open(link, person_of(request)) else None


# Pages of what is no trace, by the snapshot's kind.
PAGES: dict[str, Callable[[HttpRequest, ShareLink, str], HttpResponse]] = {}


class TooOften(Exception):
    """Somebody guesses at links."""


def link_or_404(
    request: HttpRequest, token: str, kinds: Collection[str] = (Snapshot.Kind.TRACE,)
) -> ShareLink:
    """The link of a token to such snapshots, for what its page asks for."""
    try:
        link = _look_up(request, token)
    except TooOften:
        link = None
    if link is None or link.snapshot.kind not in kinds:
        raise Http404(_("This link does not open anything."))
    return link


def opens_nothing(request: HttpRequest) -> HttpResponse:
    """One page for expired, revoked, unknown, and not for this person."""
    text = _(
        "It has expired, was revoked, never existed, or is for people who are signed "
        "in. Ask the person who gave it to you for a new one."
    )
    title = _("This link does not open anything")
    told = plain_preview(_plain_picture(request))
    return private(problem_page(request, 404, title, text, preview=told))


def preview_of(request: HttpRequest, link: ShareLink, token: str) -> dict[str, str]:
    """What chats show of a link."""
    picture = address(request, reverse("dashboard:share-png", args=[token]))
    return link_preview(link, _plain_picture(request), picture)


def _plain_picture(request: HttpRequest) -> str:
    return address(request, static("dashboard/share.png"))


def together_urls(token: str) -> dict[str, str]:
    """Where a shared page's thread and rooms are."""
    return {
        "follow": f"ws/s/{token}/follow/",
        "thread": reverse("dashboard:share-thread", args=[token]),
        "thread_add": reverse("dashboard:share-comment", args=[token]),
        "thread_socket": f"ws/s/{token}/thread",
    }


@require_safe
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind a link; needs nothing of any source."""
    try:
        link = _look_up(request, token)
    except TooOften:
        text = _("Too many links that open nothing were tried. Wait a minute.")
        return private(problem_page(request, 429, _("Too many tries"), text))
    if link is None:
        return opens_nothing(request)
    state = QueryDict(link.state, mutable=True)
    if request.GET.keys() <= FRAME_PARAMETERS and not state.keys() <= FRAME_PARAMETERS:
        state.update(request.GET)
        return private(redirect(f"{request.path}?{state.urlencode()}"))
    page = PAGES.get(link.snapshot.kind)
    if page is not None:
        return framed(private(page(request, link, token)), link)
    args = [token]
    urls = {
        "payload": reverse("dashboard:share-payload", args=args),
        "span": reverse("dashboard:share-span", args=[*args, 0])[:-1],
        "find": reverse("dashboard:share-find", args=args),
        "events": reverse("dashboard:share-events", args=args),
        "live": "",
        **together_urls(token),
        "notes": reverse("dashboard:share-notes", args=args),
        "download": reverse("dashboard:share-download", args=args),
        "trace": "",
        "seen": reverse("dashboard:share-seen", args=args),
    }
    context: dict[str, Any] = page_context(
        request, shown_of(link), urls, link.snapshot.source_name
    )
    context["view_urls"] = view_urls("share", token)
    context["snapshot"] = presenter.snapshot_facts(link)
    context["link_preview"] = preview_of(request, link, token)
    return framed(private(render(request, "dashboard/trace.html", context)), link)


@require_safe
def share_payload(request: HttpRequest, token: str) -> HttpResponse:
    """The snapshot's payload."""
    link = link_or_404(request, token)
    shown = shown_of(link)
    head = {**payload_head(shown), "version": 0}
    body = build_payload(shown.trace, shown.extra, head)
    return private(binary(request, body, f'"s{link.snapshot_id}"'))


@require_safe
def share_find(request: HttpRequest, token: str) -> HttpResponse:
    """Find in the snapshot."""
    link = link_or_404(request, token)
    return private(
        find_answer(request, shown_of(link).trace, bytes(link.snapshot.details))
    )


@csrf_exempt
@require_POST
def seen(request: HttpRequest, token: str) -> HttpResponse:
    """The page tells that somebody looks: a count and a line in the log.

    No form of ours is needed: who has the token may open it anyway.
    """
    link = link_or_404(request, token, Snapshot.Kind.values)
    # Each look is a row of the log, and anyone may send them.
    if is_too_often(request, f"seen-{link.pk}", SEEN_RATE):
        return private(HttpResponse(status=429))
    note_opened(link, person_of(request))
    return private(HttpResponse(status=204))
