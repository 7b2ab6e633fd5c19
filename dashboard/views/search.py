"""The search page, its upload and the look-up of a trace id."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dashboard.actions.ingest import ingest
from dashboard.actions.saved_searches import may_keep, searches_of
from dashboard.actions.sources import upload_source
from dashboard.gate import person_of
from dashboard.models import Source, TraceRecord
from dashboard.presenters import figures, results, text
from dashboard.presenters.asked import asked_parts, offer
from dashboard.presenters.problems import problem_text
from dashboard.presenters.query_problems import caret
from dashboard.presenters.sources import sampled_texts
from dashboard.presenters.strings import search_strings
from dashboard.reads.traces import (
    Bound,
    FoundTraces,
    find_traces,
    vocabulary,
    which_condition_excludes,
)
from dashboard.sources.detect import decode
from dashboard.traces.builder import Problem
from dashboard.traces.errors import BadTracePayload
from dashboard.traces.ids import normalise_trace_id
from dashboard.traces.query import SORTS, TraceQuery
from dashboard.views.search_line import short

log = logging.getLogger(__name__)
DRAWN = 50  # rows that come as HTML; the page draws others when they are near
LOOKBACKS = ("5m", "15m", "30m", "1h", "6h", "1d", "2d", "7d")


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The list of traces that match, live."""
    parameters = {name: request.GET.getlist(name) for name in request.GET}
    query, problems, unknown = TraceQuery.read(parameters)
    found = find_traces(query) if not problems else FoundTraces([])
    rows = [results.result_row(record) for record in found.records]
    conditions = replace(query, after=None).to_query_string()
    empty: dict[str, object] = {}
    if not rows and conditions and not problems and found.after is None:
        name, count, bound = which_condition_excludes(query)
        loose = dict(query.without_each()).get(name)
        if loose is not None and count:
            more = bound in (Bound.MORE, Bound.LEAST)
            url = f"?{loose.to_query_string()}"
            empty = {"count": text.count(count), "more": more, "url": url, "name": name}
    words = vocabulary(query.source)
    longest = max((row["duration_us"] for row in rows), default=1)
    for row in rows:
        row["width"] = round(max(row["duration_us"] / max(longest, 1), 0.01) * 100, 1)
    context = {
        "query": query,
        "conditions": conditions,
        "tags_text": query.logfmt(),
        "min_text": short(query.min_duration_us),
        "max_text": short(query.max_duration_us),
        "problems": [(p.where, problem_text(p), _caret(p, request)) for p in problems],
        "line": _typed(request) if problems else query.whole_line().text(),
        "unknown": unknown,
        "found": found,
        "first_url": f"?{conditions}" if query.after is not None else "",
        "next_url": f"?{replace(query, after=found.after).to_query_string()}"
        if found.after is not None
        else "",
        "searching_on": found.after is not None and len(rows) < query.limit,
        "found_text": results.found_text(found, query),
        "elapsed": f"{found.elapsed_ms:.0f}",
        "rows": rows[:DRAWN],
        "rest": rows[DRAWN:],
        "empty": empty,
        "any_stored": TraceRecord.objects.exists(),
        "services": sorted(words),
        "operations": words.get(query.service, []),
        "words": words,
        "sorts": [(name, sort_text(name)) for name in SORTS],
        "lookbacks": LOOKBACKS,
        "sources": list(Source.objects.values_list("name", flat=True)),
        "figure": figures.latency_scatter(),
        "saved": searches_of(person_of(request)),
        "may_keep": may_keep(person_of(request)),
        "trace_base": reverse("dashboard:trace", args=["-"]).removesuffix("-"),
        "strings": search_strings(),
        "ask": {} if problems else offer(query),
        "sampled": sampled_texts(query.source),
        "limit_mib": settings.SPANBOARD_UPLOAD_MAX_BYTES // 2**20,
        "nav": "search",
        "embedded": request.GET.get("uiEmbed") == "v0",
        "status": 400 if problems else 200,
    }
    return render(
        request, "dashboard/search.html", context, status=400 if problems else 200
    )


def _typed(request: HttpRequest) -> str:
    """A line that could not be read stays as it was typed."""
    return request.GET.get("q", "").replace("\0", "").strip()


def _caret(problem: Problem, request: HttpRequest) -> list[str]:
    """The line and a mark below the place where it fails."""
    if problem.code != "bad-line":
        return []
    return caret(_typed(request), int(str(problem.values["position"])))


def sort_text(name: str) -> str:
    """A sort order in words."""
    return {
        "newest": _("Newest first"),
        "oldest": _("Oldest first"),
        "longest": _("Longest first"),
        "shortest": _("Shortest first"),
        "most-spans": _("Most spans first"),
        "fewest-spans": _("Fewest spans first"),
        "most-errors": _("Most failed first"),
    }[name]


@require_safe
def ask(request: HttpRequest) -> HttpResponse:
    """The search passed on to the backends: a part of the page, at most 50 of each."""
    parameters = {name: request.GET.getlist(name) for name in request.GET}
    query, problems, _unknown = TraceQuery.read(parameters)
    may = not problems and bool(query.service)
    context = {
        "problems": [(p.where, problem_text(p)) for p in problems],
        "needs_service": not problems and not query.service,
        "parts": asked_parts(query) if may else [],
    }
    return render(request, "dashboard/_asked.html", context)


@require_safe
def lookup(request: HttpRequest) -> HttpResponse:
    """The box in the top bar: a trace id opens it, other text searches services."""
    asked = request.GET.get("q", "").strip()
    try:
        wanted = normalise_trace_id(asked)
    except ValueError:
        wanted = ""
    if wanted and (
        len(wanted) >= 12 or TraceRecord.objects.filter(trace_id=wanted).exists()
    ):
        return redirect("dashboard:trace", trace_id=wanted)
    key = "q" if re.search(r"[=<>~{}]", asked) else "service"
    if key == "q":  # also one that can not be read: the page says why
        return redirect(f"{reverse('dashboard:search')}?{urlencode({'q': asked})}")
    query, _problems, _unknown = TraceQuery.read({key: [asked]})
    return redirect(f"{reverse('dashboard:search')}?{query.to_query_string()}")


@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Store traces of dropped files; the answer leads to them."""
    files = request.FILES.getlist("file")
    if not files:
        return _refuse(400, _("No file came. Drop a file of traces on the page."))
    limit = settings.SPANBOARD_UPLOAD_MAX_BYTES
    if sum(file.size or 0 for file in files) > limit:
        return _refuse(
            413,
            _("The file is larger than %(limit)s MiB. Split it, or raise the limit.")
            % {"limit": limit // 2**20},
        )
    traces, problems = [], []
    for file in files:
        try:
            decoded = decode(file.read(), max_bytes=8 * limit, salvage=True)
        except BadTracePayload as problem:
            return _refuse(400, f"{file.name}: {problem}")
        traces += decoded.traces
        problems += decoded.problems
    if not traces:
        return _refuse(400, _("The file holds no traces."))
    with transaction.atomic():  # all of it, or nothing
        ingest(upload_source(), traces, replace=False)
    if len({trace.trace_id for trace in traces}) == 1:
        url = reverse("dashboard:trace", args=[traces[0].trace_id])
    else:
        url = f"{reverse('dashboard:search')}?source=Uploads"
    return JsonResponse(
        {
            "ok": True,
            "traces": len(traces),
            "problems": len(problems),
            "first": f"{problems[0].where}: {problems[0].code}" if problems else "",
            "url": url,
        }
    )


def _refuse(status: int, sentence: str) -> JsonResponse:
    return JsonResponse(
        {"ok": False, "error": sentence, "status": status}, status=status
    )
