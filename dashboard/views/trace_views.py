"""What the views of a trace ask for: statistics, rows, graph, logs, CSV."""

from __future__ import annotations

import json

import numpy as np
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _

from dashboard.analysis.compare import PathTable
from dashboard.analysis.tag_values import MAX_VALUE, PREFIX, values_of
from dashboard.graph.trace_graph import Merge
from dashboard.presenters.spans_csv import spans_csv
from dashboard.presenters.trace_graph import graph_of
from dashboard.presenters.trace_logs import logs_of
from dashboard.presenters.trace_statistics import statistics as statistics_of
from dashboard.reads.find import find_rows
from dashboard.traces.trace import Flag, Trace
from dashboard.views.opened import Opened, of_share, of_trace, refusal

MAX_TAGS = 5


def unknown(request: HttpRequest, *known: str) -> HttpResponse | None:
    """A refusal of parameters that the address does not know, or nothing."""
    names = sorted(set(request.GET) - set(known) - {"v"})
    if not names:
        return None
    text = _("There is no parameter %(names)s. Known are: %(known)s.")
    return refusal(400, text % {"names": ", ".join(names), "known": ", ".join(known)})


def no_such_tag(key: str) -> str:
    """What is told of a tag that no span has."""
    text = _(
        "No span of this trace has the tag %(key)s. Choose service, operation, kind or "
        "one of its tags."
    )
    return text % {"key": key[:200]}


def statistics_answer(request: HttpRequest, opened: Opened) -> HttpResponse:
    """Figures by one key, and within by another."""
    refused = unknown(request, "by", "then")
    if refused is not None:
        return refused
    by, then = request.GET.get("by") or "service", request.GET.get("then", "")
    trace, extra = opened.shown.trace, opened.shown.extra
    try:
        found = statistics_of(trace, extra["self_ns"], opened.frames, by, then)
    except KeyError as problem:
        return refusal(400, no_such_tag(str(problem.args[0])))
    return JsonResponse({"version": opened.version, **found})


def rows_answer(request: HttpRequest, opened: Opened) -> HttpResponse:
    """Rows whose tags have exactly these values; null asks for spans without it."""
    refused = unknown(request, "tags")
    if refused is not None:
        return refused
    try:
        keep = having(opened, request.GET.get("tags") or "{}")
    except ValueError as problem:
        return refusal(400, str(problem))
    return JsonResponse(
        {"version": opened.version, "rows": np.flatnonzero(keep).tolist()}
    )


def having(opened: Opened, wanted: str) -> np.ndarray:
    """Which rows have the tags of a JSON object; ``ValueError`` tells what is wrong."""
    try:
        tags = json.loads(wanted)
        pairs = [(str(k), None if v is None else str(v)) for k, v in tags.items()]
    except (ValueError, AttributeError, RecursionError):
        text = _('The tags are no JSON object such as {"http.method": "GET"}.')
        raise ValueError(text) from None
    if not 1 <= len(pairs) <= MAX_TAGS:
        raise ValueError(_("Give one to %(n)s tags.") % {"n": MAX_TAGS})
    trace = opened.shown.trace
    keep = np.ones(len(trace), bool)
    for key, value in pairs:
        try:
            found = values_of(trace, opened.frames(), key)
        except KeyError:
            raise ValueError(no_such_tag(key.removeprefix(PREFIX))) from None
        if value is None:
            keep &= found.number < 0
        elif value[:MAX_VALUE] in found.names:
            keep &= found.number == found.names.index(value[:MAX_VALUE])
        else:
            keep[:] = False
    return keep


def graph_answer(request: HttpRequest, opened: Opened) -> HttpResponse:
    """The trace as a graph of operations."""
    refused = unknown(request, "by")
    if refused is not None:
        return refused
    by = request.GET.get("by") or "path"
    if by not in ("path", "operation"):
        return refusal(400, _("Choose path or operation."))
    shown = opened.shown
    merge: Merge = "path" if by == "path" else "operation"
    found = graph_of(shown.trace, shown.extra["self_ns"], merge)
    return JsonResponse({"version": opened.version, **found})


def logs_answer(request: HttpRequest, opened: Opened) -> HttpResponse:
    """All logs of all spans, or those with a text."""
    refused = unknown(request, "q")
    if refused is not None:
        return refused
    wanted = request.GET.get("q", "")[:500]
    found = logs_of(opened.shown.trace, opened.frames(), wanted)
    return JsonResponse({"version": opened.version, **found})


def csv_answer(request: HttpRequest, opened: Opened) -> HttpResponse:
    """The spans as CSV, or those that the parameters leave."""
    known = ("service", "operation", "failed", "q", "tags", "path")
    refused = unknown(request, *known)
    if refused is not None:
        return refused
    try:
        keep = chosen(request, opened)
    except ValueError as problem:
        return refusal(400, str(problem))
    trace = opened.shown.trace
    body = spans_csv(trace, opened.shown.extra, np.flatnonzero(keep).tolist())
    response = HttpResponse(b"".join(body), content_type="text/csv; charset=utf-8")
    name = f"trace-{trace.trace_id}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def chosen(request: HttpRequest, opened: Opened) -> np.ndarray:
    """Which rows pass all parameters; ``ValueError`` tells what is wrong with them."""
    trace, wanted = opened.shown.trace, request.GET
    keep = np.ones(len(trace), bool)
    for name, column, names in (
        ("service", trace.service, trace.services),
        ("operation", trace.operation, trace.operations),
    ):
        if wanted.get(name):
            value = wanted[name]
            keep &= column == (names.index(value) if value in names else -1)
    if wanted.get("failed"):
        keep &= (trace.flags & Flag.ERROR) != 0
    if wanted.get("q"):
        keep &= holding(trace, opened.details, wanted["q"][:500])
    if wanted.get("tags"):
        keep &= having(opened, wanted["tags"])
    if wanted.get("path"):
        row = wanted["path"]
        if not row.isdecimal() or len(row) > 9 or int(row) >= len(trace):
            raise ValueError(_("There is no such span."))
        number = PathTable().numbers_of(trace)
        keep &= number == number[int(row)]
    return keep


def holding(trace: Trace, details: bytes, wanted: str) -> np.ndarray:
    """Which rows a find gives."""
    found = np.zeros(len(trace), bool)
    found[find_rows(trace, details, wanted)] = True
    return found


statistics = of_trace(statistics_answer)
rows = of_trace(rows_answer)
graph = of_trace(graph_answer)
logs = of_trace(logs_answer)
spans_file = of_trace(csv_answer)
share_statistics = of_share(statistics_answer)
share_rows = of_share(rows_answer)
share_graph = of_share(graph_answer)
share_logs = of_share(logs_answer)
share_spans_file = of_share(csv_answer)
