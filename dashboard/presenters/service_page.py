"""One service: operations, callers and callees, versions, charts, errors by type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.analysis.significance import holm, mann_whitney, proportions
from dashboard.graph.build import read_edge
from dashboard.graph.diff import ALPHA, LEAST_CALLS, LEAST_RATIO, LEAST_SHARE
from dashboard.graph.measures import Measures
from dashboard.graph.options import MINUTE_US
from dashboard.graph.overview import group_keys, series_of, sums_of
from dashboard.graph.tables import Words, step_of
from dashboard.presenters import text
from dashboard.presenters.colors import preferred
from dashboard.presenters.services import Look, row_names, service_url
from dashboard.presenters.sparks import red_spark
from dashboard.presenters.topology_figures import heatmap_figure, red_figure
from dashboard.presenters.topology_parts import figures
from dashboard.reads.service_errors import errors_of
from dashboard.traces.query import TraceQuery

MAX_ROWS = 100
MAX_STEPS_SHOWN = 60
MARGIN = {"l": 56, "r": 8, "t": 6, "b": 36}  # two lines below: time and day
FACT_NAMES = {
    "error.type": "error.type",
    "http.status_code": "HTTP",
    "grpc.status_code": "gRPC",
    "status_message": "",
}
Row = dict[str, Any]


def service_data(look: Look, name: str) -> Row:
    """Everything that the rollups and the stored traces tell of one service."""
    versions = version_rows(look, name)
    operations, more = _table(
        look,
        "operation",
        lambda w: (w[0], w[1]) if w[0] == name else None,
        lambda key: row_names(key, look),
    )
    entries = {
        w[1]
        for n in look.window.tables["entry"].live()
        if (w := look.window.tables["entry"].words[n])[0] == name
    }
    for row in operations:
        row["serves"] = row["operation"] in entries
    return {
        "name": name,
        "slot": preferred(name),
        "own": own_figures(look, name),
        "operations": operations,
        "operations_more": more,
        "callers": _neighbours(look, name, incoming=True),
        "callees": _neighbours(look, name, incoming=False),
        "versions": versions,
        "version_lines": version_sentences(look, name),
        "errors": error_rows(look, name),
        **charts(look, name),
    }


def own_figures(look: Look, name: str) -> Row | None:
    """The service's requests, or nothing where it got none."""
    table = look.window.tables["service"]
    groups = group_keys(table, lambda w: w[0] if w[0] == name else None)
    sums = sums_of(table, groups)
    if not len(sums) or not sums.count[0]:
        return None
    return figures(sums.of(0), look.seconds)


def _table(
    look: Look,
    table_name: str,
    name_of: Callable[[Words], tuple[str, ...] | None],
    head: Callable[[Any], Row],
) -> tuple[list[Row], int]:
    """Rows of groups with figures and small charts, the busiest first."""
    table = look.window.tables[table_name]
    groups = group_keys(table, name_of)
    sums = sums_of(table, groups)
    order = np.argsort(-sums.count, kind="stable").tolist()
    order = [n for n in order if sums.count[n] > 0]
    shown = order[:MAX_ROWS]
    series, steps = series_of(table, groups, shown, look.first, look.last)
    p95 = series.percentile(0.95)[0].tolist()
    rows = [
        {
            **head(groups.names[number]),
            **figures(sums.of(number), look.seconds),
            "spark": red_spark(series, p95, place, steps),
        }
        for place, number in enumerate(shown)
    ]
    return rows, len(order) - len(shown)


def _neighbours(look: Look, name: str, *, incoming: bool) -> list[Row]:
    """Who calls the service, or whom it calls; calls to itself are left out."""

    def other(words: Words) -> tuple[str, ...] | None:
        ends = read_edge(words)
        caller, callee = ends.caller.service, ends.callee.service
        if caller == callee or (callee if incoming else caller) != name:
            return None
        virtual = ends.virtual == ("caller" if incoming else "callee")
        return (caller if incoming else callee, "1" if virtual else "")

    def head(key: tuple[str, str]) -> Row:
        pair = {"caller": key[0], "callee": name}
        if not incoming:
            pair = {"caller": name, "callee": key[0]}
        graph = {**look.query, **pair}
        return {
            "service": key[0],
            "virtual": bool(key[1]),
            "slot": 0 if key[1] else preferred(key[0]),
            "url": "" if key[1] else service_url(key[0], look),
            "graph_url": f"{reverse('dashboard:graph')}?{urlencode(graph)}",
        }

    return _table(look, "edge", other, head)[0]


def version_rows(look: Look, name: str) -> list[Row]:
    """Versions side by side, the busiest first."""

    def head(key: tuple[str, ...]) -> Row:
        return {"version": key[1] or _("no version")}

    return _table(
        look, "service", lambda w: (w[0], w[1]) if w[0] == name else None, head
    )[0]


def version_sentences(look: Look, name: str) -> list[Row]:
    """What differs between the busiest version and the others beyond chance."""
    table = look.window.tables["service"]
    groups = group_keys(table, lambda w: w[1] if w[0] == name and w[1] else None)
    sums = sums_of(table, groups)
    order = [
        n
        for n in np.argsort(-sums.count, kind="stable").tolist()
        if sums.count[n] >= LEAST_CALLS
    ]
    if len(order) < 2:
        return []
    base, *others = order[:9]
    tests: list[tuple[float, Row]] = []
    for number in others:
        tests += _version_tests(sums, base, number, groups.names)
    adjusted = holm([p for p, _row in tests])
    result = []
    for p, (_p, row) in zip(adjusted, tests, strict=True):
        if p < ALPHA and row["worth"]:
            query = {
                "preset": "version",
                "service": name,
                "base_version": row["base"],
                "version": row["version"],
                **look.query,
            }
            url = f"{reverse('dashboard:compare')}?{urlencode(query)}"
            result.append({"text": row["text"], "url": url})
    return result


def _version_tests(
    sums: Measures, base: int, number: int, names: list[Any]
) -> list[tuple[float, Row]]:
    old, new = sums.of(base), sums.of(number)
    pair = {"base": names[base], "version": names[number]}
    values = {
        **pair,
        "old": text.share(old.error_share),
        "new": text.share(new.error_share),
    }
    more = new.error_share - old.error_share
    words = (
        _("%(version)s fails more than %(base)s: %(new)s against %(old)s.")
        if more > 0
        else _("%(version)s fails less than %(base)s: %(new)s against %(old)s.")
    )
    p_errors = proportions(old.errors, old.count, new.errors, new.count)[0]
    failing = {**pair, "text": words % values, "worth": abs(more) >= LEAST_SHARE}
    p_times, slower = mann_whitney(sums.histogram(base), sums.histogram(number))
    figure, before, after = "p50", old.p50_ns, new.p50_ns
    if (slower - 0.5) * (after - before) <= 0:  # the medians say nothing of the kind
        figure, before, after = "p95", old.p95_ns, new.p95_ns
    ratio = after / before if before and after else 1.0
    values = {
        **pair,
        "figure": figure,
        "old": text.duration_us(before // 1_000),
        "new": text.duration_us(after // 1_000),
    }
    words = (
        _("%(version)s is slower than %(base)s: %(figure)s %(new)s against %(old)s.")
        if ratio > 1
        else _(
            "%(version)s is faster than %(base)s: %(figure)s %(new)s against %(old)s."
        )
    )
    worth = ratio >= LEAST_RATIO or ratio <= 1 / LEAST_RATIO
    return [
        (p_errors, failing),
        (p_times, {**pair, "text": words % values, "worth": worth}),
    ]


def charts(look: Look, name: str) -> Row:
    """Calls and latency over time, the heat map, and their table."""
    table = look.window.tables["service"]
    mask = np.array([words[0] == name for words in table.words], bool)
    if not mask.any():
        return {"figures": {}, "twin": []}
    steps = table.by_step(mask, look.first, look.last)
    step = step_of(look.first, look.last)
    begin = look.first // step * step
    p50, p95 = (steps.percentile(s)[0].tolist() for s in (0.5, 0.95))
    twin = [
        {
            "at": text.moment((begin + n * step) * MINUTE_US)[:16],
            "calls": text.count(int(steps.count[n])),
            "failed": int(steps.errors[n]),
            "p50": text.duration_us(p50[n] // 1_000),
            "p95": text.duration_us(p95[n] // 1_000),
        }
        for n in range(len(steps))
        if steps.count[n]
    ]
    drawn = {
        "red": red_figure(steps, begin, step),
        "heat": heatmap_figure(steps, begin, step),
    }
    for figure in drawn.values():
        figure["layout"]["margin"] = MARGIN
    return {
        "figures": drawn,
        "twin": twin[-MAX_STEPS_SHOWN:],
        "twin_hidden": max(len(twin) - MAX_STEPS_SHOWN, 0),
        "step": step,
    }


def error_rows(look: Look, name: str) -> Row:
    """Failed spans by what they say, from the newest failed traces."""
    query = TraceQuery(
        service=name,
        start_us=look.first * MINUTE_US,
        end_us=(look.last + 1) * MINUTE_US,
        source=look.options.source,
    )
    found, traces = errors_of(query)
    most = max((one.spans for one in found), default=1)
    return {
        "traces": traces,
        "traces_text": text.count(traces),
        "rows": [
            {
                "kind": FACT_NAMES.get(one.fact, ""),
                "value": one.value or _("no reason given"),
                "operation": one.operation,
                "spans": text.count(one.spans),
                "traces": text.count(one.traces),
                "width": round(one.spans / most * 100, 1),
                "url": reverse("dashboard:trace", args=[one.trace_id])
                + "?"
                + urlencode({"span": one.span_id}),
            }
            for one in found[:MAX_ROWS]
        ],
        "search_url": f"{reverse('dashboard:search')}?"
        + urlencode({"service": name, "error": "true", **look.query}),
    }
