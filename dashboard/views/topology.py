"""The service graph and its data."""

from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard.graph.build import build_graph, edges_in
from dashboard.graph.export import to_dot, to_graphml, to_mermaid
from dashboard.graph.options import GraphOptions
from dashboard.models import Source
from dashboard.presenters.graph_strings import graph_strings
from dashboard.presenters.problems import problem_text
from dashboard.presenters.sources import sampled_texts
from dashboard.presenters.topology import build_view, graph_json, topology_data
from dashboard.presenters.topology_answers import UnknownNode, answers
from dashboard.presenters.topology_band import band_data
from dashboard.presenters.topology_diff import NothingToCompare, diff_data
from dashboard.presenters.topology_export import export_parts
from dashboard.presenters.topology_overlay import overlay_data, span_address
from dashboard.presenters.topology_panel import edge_panel, node_panel
from dashboard.presenters.topology_paths import paths_data
from dashboard.reads.rollups import read_tables
from dashboard.views.errors import problem_page

LOOKBACKS = ("1m", "5m", "15m", "30m", "1h", "6h", "1d", "7d")


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """The page, with its whole table in the HTML."""
    parameters = {name: request.GET.getlist(name) for name in request.GET}
    options, problems, unknown = GraphOptions.read(parameters)
    data = topology_data(options)
    context = {
        "options": options,
        "data": data,
        "problems": [problem_text(p) for p in problems],
        "unknown": unknown,
        "lookbacks": LOOKBACKS,
        "sources": list(Source.objects.values_list("name", flat=True)),
        "live_path": f"ws/graph?{options.to_query_string()}",
        "sampled": sampled_texts(options.source),
        "strings": graph_strings(),
        "urls": {"follow": "ws/follow-graph/"},
        "nav": "graph",
        "embedded": request.GET.get("uiEmbed") == "v0",
    }
    return render(
        request, "dashboard/topology.html", context, status=400 if problems else 200
    )


@require_safe
def deep(request: HttpRequest) -> HttpResponse:
    """Jaeger's ``/deep-dependencies``: the paths through a service."""
    names = {
        "service": "paths",
        "operation": "operation",
        "start": "start",
        "end": "end",
    }
    names |= {name: name for name in ("uiEmbed", "uiTheme")}
    found = {
        new: request.GET[old] for old, new in names.items() if request.GET.get(old)
    }
    return redirect(f"{reverse('dashboard:graph')}?{urlencode(found)}")


def _read(request: HttpRequest, *more: str) -> tuple[GraphOptions, JsonResponse | None]:
    """The options of a request for data, and the refusal if something is wrong.

    ``more`` are parameters that only this address knows.
    """
    parameters = {name: request.GET.getlist(name) for name in request.GET}
    options, problems, unknown = GraphOptions.read(parameters)
    words = [problem_text(p) for p in problems]
    words += [
        _("There is no parameter “%(name)s”.") % {"name": name}
        for name in unknown
        if name not in more
    ]
    if not words:
        return options, None
    answer = {"ok": False, "error": " ".join(words), "status": 400}
    for problem in problems:
        if problem.code == "bad-expression":
            answer["parameter"] = problem.where
            answer["position"] = problem.values["position"]
            answer["hint"] = problem.values["hint"]
            break
    return options, JsonResponse(answer, status=400)


@require_safe
def data(request: HttpRequest) -> HttpResponse:
    """The page's data as JSON."""
    options, refusal = _read(request)
    return refusal or HttpResponse(graph_json(options), "application/json")


def _refusal(words: str, status: int = 400) -> JsonResponse:
    return JsonResponse({"ok": False, "error": words, "status": status}, status=status)


@require_safe
def questions(request: HttpRequest) -> HttpResponse:
    """What stops with a node, cycles, ranks, paths and parts of the graph."""
    options, refusal = _read(request, "without")
    if refusal:
        return refusal
    try:
        return JsonResponse(answers(options, request.GET.get("without", "")))
    except UnknownNode as unknown:
        return _refusal(_("The window has no node “%(id)s”.") % {"id": unknown}, 404)


@require_safe
def edge(request: HttpRequest) -> HttpResponse:
    """One edge for the side panel."""
    options, refusal = _read(request)
    if refusal:
        return refusal
    try:
        return JsonResponse(edge_panel(options, options.caller, options.callee))
    except UnknownNode as unknown:
        return _refusal(_("The window has no edge “%(id)s”.") % {"id": unknown}, 404)


@require_safe
def node(request: HttpRequest) -> HttpResponse:
    """One node for the side panel."""
    options, refusal = _read(request, "id")
    if refusal:
        return refusal
    name = request.GET.get("id", "") or options.node
    try:
        return JsonResponse(node_panel(options, name))
    except UnknownNode as unknown:
        return _refusal(_("The window has no node “%(id)s”.") % {"id": unknown}, 404)


@require_safe
def band(request: HttpRequest) -> HttpResponse:
    """The stored time with its rates."""
    options, refusal = _read(request)
    return refusal or JsonResponse(band_data(options))


@require_safe
def diff(request: HttpRequest) -> HttpResponse:
    """What changed between two windows, sources or versions."""
    options, refusal = _read(request)
    if refusal:
        return refusal
    try:
        return JsonResponse(diff_data(options))
    except NothingToCompare:
        return _refusal(
            _(
                "Say what to compare with: base=previous, hour, day or week; "
                "base_start; base_source; or service with version and base_version."
            )
        )


@require_safe
def paths(request: HttpRequest) -> HttpResponse:
    """The paths of calls through a service or operation."""
    options, refusal = _read(request, "operation", "by")
    if refusal:
        return refusal
    operation = request.GET.get("operation", "")
    by = request.GET.get("by", "") or ("operation" if operation else "service")
    if by not in ("service", "operation"):
        return _refusal(_("The parameter by is service or operation."))
    if not options.service:
        return _refusal(_("Name the service: service=NAME."))
    return JsonResponse(paths_data(options, options.service, operation, by))


@require_safe
def overlay(request: HttpRequest) -> HttpResponse:
    """One trace over the graph."""
    options, refusal = _read(request)
    if refusal:
        return refusal
    view = build_view(options)
    return JsonResponse(overlay_data(options, view.whole, view.shown_as))


@require_safe
def span(request: HttpRequest) -> HttpResponse:
    """From a span (``trace``, ``span``) to its edge in the graph."""
    wanted = [request.GET.get(name, "").replace("\0", "") for name in ("trace", "span")]
    address = span_address(*wanted)
    if address is None:
        text = _("There is no such span in the store. The trace may be too old.")
        return problem_page(request, 404, _("The span is not here"), text)
    return redirect(address)


EXPORTS = {
    "dot": ("text/vnd.graphviz", to_dot),
    "graphml": ("application/graphml+xml", to_graphml),
    "mmd": ("text/plain", to_mermaid),
}


@require_safe
def export(request: HttpRequest, kind: str) -> HttpResponse:
    """The graph as DOT, GraphML or Mermaid; not grouped unless asked for."""
    options, refusal = _read(request)
    if refusal:
        return refusal
    if not request.GET.get("group"):
        options = replace(options, group="none")
    mime, write = EXPORTS[kind]
    answer = HttpResponse(
        write(*export_parts(options)).encode("utf-8", "replace"),
        f"{mime}; charset=utf-8",
    )
    answer["Content-Disposition"] = f'attachment; filename="graph.{kind}"'
    return answer


@require_safe
def dependencies(request: HttpRequest) -> HttpResponse:
    """Jaeger's ``/api/dependencies``: ``endTs`` and ``lookback`` in milliseconds."""
    now_ms = time.time_ns() // 1_000_000
    values = {"endTs": now_ms, "lookback": 86_400_000}
    for name in values:
        word = request.GET.get(name, "")
        if word:
            if not word.isdecimal() or len(word) > 15:
                return JsonResponse(
                    {
                        "data": None,
                        "total": 0,
                        "limit": 0,
                        "offset": 0,
                        "errors": [
                            {"code": 400, "msg": f"{name} must be milliseconds"}
                        ],
                    },
                    status=400,
                )
            values[name] = int(word)
    last = values["endTs"] // 60_000
    first = (values["endTs"] - values["lookback"]) // 60_000
    wanted = request.GET.get("service", "")
    links = [
        {"parent": caller, "child": callee, "callCount": calls}
        for caller, callee, calls, _errors, _virtual in edges_in(
            build_graph(read_tables(first, last), self_calls=True)
        )
        if not wanted or wanted in (caller, callee)
    ]
    return JsonResponse(
        {"data": links, "total": 0, "limit": 0, "offset": 0, "errors": None}
    )
