"""Comparing traces: two or more by id, or two groups by their searches."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard.actions.on_demand import fetch_trace
from dashboard.analysis.compare import similarity
from dashboard.models import Source, TraceRecord
from dashboard.presenters import text
from dashboard.presenters.compare_pages import (
    group_head,
    groups_data,
    trace_head,
    traces_data,
)
from dashboard.presenters.compare_presets import PRESETS, NoGroups, groups_of
from dashboard.presenters.compare_presets import preset_text as words_of
from dashboard.presenters.problems import problem_text
from dashboard.presenters.strings import common_strings
from dashboard.reads.groups import (
    DEFAULT_TRACES,
    MAX_TRACES,
    Group,
    find_alike,
    find_group,
    load_groups,
    read_group,
)
from dashboard.reads.traces import find_record, load, vocabulary
from dashboard.traces.ids import normalise_trace_id
from dashboard.views.errors import problem_page
from dashboard.views.trace import record_or_404

ASKED = (
    "first",
    "second",
    "preset",
    "service",
    "operation",
    "version",
    "base_version",
    "lookback",
)
MAX_COMPARED = 8  # traces at once
VIEWS = ("tree", "table")
KNOWN = {
    "a",
    "b",
    "line_a",
    "line_b",
    "lookback",
    "limit",
    "view",
    "uiEmbed",
    "uiTheme",
    "first",
    "second",
}
KNOWN_TRACES = {"with", "view", "cohort", "uiEmbed", "uiTheme"}
LOOKBACKS = ("15m", "1h", "6h", "1d", "7d")


@require_safe
def traces(request: HttpRequest, first: str, rest: str) -> HttpResponse:
    """``/trace/a...b``: traces by id, the first with one of the others."""
    asked = f"{first}...{rest}".split("...") + request.GET.getlist("cohort")
    try:
        ids = list(dict.fromkeys(normalise_trace_id(name) for name in asked if name))
    except ValueError as problem:
        return problem_page(request, 400, _("This is no trace id"), str(problem))
    if len(ids) > MAX_COMPARED:
        words = _("At most %(n)s traces can be compared at once.") % {"n": MAX_COMPARED}
        return problem_page(request, 400, _("These are too many traces"), words)
    records = [_record(trace_id) for trace_id in ids]
    missing = [i for i, found in zip(ids, records, strict=True) if found is None]
    if missing:
        words = _("Neither the store nor a source that answers has %(ids)s.")
        title = _("A trace to compare is not here")
        return problem_page(request, 404, title, words % {"ids": ", ".join(missing)})
    held = [record for record in records if record is not None]
    if len(held) < 2:
        return redirect(f"{reverse('dashboard:compare')}?first={held[0].trace_id}")
    chosen = request.GET.get("with", "1")
    place = int(chosen) if chosen in map(str, range(1, len(held))) else 1
    a, b = held[0], held[place]
    loaded = [load(record).trace for record in held]
    others = [
        trace_head(record, similarity(loaded[0], trace), number)
        for number, (record, trace) in enumerate(zip(held, loaded, strict=True))
    ]
    context = {
        **traces_data(a, b, loaded[0], loaded[place]),
        "others": others,
        "chosen": place,
        "swap_url": _compare_url([b, a]),
        "unknown": sorted(set(request.GET) - KNOWN_TRACES),
    }
    return _page(request, context)


def _record(trace_id: str) -> TraceRecord | None:
    record = find_record(trace_id)
    if record is None and fetch_trace(trace_id)[0]:
        record = find_record(trace_id)
    return record


def _compare_url(records: list[TraceRecord]) -> str:
    ids = [record.trace_id for record in records]
    return reverse("dashboard:trace-compare", args=[ids[0], "...".join(ids[1:])])


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Two groups by their searches, a preset, or the page to choose them."""
    now_us = time.time_ns() // 1_000
    if request.GET.get("preset"):
        try:
            pair = groups_of({k: str(v) for k, v in request.GET.items()}, now_us)
        except NoGroups as problem:
            return _chooser(request, [str(problem)], 400)
        return redirect(_groups_url(request, *(q.to_query_string() for q in pair)))
    ids = [request.GET.get(name, "").strip() for name in ("first", "second")]
    if all(ids):
        return _by_ids(request, ids)
    lines = [request.GET.get(name, "").strip() for name in ("line_a", "line_b")]
    if all(lines):
        queries = [{"q": line, "lookback": _lookback(request)} for line in lines]
        return redirect(_groups_url(request, *map(urlencode, queries)))
    texts = [request.GET.get(name, "").replace("\0", "") for name in ("a", "b")]
    if not any(texts):
        return _chooser(request, [], 200)
    if not all(texts):
        return _chooser(request, [_("Give both searches, A and B.")], 400)
    groups = [read_group(words) for words in texts]
    problems = [
        f"{name}: {problem.where}: {problem_text(problem)}"
        for name, group in zip("AB", groups, strict=True)
        for problem in group.problems
    ]
    limit = request.GET.get("limit", "") or str(DEFAULT_TRACES)
    if not limit.isdecimal() or len(limit) > 6 or not int(limit):
        problems.append(_("The limit is a number of traces above 0."))
    if problems:
        return _chooser(request, problems, 400)
    fixed = [_fixed(group, now_us) for group in groups]
    if fixed != [group.query for group in groups]:
        return redirect(_groups_url(request, *(q.to_query_string() for q in fixed)))
    return _page(request, _groups(request, groups, min(int(limit), MAX_TRACES)))


def _lookback(request: HttpRequest) -> str:
    return request.GET.get("lookback", "") or LOOKBACKS[1]


def _by_ids(request: HttpRequest, ids: list[str]) -> HttpResponse:
    try:
        names = [normalise_trace_id(name) for name in ids]
    except ValueError as problem:
        return _chooser(request, [str(problem)], 400)
    return redirect(reverse("dashboard:trace-compare", args=names))


def _fixed(group: Group, now_us: int) -> Any:
    """The same search with absolute times, so that a link means the same later."""
    start_us, end_us = group.query.window(now_us)
    return replace(
        group.query,
        start_us=start_us,
        end_us=now_us if end_us is None else end_us,
        lookback="",
        sort="newest",
        limit=50,
    )


def _groups_url(request: HttpRequest, a: str, b: str) -> str:
    kept = {
        name: request.GET[name]
        for name in ("limit", "view", "uiEmbed", "uiTheme")
        if request.GET.get(name)
    }
    return f"{reverse('dashboard:compare')}?{urlencode({'a': a, 'b': b, **kept})}"


def _groups(request: HttpRequest, groups: list[Group], limit: int) -> dict[str, Any]:
    a, b = groups
    for group in groups:
        find_group(group, limit)
    load_groups(a, b)
    unknown = sorted((set(request.GET) - KNOWN) | {*a.unknown, *b.unknown})
    context: dict[str, Any] = {
        "heads": [group_head("A", a), group_head("B", b)],
        "swap_url": _groups_url(request, *(request.GET[n] for n in ("b", "a"))),
        "unknown": unknown,
        "limit": limit,
    }
    if a.traces and b.traces:
        context |= groups_data(a, b)
    return context


def _page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    view = request.GET.get("view", "")
    rest = request.GET.copy()
    links = []
    for name in VIEWS:
        rest["view"] = name
        links.append((name, f"?{rest.urlencode()}"))
    shared = {
        "view": view if view in VIEWS else "tree",
        "view_links": links,
        "strings": common_strings(),
        "embedded": request.GET.get("uiEmbed") == "v0",
        "nav": "compare",
    }
    return render(request, "dashboard/compare.html", {**shared, **context})


def _chooser(request: HttpRequest, problems: list[str], status: int) -> HttpResponse:
    words = vocabulary()
    context = {
        "problems": problems,
        "values": {name: request.GET.get(name, "") for name in ASKED}
        | {f"line_{side}": _line_of(request, side) for side in "ab"},
        "presets": [(name, words_of(name)) for name in PRESETS if name != "moment"],
        "services": sorted(words),
        "operations": sorted({o for found in words.values() for o in found})[:2_000],
        "lookbacks": LOOKBACKS,
        "sources": list(Source.objects.values_list("name", flat=True)),
        "strings": common_strings(),
        "embedded": request.GET.get("uiEmbed") == "v0",
        "nav": "compare",
    }
    return render(request, "dashboard/compare_choose.html", context, status=status)


def _line_of(request: HttpRequest, side: str) -> str:
    """A search as it was typed, or as its address had it."""
    typed = request.GET.get(f"line_{side}", "")
    return typed or parse_qs(request.GET.get(side, "")).get("q", [""])[0]


@require_safe
def alike(request: HttpRequest, trace_id: str) -> HttpResponse:
    """Stored traces that call alike, the most alike first."""
    record = record_or_404(trace_id)
    found, looked = find_alike(record)
    rows = [
        {
            **trace_head(one.record, one.similarity, 0),
            "compare_url": _compare_url([record, one.record]),
        }
        for one in found[:100]
    ]
    context = {
        "record": record,
        "rows": rows,
        "looked": text.count(looked),
        "strings": common_strings(),
        "nav": "compare",
    }
    return render(request, "dashboard/alike.html", context)


@require_safe
def fastest(request: HttpRequest, trace_id: str) -> HttpResponse:
    """Compare a trace with the fastest stored one of the same shape."""
    record = record_or_404(trace_id)
    found, looked = find_alike(record, least=1.0)
    faster = [
        one.record for one in found if one.record.duration_us < record.duration_us
    ]
    if not faster:
        words = _(
            "Of %(n)s traces with the same root, none of the same shape was faster. "
            "Traces that are merely alike are listed under “Find traces like this one”."
        )
        title = _("This is the fastest of its shape")
        return problem_page(request, 404, title, words % {"n": text.count(looked)})
    best = min(faster, key=lambda one: one.duration_us)
    return redirect(_compare_url([best, record]))
