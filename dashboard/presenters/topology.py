"""The service graph as plain data: nodes, edges, sentence, time band."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import networkx as nx
from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.graph import attributes as a
from dashboard.graph.build import build_graph, focus
from dashboard.graph.contribution import Contribution, Tally
from dashboard.graph.histogram import percentile
from dashboard.graph.layout import place
from dashboard.graph.options import MINUTE_US, GraphOptions
from dashboard.presenters import text
from dashboard.presenters.colors import monogram, slots
from dashboard.reads.rollups import read_window

FAILING_SHARE = 0.05


def topology_data(options: GraphOptions) -> dict[str, Any]:
    """Everything that the page shows for a window, as JSON-ready data."""
    now_us = time.time_ns() // 1_000
    first, last = options.minutes(now_us)
    found = read_window(first, last, options.source)
    whole = build_graph(found, self_calls=options.self_calls)
    graph = focus(whole, options.focus, options.hops) if options.focus else whole
    positions = place(graph)
    colours = slots(n for n, d in whole.nodes(data=True) if not d[a.VIRTUAL])
    seconds = max((last - first + 1) * 60.0, 60.0)
    if options.live:
        # The running minute counts only as far as it has gone.
        seconds -= 60 - (now_us % MINUTE_US) / 1e6
    window = (first * MINUTE_US, (last + 1) * MINUTE_US)
    nodes = [
        _node(graph, name, positions[name], colours, seconds) for name in sorted(graph)
    ]
    edges = [
        _edge(graph, caller, callee, seconds, window, options.source)
        for caller, callee in sorted(graph.edges)
    ]
    return {
        "nodes": nodes,
        "edges": edges,
        "start_us": window[0],
        "end_us": window[1],
        "updated_us": now_us,
        "live": options.live,
        "sentence": sentence(nodes, edges, seconds),
        "band": band(found, first, last),
        "focus": options.focus,
        "hidden": whole.number_of_nodes() - graph.number_of_nodes(),
    }


def _figures(tally: Tally, seconds: float) -> dict[str, Any]:
    p50, _spread = percentile(tally.histogram, 0.5)
    p95, spread = percentile(tally.histogram, 0.95)
    p99, _spread = percentile(tally.histogram, 0.99)
    share = tally.errors / tally.count if tally.count else 0.0
    return {
        "calls": tally.count,
        "calls_text": text.count(tally.count),
        "errors": tally.errors,
        "error_share": round(share, 5),
        "error_text": text.share(share) if tally.errors else "",
        "rate": round(tally.count / seconds, 4),
        "rate_text": text.rate(tally.count / seconds),
        "p50_us": p50 // 1_000,
        "p95_us": p95 // 1_000,
        "p99_us": p99 // 1_000,
        "p50_text": text.duration_us(p50 // 1_000) if tally.count else "–",
        "p95_text": text.duration_us(p95 // 1_000) if tally.count else "–",
        "p99_text": text.duration_us(p99 // 1_000) if tally.count else "–",
        "spread_us": spread // 1_000,
    }


def _node(
    graph: nx.DiGraph,
    name: str,
    position: tuple[float, float],
    colours: Mapping[str, int],
    seconds: float,
) -> dict[str, Any]:
    node = graph.nodes[name]
    tally: Tally = node[a.REQUESTS]
    if node[a.VIRTUAL] or not tally.count:
        tally = Tally()
        for _caller, _callee, edge in graph.in_edges(name, data=True):
            tally.add(edge["tally"])
        if not tally.count:
            for _caller, _callee, edge in graph.out_edges(name, data=True):
                tally.add(edge["tally"])
    versions = [
        {"version": version, **_figures(part, seconds)}
        for version, part in sorted(node[a.VERSIONS].items())
    ]
    return {
        "service": name,
        "monogram": monogram(name),
        "slot": colours.get(name, 0),
        "virtual": node[a.VIRTUAL],
        "kind": node[a.KIND],
        "kind_text": kind_text(node[a.KIND], node[a.VIRTUAL]),
        "namespace": node[a.NAMESPACE],
        "x": position[0],
        "y": position[1],
        "versions": versions if len(versions) > 1 else [],
        **_figures(tally, seconds),
    }


def kind_text(kind: str, virtual: bool) -> str:
    """What a node is, in words."""
    words = {
        "database": _("database"),
        "queue": _("queue"),
        "external": _("outside"),
        "gateway": _("gateway"),
        "service": _("not traced") if virtual else _("service"),
    }
    return words.get(kind, kind)


def _edge(
    graph: nx.DiGraph,
    caller: str,
    callee: str,
    seconds: float,
    window: tuple[int, int],
    source: str,
) -> dict[str, Any]:
    edge = graph.edges[caller, callee]
    tally: Tally = edge["tally"]
    figures = _figures(tally, seconds)
    parameters = {
        "caller": caller,
        "callee": callee,
        "start": window[0],
        "end": window[1],
    }
    if source:
        parameters["source"] = source
    return {
        "caller": caller,
        "callee": callee,
        "attempts": tally.attempts,
        "asynchronous": edge["asynchronous"],
        "failing": figures["error_share"] >= FAILING_SHARE,
        "pairs": [
            {
                "caller_version": pair[0],
                "callee_version": pair[1],
                **_figures(part, seconds),
            }
            for pair, part in sorted(edge["pairs"].items())
        ],
        "traces_url": f"{reverse('dashboard:search')}?{urlencode(parameters)}",
        "sentence": edge_sentence(caller, callee, tally, figures),
        **figures,
    }


def edge_sentence(
    caller: str, callee: str, tally: Tally, figures: dict[str, Any]
) -> str:
    """One edge in words, for hover and panel."""
    values = {
        "caller": caller,
        "callee": callee,
        "calls": figures["calls_text"],
        "p50": figures["p50_text"],
        "p95": figures["p95_text"],
        "share": figures["error_text"],
    }
    if tally.errors:
        return (
            _(
                "%(caller)s called %(callee)s %(calls)s times; %(share)s failed. Half took "
                "under %(p50)s, 95 of 100 under %(p95)s."
            )
            % values
        )
    return (
        _(
            "%(caller)s called %(callee)s %(calls)s times, none failed. Half took under "
            "%(p50)s, 95 of 100 under %(p95)s."
        )
        % values
    )


def sentence(
    nodes: list[dict[str, Any]], edges: list[dict[str, Any]], seconds: float
) -> dict[str, str]:
    """The answer on top: how much traffic, and what fails most."""
    called = {edge["callee"] for edge in edges}
    entries = [n for n in nodes if n["service"] not in called and not n["virtual"]]
    rate = sum(node["rate"] for node in entries)
    traced = sum(1 for node in nodes if not node["virtual"])
    worst = max(
        (edge for edge in edges if edge["failing"] and edge["calls"] >= 5),
        key=lambda edge: edge["errors"],
        default=None,
    )
    result = {
        "traffic": _("%(rate)s requests through %(services)s.")
        % {"rate": text.rate(rate), "services": text.services(traced)},
        "worst": "",
    }
    if worst is not None:
        result["worst"] = _(
            "%(share)s of calls from %(caller)s to %(callee)s fail."
        ) % {
            "share": worst["error_text"],
            "caller": worst["caller"],
            "callee": worst["callee"],
        }
    elif edges:
        result["worst"] = _("No edge fails in more than 5 of 100 calls.")
    return result


def band(found: Contribution, first: int, last: int) -> dict[str, list[int]]:
    """Requests and failures per minute of the window, for the band below."""
    count = min(last - first + 1, 1440)
    first = last - count + 1
    requests, failed = [0] * count, [0] * count
    for level, minute, _key, tally in found.items():
        if level == "service" and first <= minute <= last:
            requests[minute - first] += tally.count
            failed[minute - first] += tally.errors
    return {"first_minute": [first], "requests": requests, "failed": failed}


def live_data(parameters: Mapping[str, list[str]]) -> dict[str, Any]:
    """The data of a live page."""
    options, _problems, _unknown = GraphOptions.read(parameters)
    return topology_data(options)


def difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any] | None:
    """What changed between two data sets; ``None`` when nothing did."""
    result: dict[str, Any] = {}
    for kind, key in (
        ("nodes", lambda n: n["service"]),
        ("edges", lambda e: f"{e['caller']}\0{e['callee']}"),
    ):
        before = {key(item): item for item in old[kind]}
        after = {key(item): item for item in new[kind]}
        result[kind] = [v for k, v in after.items() if before.get(k) != v]
        result[f"removed_{kind}"] = [
            [v["caller"], v["callee"]] if kind == "edges" else v["service"]
            for k, v in before.items()
            if k not in after
        ]
    if not any(result.values()):
        return None
    for name in ("sentence", "band", "updated_us", "start_us", "end_us"):
        result[name] = new[name]
    return result
