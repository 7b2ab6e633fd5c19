"""The overview of services and operations, and the page of one service."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard.graph.options import GraphOptions
from dashboard.models import Source
from dashboard.presenters import text
from dashboard.presenters.anomalies import anomalies
from dashboard.presenters.problems import problem_text
from dashboard.presenters.service_page import service_data
from dashboard.presenters.services import (
    SORTS,
    WINDOW,
    Look,
    look_at,
    rows_of,
    window_text,
)
from dashboard.presenters.sources import sampled_texts
from dashboard.presenters.strings import common_strings
from dashboard.views.errors import problem_page

LOOKBACKS = ("5m", "15m", "30m", "1h", "6h", "1d", "7d")
KINDS = ("service", "operation")
KNOWN = {*WINDOW, "source", "q", "by", "sort", "order", "uiEmbed", "uiTheme"}
MAX_TEXT = 500


def _options(request: HttpRequest) -> tuple[GraphOptions, list[str]]:
    """The window that is asked for, and what is wrong with it."""
    wanted = {
        n: request.GET.getlist(n) for n in (*WINDOW, "source") if n in request.GET
    }
    options, problems, _unknown = GraphOptions.read(wanted)
    return options, [problem_text(problem) for problem in problems]


def _choices(request: HttpRequest) -> tuple[dict[str, Any], list[str]]:
    """Filter, kind and order of the rows, and what is wrong with them."""
    problems = []
    chosen: dict[str, Any] = {
        "q": request.GET.get("q", "").replace("\0", "")[:MAX_TEXT]
    }
    for name, known in (("by", KINDS), ("sort", SORTS), ("order", ("down", "up"))):
        value = request.GET.get(name, "")
        if value and value not in known:
            words = _("%(name)s must be one of %(known)s.")
            problems.append(words % {"name": name, "known": ", ".join(known)})
            value = ""
        chosen[name] = value or {"by": "service", "sort": "rate"}.get(name, "")
    chosen["order"] = chosen["order"] or ("up" if chosen["sort"] == "name" else "down")
    return chosen, problems


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """All services, or all operations."""
    options, problems = _options(request)
    chosen, more = _choices(request)
    problems += more
    look = look_at(options)
    rows, count = rows_of(
        look, chosen["by"], chosen["q"], chosen["sort"], chosen["order"] == "down"
    )
    context = {
        **_shared(request, look, problems),
        "chosen": chosen,
        "rows": rows,
        "count": count,
        "count_text": text.count(count),
        "columns": _columns(request, chosen),
        "anomalies": anomalies(look) if not chosen["q"] else [],
        "kinds": [(k, _link(request, by=k)) for k in KINDS],
    }
    status = 400 if problems else 200
    return render(request, "dashboard/services.html", context, status=status)


def _shared(request: HttpRequest, look: Look, problems: list[str]) -> dict[str, Any]:
    return {
        "look": look,
        "options": look.options,
        "window_text": window_text(look),
        "lookbacks": LOOKBACKS,
        "sources": list(Source.objects.values_list("name", flat=True)),
        "sampled": sampled_texts(look.options.source),
        "live": look.options.live,
        "problems": problems,
        "unknown": sorted(set(request.GET) - KNOWN),
        "strings": common_strings(),
        "nav": "services",
        "embedded": request.GET.get("uiEmbed") == "v0",
    }


def _link(request: HttpRequest, **changed: str) -> str:
    query = {n: v for n, v in request.GET.items() if n in KNOWN} | changed
    return f"?{urlencode(query)}"


def _columns(request: HttpRequest, chosen: dict[str, Any]) -> list[dict[str, Any]]:
    """Heads of the sortable columns, with the address of the other order."""
    words = {
        "name": _("Service") if chosen["by"] == "service" else _("Operation"),
        "rate": _("Rate"),
        "errors": _("Failed"),
        "p50": "p50",
        "p95": "p95",
        "p99": "p99",
    }
    found = []
    for name in SORTS:
        mine = chosen["sort"] == name
        order = "up" if mine and chosen["order"] == "down" else "down"
        if name == "name" and not mine:
            order = "up"
        found.append(
            {
                "name": name,
                "text": words[name],
                "url": _link(request, sort=name, order=order),
                "sorted": {"down": "descending", "up": "ascending"}[chosen["order"]]
                if mine
                else "",
            }
        )
    return found


@require_safe
def data(request: HttpRequest) -> HttpResponse:
    """The overview as JSON; unknown parameters are refused."""
    options, problems = _options(request)
    chosen, more = _choices(request)
    problems += more
    problems += [
        _("There is no parameter “%(name)s”.") % {"name": name}
        for name in sorted(set(request.GET) - KNOWN)
    ]
    if problems:
        answer = {"ok": False, "error": " ".join(problems), "status": 400}
        return JsonResponse(answer, status=400)
    look = look_at(options)
    rows, count = rows_of(
        look, chosen["by"], chosen["q"], chosen["sort"], chosen["order"] == "down"
    )
    kept = (
        "service",
        "operation",
        "calls",
        "errors",
        "error_share",
        "rate",
        "p50_us",
        "p95_us",
        "p99_us",
        "p50_spread_us",
        "spread_us",
        "p99_spread_us",
    )
    return JsonResponse(
        {
            "first_minute": look.first,
            "last_minute": look.last,
            "seconds": round(look.seconds, 3),
            "count": count,
            "rows": [{name: row[name] for name in kept} for row in rows],
        }
    )


@require_safe
def service(request: HttpRequest, name: str) -> HttpResponse:
    """One service."""
    options, problems = _options(request)
    look = look_at(options)
    found = service_data(look, name)
    known = found["own"] or found["operations"] or found["callers"] or found["callees"]
    if not known and not problems:
        words = _("The window %(window)s holds no span of it and no call to it.")
        return problem_page(
            request,
            404,
            _("%(name)s is not in this window") % {"name": name[:200]},
            words % {"window": window_text(look)},
        )
    context = {
        **_shared(request, look, problems),
        **found,
        "anomalies": anomalies(look, name) if found["own"] else [],
    }
    status = 400 if problems else 200
    return render(request, "dashboard/service.html", context, status=status)
