"""A trace that leaves: downloads in several formats, the page as JSON, raw spans."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from dashboard.presenters.spans_csv import spans_csv
from dashboard.presenters.trace_document import trace_document
from dashboard.presenters.trace_file import file_context
from dashboard.presenters.trace_picture import trace_picture
from dashboard.sources.jaeger.export import to_jaeger_json, trace_object
from dashboard.sources.otlp.export import to_otlp_json
from dashboard.sources.zipkin.export import to_zipkin_json
from dashboard.traces import codec
from dashboard.views.errors import problem_page
from dashboard.views.opened import Opened, of_share, of_trace, refusal
from dashboard.views.trace_views import unknown

JSON_FORMATS = {
    "jaeger": (to_jaeger_json, "json"),
    "otlp": (to_otlp_json, "otlp.json"),
    "zipkin": (to_zipkin_json, "zipkin.json"),
}
FORMATS = (*JSON_FORMATS, "csv", "html", "svg")
PICTURE_WIDTH = 1240  # px


def download_answer(request: HttpRequest, opened: Opened) -> HttpResponse:
    """The trace as a file in a chosen format."""
    name = request.GET.get("format", "jaeger")
    trace = opened.shown.trace
    if name in JSON_FORMATS:
        export, ending = JSON_FORMATS[name]
        return attached(
            export([opened.whole()]), "application/json", trace.trace_id, ending
        )
    if name == "csv":
        body = b"".join(spans_csv(trace, opened.shown.extra))
        return attached(body, "text/csv; charset=utf-8", trace.trace_id, "csv")
    if name == "html":
        context = file_context(
            opened.shown,
            opened.whole(),
            opened.source,
            opened.snapshot,
            opened.notes,
        )
        page = render(request, "dashboard/export.html", context)
        return attached(
            page.content, "text/html; charset=utf-8", trace.trace_id, "html"
        )
    if name == "svg":
        theme = "dark" if request.GET.get("theme") == "dark" else "light"
        captured = (opened.snapshot or {}).get("captured", "")
        picture = trace_picture(
            opened.shown, captured=captured, theme=theme, width=PICTURE_WIDTH
        )
        body = picture.encode("utf-8", "replace")
        return attached(body, "image/svg+xml; charset=utf-8", trace.trace_id, "svg")
    return problem_page(
        request,
        400,
        _("There is no such format"),
        _("Choose one of: %(names)s.") % {"names": ", ".join(FORMATS)},
    )


def attached(body: bytes, kind: str, trace_id: str, ending: str) -> HttpResponse:
    """A file to be kept; never shown in Spanboard's own origin."""
    response = HttpResponse(body, content_type=kind)
    name = f"trace-{trace_id}.{ending}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def document_answer(request: HttpRequest, opened: Opened) -> HttpResponse:
    """The trace page as JSON."""
    refused = unknown(request)
    if refused is not None:
        return refused
    found = trace_document(opened.shown, opened.source)
    return JsonResponse({"version": opened.version, **found})


def raw_answer(request: HttpRequest, opened: Opened, row: int) -> HttpResponse:
    """One span as it was received, indented: before any correction, with all values."""
    refused = unknown(request, "format")
    if refused is not None:
        return refused
    kind = request.GET.get("format", "jaeger")
    if kind not in ("jaeger", "otlp"):
        return refusal(400, _("Choose jaeger or otlp."))
    try:
        details = codec.read_detail(opened.details, row)
    except IndexError:
        return refusal(404, _("There is no such span."))
    trace = opened.shown.trace.take(np.array([row]))
    # The source's id, where a second span of the same one was renamed.
    trace = replace(
        trace,
        details=[details],
        span_ids=[trace.span_ids[0].partition("~")[0]],
        processes=[trace.processes[trace.process[0]]],
        process=np.zeros(1, np.int32),
    )
    if kind == "otlp":
        found = json.loads(to_otlp_json([trace]))
    else:
        whole = trace_object(trace)
        found = {
            **whole["spans"][0],
            "processID": "p1",
            "process": whole["processes"]["p1"],
        }
    text = json.dumps(found, ensure_ascii=False, indent=2)
    return HttpResponse(
        text.encode("utf-8", "replace"), content_type="application/json; charset=utf-8"
    )


download = of_trace(download_answer)
document = of_trace(document_answer)
raw_span = of_trace(raw_answer)
share_download = of_share(download_answer)
share_raw_span = of_share(raw_answer)
