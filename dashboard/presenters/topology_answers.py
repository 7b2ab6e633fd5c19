"""Answers to questions about the service graph, with a sentence each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import networkx as nx
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from dashboard.graph import questions
from dashboard.graph.options import GraphOptions
from dashboard.presenters import text
from dashboard.presenters.topology import View, build_view
from dashboard.presenters.topology_parts import label_of

AT_MOST = 20
MANY = 200
ARROW = " → "


class UnknownNode(ValueError):
    """The window's graph has no such node."""


def answers(options: GraphOptions, without: str = "") -> dict[str, Any]:
    """All questions about the window's graph; ``without`` a node that stops."""
    view = build_view(options)
    graph = view.graph
    if without and without not in graph:
        raise UnknownNode(without)
    # Of equal sums the answers are equal, but for filters by rate in a live window.
    key = ("answers", replace(options, find="", view="graph"), without, get_language())
    found: dict[str, Any] | None = view.window_sums.derived.get(key)
    if found is None or (options.live and options.hide):
        found = _answers(view, without)
        view.window_sums.keep(key, found)
    return found


def _answers(view: View, without: str) -> dict[str, Any]:
    options, graph = view.options, view.graph
    labels = {
        name: label_of(name, node, options.level) for name, node in graph.nodes.items()
    }
    below = questions.dominated(graph)
    points = sorted(below.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return {
        "level": options.level,
        "start_us": view.window[0],
        "end_us": view.window[1],
        "without": _without(without, below.get(without, []), labels)
        if without
        else None,
        "single_points": [
            {"node": name, "unreachable": len(others), "nodes": others[:MANY]}
            for name, others in points[:AT_MOST]
        ],
        "cycles": [
            {
                "members": cycle.members,
                "example": cycle.example,
                "sentence": _("%(members)s call one another in a circle: %(example)s.")
                % {
                    "members": text.services(len(cycle.members)),
                    "example": ARROW.join(labels[name] for name in cycle.example),
                },
            }
            for cycle in questions.cycles(graph)
        ],
        "rank": [
            {
                "node": rank.node,
                "fan_in": rank.fan_in,
                "fan_out": rank.fan_out,
                "calls_in": rank.calls_in,
                "calls_out": rank.calls_out,
            }
            for rank in questions.ranks(graph)[:MANY]
        ],
        "busiest_path": _busiest(graph, labels),
        "slowest_path": _slowest(graph, labels),
        "unreached": _unreached(graph, labels),
        **_parts(graph),
    }


def _without(name: str, others: list[str], labels: dict[str, str]) -> dict[str, Any]:
    if others:
        words = ngettext(
            "If %(name)s stops, %(n)s node can no longer be reached.",
            "If %(name)s stops, %(n)s nodes can no longer be reached.",
            len(others),
        ) % {"name": labels[name], "n": text.count(len(others))}
    else:
        words = _("If %(name)s stops, everything else can still be reached.") % {
            "name": labels[name]
        }
    return {"node": name, "unreachable": others, "sentence": words}


def _busiest(graph: nx.DiGraph, labels: dict[str, str]) -> dict[str, Any] | None:
    nodes, calls = questions.busiest_path(graph)
    if not nodes:
        return None
    words = _("%(path)s: each call of this path was made at least %(calls)s times.") % {
        "path": ARROW.join(labels[name] for name in nodes),
        "calls": text.count(calls),
    }
    return {"nodes": nodes, "calls": calls, "sentence": words}


def _slowest(graph: nx.DiGraph, labels: dict[str, str]) -> dict[str, Any] | None:
    nodes, p95_ns = questions.slowest_path(graph)
    if not nodes:
        return None
    words = _(
        "%(path)s: the slowest call out of an entry (p95 %(p95)s), and below it the "
        "slowest call of each callee."
    ) % {
        "path": ARROW.join(labels[name] for name in nodes),
        "p95": text.duration_us(p95_ns // 1_000),
    }
    return {"nodes": nodes, "p95_us": p95_ns // 1_000, "sentence": words}


def _unreached(graph: nx.DiGraph, labels: dict[str, str]) -> dict[str, Any]:
    found = questions.unreached(graph)
    roots = ", ".join(labels[name] for name in found.roots[:5])
    if len(found.roots) > 5:
        roots += " …"
    if not found.nodes:
        words = _("Everything can be reached from %(roots)s.") % {"roots": roots or "–"}
    else:
        words = ngettext(
            "%(n)s node is not reached from %(roots)s.",
            "%(n)s nodes are not reached from %(roots)s.",
            len(found.nodes),
        ) % {"n": text.count(len(found.nodes)), "roots": roots}
    return {"roots": found.roots, "nodes": found.nodes, "sentence": words}


def _parts(graph: nx.DiGraph) -> dict[str, Any]:
    found, modularity = questions.parts(graph)
    ordered = sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return {
        "communities": [
            {"name": name, "members": sorted(members)} for name, members in ordered
        ],
        "modularity": round(modularity, 3),
    }
