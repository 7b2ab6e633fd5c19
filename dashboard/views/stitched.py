"""Traces that are one request on one page, as if the context had been passed on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard.presenters.payload import build_payload
from dashboard.presenters.shown import Shown
from dashboard.presenters.trace_views import view_urls
from dashboard.presenters.waterfall import payload_head
from dashboard.reads.operations import known_operations
from dashboard.reads.stitched import Stitched, stitched
from dashboard.views import events, span, trace_views
from dashboard.views.errors import problem_page
from dashboard.views.opened import Answer, Opened
from dashboard.views.trace import binary, find_answer, page_context


def shown_of(found: Stitched) -> Shown:
    """Ready for the presenters."""
    return Shown(
        found.trace,
        found.extra,
        msgspec.to_builtins(found.summary),
        growing=any(not record.settled for record in found.records),
        complete=not found.summary.orphan_count,
        look_up=partial(known_operations, found.records[0].source_id),
    )


def _opened(trace_ids: str) -> Stitched:
    try:
        found = stitched(trace_ids.split("+"))
    except ValueError as problem:
        raise Http404(str(problem)) from problem
    if found is None:
        raise Http404(_("One of these traces is not stored."))
    return found


def of_stitched(answer: Answer) -> Callable[..., HttpResponse]:
    """A view of the joined traces from a function of ``(request, opened, …)``."""

    @require_safe
    @wraps(answer)
    def view(request: HttpRequest, trace_ids: str, **more: Any) -> HttpResponse:
        found = _opened(trace_ids)
        source = found.records[0].source.name
        opened = Opened(shown_of(found), found.details, source, 0)
        return answer(request, opened, **more)

    return view


@require_safe
def show(request: HttpRequest, trace_ids: str) -> HttpResponse:
    """The trace page, saying what was joined and by what."""
    try:
        found = stitched(trace_ids.split("+"))
    except ValueError as problem:
        return problem_page(request, 400, _("These can't be joined"), str(problem))
    if found is None:
        text = _("One of these traces is not stored any more.")
        return problem_page(request, 404, _("Nothing is here"), text)
    args = [trace_ids]
    urls = {
        "payload": reverse("dashboard:stitched-payload", args=args),
        "span": reverse("dashboard:stitched-span", args=[*args, 0])[:-1],
        "find": reverse("dashboard:stitched-find", args=args),
        "events": reverse("dashboard:stitched-events", args=args),
        "live": "",
        "download": "",
        "trace": reverse("dashboard:trace", args=["0"])[:-1],
    }
    shown = shown_of(found)
    context = page_context(request, shown, urls, found.records[0].source.name)
    context["view_urls"] = view_urls("stitched", trace_ids)
    context["stitched"] = {
        "ids": [record.trace_id for record in found.records],
        "seams": [
            {
                "service": seam.service.partition(".")[0],
                "trace_id": seam.trace_id,
                "by_id": seam.by == "request-id",
            }
            for seam in found.seams
        ],
    }
    return render(request, "dashboard/trace.html", context)


@require_safe
def payload(request: HttpRequest, trace_ids: str) -> HttpResponse:
    """The binary payload."""
    found = _opened(trace_ids)
    shown = shown_of(found)
    head = {**payload_head(shown), "version": 0, "seams": _seams(found)}
    state = "-".join(f"{r.pk}.{r.version}" for r in found.records)
    return binary(request, build_payload(shown.trace, shown.extra, head), f'"{state}"')


def _seams(found: Stitched) -> list[tuple[int, bool]]:
    """Rows that were put below others, and whether by their request id."""
    by = {seam.span_id: seam.by == "request-id" for seam in found.seams}
    ids = enumerate(found.trace.span_ids)
    return [(row, by[span_id]) for row, span_id in ids if span_id in by]


@require_safe
def find(request: HttpRequest, trace_ids: str) -> HttpResponse:
    """Rows that hold a text."""
    found = _opened(trace_ids)
    return find_answer(request, found.trace, found.details)


log_times = of_stitched(events.times_answer)
one = of_stitched(span.details_answer)
more = of_stitched(span.more_answer)
value = of_stitched(span.value_answer)
statistics = of_stitched(trace_views.statistics_answer)
rows = of_stitched(trace_views.rows_answer)
graph = of_stitched(trace_views.graph_answer)
logs = of_stitched(trace_views.logs_answer)
spans_file = of_stitched(trace_views.csv_answer)
