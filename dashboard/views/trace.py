"""The trace page and what it asks for: payload, one span, find, download."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any
from urllib.parse import quote

import brotli
from django.conf import settings
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    JsonResponse,
)
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard.actions.on_demand import fetch_trace
from dashboard.models import TraceRecord
from dashboard.presenters import waterfall
from dashboard.presenters.doctor import doctor_lines
from dashboard.presenters.payload import build_payload
from dashboard.presenters.shown import Shown
from dashboard.presenters.strings import trace_strings
from dashboard.presenters.trace_views import (
    VIEW_PARAMETERS,
    view_names,
    view_urls,
)
from dashboard.reads import find as finder
from dashboard.reads.diagnoses import about_trace
from dashboard.reads.operations import known_operations
from dashboard.reads.traces import find_record, load
from dashboard.traces.ids import normalise_trace_id
from dashboard.views.errors import problem_page

log = logging.getLogger(__name__)
KNOWN = {
    "uiFind",
    "uiEmbed",
    "uiTheme",
    "uiTimelineCollapseTitle",
    "uiTimelineHideMinimap",
    "uiTimelineHideSummary",
    "svcFilter",
    "span",
    "from",
    "to",
    "source",
    "collapsed",
    "opened",
    "critical",
    *VIEW_PARAMETERS,
    "pairs",
    "folds",
    "only",
    "root",
    "sort",
    "least",
    "detail",
    "follow",
}


def get_record(trace_id: str) -> TraceRecord | None:
    """The stored record; the loader of every view here."""
    return find_record(normalise_trace_id(trace_id))


def shown_of(record: TraceRecord) -> Shown:
    """A record ready for the presenters."""
    loaded = load(record)
    return Shown(
        loaded.trace,
        loaded.extra,
        record.summary,
        growing=not record.settled,
        complete=record.settled and not record.orphan_count,
        look_up=partial(known_operations, record.source_id),
        patterns=settings.SPANBOARD_LINK_PATTERNS,
    )


@require_safe
def show(request: HttpRequest, trace_id: str) -> HttpResponse:
    """The page; a trace that is not stored is asked of the backends."""
    if "..." in trace_id:  # as Jaeger's link to an empty comparison
        names = [name for name in trace_id.split("...") if name]
        query = f"?first={quote(names[0])}" if names else ""
        return redirect(f"{reverse('dashboard:compare')}{query}")
    try:
        wanted = normalise_trace_id(trace_id)
    except ValueError as problem:
        return problem_page(request, 400, _("This is no trace id"), str(problem))
    record = find_record(wanted)
    problems: list[str] = []
    if record is None:
        found, problems = fetch_trace(wanted)
        record = find_record(wanted) if found else None
    if record is None:
        text = _(
            "No stored trace has this id, and no source that answers knows it. It "
            "may have been deleted there, or its spans have not arrived yet."
        )
        return problem_page(
            request, 404, _("Trace %(id)s is not here") % {"id": wanted}, text, problems
        )
    if trace_id != record.trace_id:
        query = request.META.get("QUERY_STRING", "")
        url = reverse("dashboard:trace", args=[record.trace_id])
        return redirect(f"{url}?{query}" if query else url)
    shown = shown_of(record)
    args = [record.trace_id]
    urls = {
        "payload": reverse("dashboard:trace-payload", args=args),
        "span": reverse("dashboard:trace-span", args=[*args, 0])[:-1],
        "find": reverse("dashboard:trace-find", args=args),
        "events": reverse("dashboard:trace-events", args=args),
        "live": f"ws/trace/{record.trace_id}",
        "follow": f"ws/follow/{record.trace_id}/",
        "notes": reverse("dashboard:trace-notes", args=args),
        "note_add": reverse("dashboard:note-add", args=args),
        "note_change": reverse("dashboard:note-delete", args=[0])[: -len("0/delete")],
        "download": reverse("dashboard:trace-download", args=args),
        "trace": reverse("dashboard:trace", args=["0"])[:-1],
    }
    context = page_context(request, shown, urls, record.source.name)
    context["view_urls"] = view_urls("trace", record.trace_id)
    context["doctor_lines"] = doctor_lines(
        record.trace_id, about_trace(record.trace_id, record.source_id)
    )
    return render(request, "dashboard/trace.html", context)


def page_context(
    request: HttpRequest, shown: Shown, urls: dict[str, str], source: str
) -> dict[str, Any]:
    """What the template needs, for a stored trace or a snapshot."""
    embedded = request.GET.get("uiEmbed") == "v0"
    return {
        "head": waterfall.header(shown),
        "rows": waterfall.first_rows(shown),
        "span_count": len(shown.trace),
        "warnings": waterfall.trace_warnings(shown.trace)[:20],
        "urls": urls,
        "source_name": source,
        "strings": trace_strings(),
        "trace_views": view_names(),
        "embedded": embedded,
        "unknown": sorted(set(request.GET) - KNOWN),
        "version": 0,
        "nav": "search",
    }


@require_safe
def payload(request: HttpRequest, trace_id: str) -> HttpResponse:
    """The binary payload; its ETag is the record's version and the language."""
    record = record_or_404(trace_id)
    state = f"{record.pk}-{record.version}-{int(record.settled)}"
    tag = f'"{state}-{get_language()}"'
    unchanged = get_conditional_response(request, etag=tag)
    if unchanged is not None:
        return unchanged
    shown = shown_of(record)
    head = {**waterfall.payload_head(shown), "version": record.version}
    return binary(request, build_payload(shown.trace, shown.extra, head), tag)


def binary(request: HttpRequest, body: bytes, tag: str) -> HttpResponse:
    """A binary answer, brotli where the browser takes it."""
    accepts = request.headers.get("Accept-Encoding", "")
    response = HttpResponse(content_type="application/octet-stream")
    if "br" in accepts:
        body = brotli.compress(body, quality=4 if len(body) < 4_000_000 else 3)
        response["Content-Encoding"] = "br"
    response.content = body
    response["ETag"] = tag
    response["Cache-Control"] = "no-cache"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


def record_or_404(trace_id: str) -> TraceRecord:
    """The stored record, or the 404 of an asset."""
    try:
        record = get_record(trace_id)
    except ValueError as problem:
        raise Http404(str(problem)) from problem
    if record is None:
        raise Http404(_("This trace is not stored."))
    return record


def grown_text() -> str:
    """Why rows of an older version can not be told."""
    return _("The trace has grown since.")


@require_safe
def find(request: HttpRequest, trace_id: str) -> HttpResponse:
    """Rows that hold a text."""
    record = record_or_404(trace_id)
    return find_answer(request, shown_of(record).trace, bytes(record.details))


def find_answer(request: HttpRequest, trace: Any, details: bytes) -> HttpResponse:
    """The JSON of a find."""
    wanted = request.GET.get("q", "")[:500]
    if request.GET.get("span"):
        # The row of one span, for pages whose payload leaves ids out.
        rows = [r for r, i in enumerate(trace.span_ids) if i == request.GET["span"]]
    else:
        rows = finder.find_rows(trace, details, wanted)
    return JsonResponse({"rows": rows})
