"""One trace over the graph, and the graph's address for one span."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import networkx as nx
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.graph.link import link
from dashboard.graph.options import MINUTE_US, GraphOptions
from dashboard.graph.overlay import Taken, edge_of_span, overlay
from dashboard.models import TraceRecord
from dashboard.presenters import text
from dashboard.reads.traces import find_record, load
from dashboard.traces.ids import normalise_trace_id

AROUND = 5  # minutes on either side of a span's call


def overlay_data(
    options: GraphOptions, whole: nx.DiGraph, shown: Callable[[str], str]
) -> dict[str, Any]:
    """What ``trace=`` draws; ``shown`` gives the id under which a node is shown."""
    record = _record(options.trace, options.source)
    if record is None:
        words = _("The trace %(trace)s is not stored.") % {"trace": options.trace[:40]}
        return {
            "trace_id": options.trace,
            "found": False,
            "url": "",
            "edges": [],
            "nodes": [],
            "ambiguous": [],
            "missing": [],
            "sentence": words,
        }
    trace = load(record).trace
    found = overlay(trace, link(trace), options.level)
    drawn: dict[tuple[str, str], Taken] = {}
    missing: dict[tuple[str, str], Taken] = {}
    for edge, taken in found.edges.items():
        own = edge[0] == edge[1]
        if whole.has_edge(*edge):
            pair = (shown(edge[0]), shown(edge[1]))
            drawn.setdefault(pair, Taken()).add(taken)
        elif not own or options.self_calls:
            missing.setdefault(edge, Taken()).add(taken)
    return {
        "trace_id": record.trace_id,
        "found": True,
        "url": reverse("dashboard:trace", args=[record.trace_id]),
        "edges": [_edge(edge, taken) for edge, taken in sorted(drawn.items())],
        "nodes": sorted({name for edge in drawn for name in edge}),
        "ambiguous": _ambiguous(found.callers_missing, found.callees_unknown),
        "missing": [_edge(edge, taken) for edge, taken in sorted(missing.items())],
        "sentence": _sentence(drawn, missing),
    }


def _record(trace_id: str, source: str = "") -> TraceRecord | None:
    try:
        return find_record(normalise_trace_id(trace_id), source)
    except ValueError:
        return None


def _edge(edge: tuple[str, str], taken: Taken) -> dict[str, Any]:
    return {
        "caller": edge[0],
        "callee": edge[1],
        "calls": taken.calls,
        "errors": taken.errors,
        "duration_us": taken.longest_ns // 1_000,
        "duration_text": text.duration_us(taken.longest_ns // 1_000),
    }


def _ambiguous(callers: int, callees: int) -> list[dict[str, Any]]:
    found = []
    if callers:
        words = ngettext(
            "%(n)s span names a caller that is not in the trace.",
            "%(n)s spans name callers that are not in the trace.",
            callers,
        ) % {"n": text.count(callers)}
        found.append({"what": "caller-missing", "calls": callers, "text": words})
    if callees:
        words = ngettext(
            "%(n)s call does not tell whom it reached.",
            "%(n)s calls do not tell whom they reached.",
            callees,
        ) % {"n": text.count(callees)}
        found.append({"what": "callee-unknown", "calls": callees, "text": words})
    return found


def _sentence(
    drawn: dict[tuple[str, str], Taken], missing: dict[tuple[str, str], Taken]
) -> str:
    calls = sum(taken.calls for taken in drawn.values())
    words = ngettext(
        "The trace made %(n)s of the calls shown.",
        "The trace made %(n)s of the calls shown.",
        calls,
    ) % {"n": text.count(calls)}
    if missing:
        others = sum(taken.calls for taken in missing.values())
        words += " " + ngettext(
            "%(n)s of its calls is on an edge that is not in this window or view.",
            "%(n)s of its calls are on edges that are not in this window or view.",
            others,
        ) % {"n": text.count(others)}
    return words


def span_address(trace_id: str, span_id: str) -> str | None:
    """The graph around the call of a span; ``None`` where no such span is stored."""
    record = _record(trace_id)
    if record is None:
        return None
    trace = load(record).trace
    if span_id not in trace.span_ids:
        return None
    row = trace.span_ids.index(span_id)
    calls = edge_of_span(trace, link(trace), row)
    pairs = {(call.caller, call.callee) for call in calls}
    start_us = int(trace.start_ns[row]) // 1_000
    if len(pairs) == 1:
        caller, callee = pairs.pop()
        start_us = calls[0].start_ns // 1_000
        chosen = {"caller": caller, "callee": callee}
        if caller == callee:
            chosen["self"] = "1"
    else:  # a local span, or several callees: nothing is guessed
        chosen = {"node": trace.service_name(row)}
    minute = start_us // MINUTE_US
    query = {
        **chosen,
        "start": (minute - AROUND) * MINUTE_US,
        "end": (minute + AROUND + 1) * MINUTE_US,
        "trace": record.trace_id,
    }
    return f"{reverse('dashboard:graph')}?{urlencode(query)}"
