"""Shares of the service graph: a window as a snapshot, or a live query."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dashboard.actions.graph_shares import content_of, create_graph_share
from dashboard.actions.shares import site_policy
from dashboard.gate import person_of
from dashboard.graph.options import GraphOptions
from dashboard.presenters import shares as presenter
from dashboard.presenters.graph_strings import graph_strings
from dashboard.presenters.problems import problem_text
from dashboard.presenters.redaction import graph_preview_answer
from dashboard.presenters.topology import build_view, topology_data
from dashboard.presenters.topology_live_share import live_share_data
from dashboard.presenters.topology_shared import Shared, told
from dashboard.redaction.apply import report_of
from dashboard.redaction.graph_names import GraphNames
from dashboard.redaction.redactor import Redactor
from dashboard.share_models import ShareLink, Snapshot
from dashboard.views import share
from dashboard.views.share import (
    fields_of,
    link_or_404,
    preview_of,
    private,
    told_once,
)

FRAME_US = 6 * 3600 * 1_000_000  # places of a moment are those of its six hours
OTHER_ANSWERS = ("paths", "questions", "without")
KINDS = (Snapshot.Kind.GRAPH, Snapshot.Kind.LIVE)


def _refuse(status: int, text: str) -> JsonResponse:
    return JsonResponse({"ok": False, "error": text, "status": status}, status=status)


def _options(query: str) -> GraphOptions:
    """The options of a page's query; ``ValueError`` with a sentence where they fail."""
    parameters = parse_qs(query[:8_000], max_num_fields=200)
    options, problems, _unknown = GraphOptions.read(parameters)
    if problems:
        raise ValueError(" ".join(problem_text(problem) for problem in problems))
    if options.compares or any(name in parameters for name in OTHER_ANSWERS):
        raise ValueError(
            _("Comparisons, paths and questions can be shared as a link only.")
        )
    return options


def new_redactor(by_hand: list[str] | None = None) -> Redactor:
    """A redactor by the rules of the settings."""
    names = frozenset(name.lower() for name in by_hand or ())
    return Redactor(site_policy(), names)


def _taken(options: GraphOptions, redactor: Redactor) -> tuple[Shared, dict[str, Any]]:
    """The clean window, its panels, and what redaction did."""
    shared = Shared(GraphNames(redactor))
    data = shared.data(build_view(options))
    content: dict[str, Any] = {
        "data": {**data, "live": False},
        "panels": shared.panels(),
        "report": report_of(redactor),
    }
    content["asked"] = shared.asked()  # what it takes out of filters counts nowhere
    frame = _frame(options)
    if frame:
        for node in content["data"]["nodes"]:
            place = frame.get(shared.names.taken.get(node["id"], ""))
            if place is not None:
                node["x"], node["y"] = place["x"], place["y"]
        content["data"]["frame"] = list(frame.values())
    return shared, content


def _frame(options: GraphOptions) -> dict[str, dict[str, Any]]:
    """Where the page has the nodes of a moment: as in the hours around it."""
    if options.at_us is None:
        return {}
    first = options.at_us // FRAME_US * FRAME_US
    query = QueryDict(options.to_query_string(), mutable=True)
    for name in ("at", "lookback", "node", "caller", "callee"):
        query.pop(name, None)
    query["start"], query["end"] = str(first), str(first + FRAME_US)
    around, _problems, _unknown = GraphOptions.read(dict(query.lists()))
    return {
        node["id"]: {"x": node["x"], "y": node["y"], "members": node["members"]}
        for node in topology_data(around)["nodes"]
    }


@require_POST
def create(request: HttpRequest) -> HttpResponse:
    """Share the graph as ``state`` shows it: ``kind`` is snapshot or live."""
    state = request.POST.get("state", "")
    is_live = request.POST.get("kind") == "live"
    by_hand = fields_of(request.POST)
    try:
        options = _options(state)
        days = int(request.POST.get("days") or settings.SPANBOARD_SHARE_DAYS)
        if is_live and not options.live:
            raise ValueError(_("Only a window that ends now can be shared live."))
        if is_live and by_hand:
            raise ValueError(_("Names go by hand from snapshots only."))
        shared, taken = _taken(options, new_redactor(by_hand))
        content: dict[str, Any] = taken
        if is_live:
            query = options.to_query_string()
            content = {"query": query, "asked": taken["asked"]}
        link, token = create_graph_share(
            content,
            kind=Snapshot.Kind.LIVE if is_live else Snapshot.Kind.GRAPH,
            title=_title(taken["data"], is_live),
            report=taken["report"],
            days=days,
            audience=request.POST.get("audience") or ShareLink.Audience.SIGNED_IN,
            person=person_of(request),
            note=request.POST.get("note", ""),
            state=shared.state(state),
        )
    except ValueError as problem:
        return _refuse(400, str(problem))
    return told_once(request, link, token)


def _title(data: dict[str, Any], is_live: bool) -> str:
    count = len(data["nodes"])
    if is_live:
        return _("Live service graph, %(n)s nodes") % {"n": count}
    return _("Service graph, %(n)s nodes") % {"n": count}


@require_safe
def preview(request: HttpRequest) -> HttpResponse:
    """What a share of the graph would take out; nothing is stored."""
    redactor = new_redactor(fields_of(request.GET))
    try:
        page = int(request.GET.get("page") or 1)
        shared, content = _taken(_options(request.GET.get("state", "")), redactor)
    except ValueError as problem:
        return _refuse(400, str(problem))
    found = {**content["report"], **shared.names.page(page)}
    return private(JsonResponse(graph_preview_answer(found)))


def shared_graph(link: ShareLink) -> dict[str, Any]:
    """The data of a shared graph, stored or live, with their sentences."""
    content = content_of(link.snapshot)
    if link.snapshot.kind == Snapshot.Kind.GRAPH:
        return told(content["data"])
    return live_share_data(link.snapshot_id, content["query"], new_redactor)


def page(request: HttpRequest, link: ShareLink, token: str) -> HttpResponse:
    """The page of a shared graph: read-only, without a source."""
    content = content_of(link.snapshot)
    is_live = link.snapshot.kind == Snapshot.Kind.LIVE
    parameters = {name: request.GET.getlist(name) for name in request.GET}
    options, _problems, _unknown = GraphOptions.read(parameters)
    context = {
        "options": options,
        "data": shared_graph(link),
        "asked": content["asked"],
        "strings": graph_strings(),
        "urls": share.together_urls(token),
        "embedded": request.GET.get("uiEmbed") == "v0",
        "snapshot": presenter.snapshot_facts(link),
        "is_live": is_live,
        "shared_urls": {
            "panel": reverse("dashboard:share-panel", args=[token]),
            "seen": reverse("dashboard:share-seen", args=[token]),
            "live": f"ws/s/{token}/graph" if is_live else "",
        },
    }
    context["link_preview"] = preview_of(request, link, token)
    return render(request, "dashboard/topology.html", context)


for _kind in KINDS:
    share.PAGES[_kind] = page


@require_safe
def panel(request: HttpRequest, token: str) -> HttpResponse:
    """What was stored of one node (``id``) or edge (``caller``, ``callee``)."""
    link = link_or_404(request, token, (Snapshot.Kind.GRAPH,))
    name = request.GET.get("id", "")
    if not name:
        ends = (request.GET.get("caller", ""), request.GET.get("callee", ""))
        name = "\0".join(ends)
    found = content_of(link.snapshot)["panels"].get(name)
    if found is None:
        return private(
            _refuse(404, _("The snapshot holds no more of this than its figures."))
        )
    return private(JsonResponse(found))
