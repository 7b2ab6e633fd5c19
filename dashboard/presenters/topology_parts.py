"""Nodes and edges of the service graph as plain data, with their sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import networkx as nx
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.graph import attributes as a
from dashboard.graph.histogram import bounds_ns
from dashboard.graph.measures import Measure, Measures
from dashboard.graph.options import GraphOptions
from dashboard.presenters import text
from dashboard.presenters.colors import monogram

FAILING_SHARE = 0.05


def figures(measure: Measure, seconds: float) -> dict[str, Any]:
    """The figures of a node or edge, as numbers and as texts."""
    share = measure.error_share
    rate = measure.count / seconds
    p50, p95, p99 = (
        ns // 1_000 for ns in (measure.p50_ns, measure.p95_ns, measure.p99_ns)
    )
    known = bool(measure.count)
    return {
        "calls": measure.count,
        "calls_text": text.count(measure.count),
        "errors": measure.errors,
        "error_share": round(share, 5),
        "error_text": text.share(share) if measure.errors else "",
        "rate": round(rate, 4),
        "rate_text": text.rate(rate),
        "p50_us": p50,
        "p95_us": p95,
        "p99_us": p99,
        "p50_text": text.duration_us(p50) if known else "–",
        "p95_text": text.duration_us(p95) if known else "–",
        "p99_text": text.duration_us(p99) if known else "–",
        "spread_us": measure.p95_spread_ns // 1_000,
        "p50_spread_us": measure.p50_spread_ns // 1_000,
        "p99_spread_us": measure.p99_spread_ns // 1_000,
    }


def buckets(histogram: Mapping[int, int]) -> list[list[int]]:
    """``[from, to, count]`` of each bucket, in µs."""
    return [
        [round(bounds_ns(bucket)[0] / 1000), round(bounds_ns(bucket)[1] / 1000), count]
        for bucket, count in sorted(histogram.items())
    ]


def kind_text(kind: str, virtual: bool = False) -> str:
    """What a node is, in words."""
    words = {
        "database": _("database"),
        "queue": _("queue"),
        "external": _("outside"),
        "gateway": _("gateway"),
        "service": _("not traced") if virtual else _("service"),
        "untraced": _("not traced"),
        "group": _("group"),
    }
    return words.get(kind, kind)


def label_of(name: str, node: Mapping[str, Any], level: str) -> str:
    """What a node is called on the page."""
    service = str(node.get(a.SERVICE, ""))
    if node[a.KIND] == "group":
        return group_label(str(node[a.GROUP]))
    if level == "namespace":
        return str(node[a.NAMESPACE]) or group_label(name)
    if level == "version":
        return f"{service} {node[a.VERSION]}" if node[a.VERSION] else service
    if level == "operation":
        return f"{service} {node[a.OPERATION]}" if node[a.OPERATION] else service
    if level == "instance":
        return str(node[a.INSTANCE]) or service
    return service


def group_label(name: str) -> str:
    """A group's or namespace's name; those in parentheses stand for what has none."""
    special = {
        "(none)": _("no namespace"),
        "(shared)": _("shared"),
        "(database)": _("databases"),
        "(queue)": _("queues"),
        "(external)": _("outside"),
        "(untraced)": _("not traced"),
    }
    return special.get(name, name)


def node_data(
    graph: nx.DiGraph,
    name: str,
    position: tuple[float, float],
    colours: Mapping[str, int],
    seconds: float,
) -> dict[str, Any]:
    """One node."""
    node = graph.nodes[name]
    sums: Measures = graph.graph[a.NODE_SUMS]
    parts: Measures = graph.graph[a.VERSION_SUMS]
    label = label_of(name, node, graph.graph[a.LEVEL])
    versions = [
        {"version": version, **figures(parts.of(row), seconds)}
        for version, row in sorted(node[a.VERSIONS])
    ]
    return {
        "id": name,
        "service": name if graph.graph[a.LEVEL] == "service" else node[a.SERVICE],
        "label": label,
        "version": node[a.VERSION],
        "operation": node[a.OPERATION],
        "instance": node[a.INSTANCE],
        "namespace": node[a.NAMESPACE],
        "group": node.get(a.GROUP, ""),
        "members": node.get(a.MEMBERS, 0),
        "monogram": monogram(label),
        "slot": colours.get(node[a.SERVICE], 0),
        "virtual": node[a.VIRTUAL],
        "kind": node[a.KIND],
        "kind_text": kind_text(node[a.KIND], node[a.VIRTUAL]),
        "x": position[0],
        "y": position[1],
        "versions": versions if len(versions) > 1 else [],
        **figures(sums.of(node[a.ROW]), seconds),
    }


def window_query(options: GraphOptions, window: tuple[int, int]) -> dict[str, Any]:
    """The parameters that name a fixed window of µs and its source."""
    found: dict[str, Any] = {"start": window[0], "end": window[1]}
    if options.source:
        found["source"] = options.source
    return found


def edge_data(
    graph: nx.DiGraph,
    caller: str,
    callee: str,
    seconds: float,
    options: GraphOptions,
    window: tuple[int, int],
) -> dict[str, Any]:
    """One edge."""
    edge = graph.edges[caller, callee]
    sums: Measures = graph.graph[a.EDGE_SUMS]
    parts: Measures = graph.graph[a.PAIR_SUMS]
    measure = sums.of(edge[a.ROW])
    own = figures(measure, seconds)
    where = window_query(options, window)
    from_service = graph.nodes[caller][a.SERVICE]
    to_service = graph.nodes[callee][a.SERVICE]
    traces = ""
    if from_service and to_service:
        query = urlencode({"caller": from_service, "callee": to_service, **where})
        traces = f"{reverse('dashboard:search')}?{query}"
    level = graph.graph[a.LEVEL]
    panel = {"caller": caller, "callee": callee, **where}
    if level != "service":
        panel["level"] = level
    found = {
        "id": f"{caller}\0{callee}",
        "caller": caller,
        "callee": callee,
        "attempts": measure.attempts,
        "asynchronous": edge[a.ASYNC],
        "failing": own["error_share"] >= FAILING_SHARE,
        "calls_itself": caller == callee,
        "inner": edge.get(a.INNER, 0),
        "pairs": [
            {
                "caller_version": one,
                "callee_version": other,
                **figures(parts.of(row), seconds),
            }
            for one, other, row in sorted(edge[a.PAIRS])
        ],
        "traces_url": traces,
        "panel_query": urlencode(panel),
        "sentence": edge_sentence(
            label_of(caller, graph.nodes[caller], level),
            label_of(callee, graph.nodes[callee], level),
            measure.errors,
            own,
        ),
        **own,
    }
    if options.histograms:
        found["histogram"] = buckets(sums.histogram(edge[a.ROW]))
    return found


def edge_sentence(caller: str, callee: str, errors: int, own: Mapping[str, Any]) -> str:
    """One edge in words, for hover and panel."""
    values = {
        "caller": caller,
        "callee": callee,
        "calls": own["calls_text"],
        "p50": own["p50_text"],
        "p95": own["p95_text"],
        "share": own["error_text"],
    }
    if errors:
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
    nodes: list[dict[str, Any]], edges: list[dict[str, Any]]
) -> dict[str, str]:
    """The answer on top: how much traffic, and what fails most."""
    called = {edge["callee"] for edge in edges}
    entries = [n for n in nodes if n["id"] not in called and not n["virtual"]]
    rate = sum(node["rate"] for node in entries)
    traced = sum(node["members"] or 1 for node in nodes if not node["virtual"])
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
    labels = {node["id"]: node["label"] for node in nodes}
    if worst is not None:
        result["worst"] = _(
            "%(share)s of calls from %(caller)s to %(callee)s fail."
        ) % {
            "share": worst["error_text"],
            "caller": labels[worst["caller"]],
            "callee": labels[worst["callee"]],
        }
    elif edges:
        result["worst"] = _("No edge fails in more than 5 of 100 calls.")
    return result


def sampling_data(kinds: list[tuple[str, str, int]]) -> dict[str, Any]:
    """How the traces were chosen, as far as their samplers say so.

    ``kinds`` are (sampler, parameter, traces); an empty sampler is unknown.
    """
    total = sum(traces for _type, _param, traces in kinds)
    unknown = sum(traces for kind, _param, traces in kinds if not kind)
    everything = sum(
        traces
        for kind, param, traces in kinds
        if kind == "const" or (kind == "probabilistic" and param in ("1", "1.0"))
    )
    if not total or unknown == total:
        words = _(
            "How traces were sampled is unknown: counts are of the traces that arrived."
        )
    elif everything == total:
        words = _("The services sampled every trace.")
    else:
        known = ", ".join(
            f"{kind} {param}".strip()
            for kind, param, _traces in sorted(kinds, key=lambda k: -k[2])
            if kind
        )
        words = ngettext(
            "Sampled (%(known)s); of %(unknown)s trace the sampling is unknown. Counts "
            "are of the traces that arrived.",
            "Sampled (%(known)s); of %(unknown)s traces the sampling is unknown. Counts "
            "are of the traces that arrived.",
            unknown,
        ) % {"known": known, "unknown": text.count(unknown)}
    return {
        "known": bool(total) and not unknown,
        "text": words,
        "kinds": [
            {"type": kind, "param": param, "traces": traces}
            for kind, param, traces in sorted(kinds)
        ],
    }
