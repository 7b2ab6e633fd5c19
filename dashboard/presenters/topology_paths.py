"""Deep dependencies: the paths of calls that lead through a service or operation."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.graph.deep import CUT, MAX_NODES
from dashboard.graph.layout import place
from dashboard.graph.measures import Measures
from dashboard.graph.names import node_id
from dashboard.graph.options import MINUTE_US, GraphOptions
from dashboard.graph.tables import Table
from dashboard.presenters import text
from dashboard.presenters.topology_parts import window_query
from dashboard.reads.rollups import read_tables

MAX_SHOWN = 100
Step = tuple[str, str]  # service, operation


def paths_data(
    options: GraphOptions, service: str, operation: str, by: str
) -> dict[str, Any]:
    """All paths through a service (and operation), those with most calls first.

    ``by`` "service" puts paths together that differ in operations only.
    """
    now_us = time.time_ns() // 1_000
    first, last = options.minutes(now_us)
    table = read_tables(first, last, options.source, ("path",))["path"]
    paths, sums, cut = _through(table, service, operation, by)
    order = np.argsort(-sums.count, kind="stable").tolist()
    shown = order[:MAX_SHOWN]
    where = window_query(options, (first * MINUTE_US, (last + 1) * MINUTE_US))
    found = [_path(paths[n], sums, n, where) for n in shown]
    nodes, edges = _picture([(paths[n], int(sums.count[n])) for n in shown], by)
    return {
        "service": service,
        "operation": operation,
        "by": by,
        "start_us": where["start"],
        "end_us": where["end"],
        "paths": found,
        "shown": len(found),
        "total": len(paths),
        "cut": cut,
        "nodes": nodes,
        "edges": edges,
        "sentence": _sentence(service, operation, found, len(paths), cut),
    }


def _through(
    table: Table, service: str, operation: str, by: str
) -> tuple[list[tuple[Step, ...]], Measures, int]:
    """Paths through a place, their sums, and how many calls were on paths left out."""
    numbers: dict[tuple[Step, ...], int] = {}
    of = np.full(len(table), -1, np.int64)
    totals, cut = table.totals(), 0
    for n in table.live():
        words = table.words[n]
        if words == CUT:
            cut += int(totals.count[n])
            continue
        steps = tuple(zip(words[::2], words[1::2], strict=True))
        if not any(
            name == service and operation in ("", asked) for name, asked in steps
        ):
            continue
        if by == "service":
            steps = tuple((name, "") for name, _asked in steps)
        of[n] = numbers.setdefault(steps, len(numbers))
    return list(numbers), totals.grouped(of, len(numbers)), cut


def _path(
    steps: tuple[Step, ...], sums: Measures, row: int, where: dict[str, Any]
) -> dict[str, Any]:
    query = {"service": steps[0][0], **where}
    if len(steps) > 1:
        query = {"caller": steps[-2][0], "callee": steps[-1][0], **where}
    return {
        "nodes": [
            {"service": service, "operation": operation} for service, operation in steps
        ],
        "calls": int(sums.count[row]),
        "errors": int(sums.errors[row]),
        "traces": int(sums.attempts[row]),
        "longer": len(steps) >= MAX_NODES,
        "url": f"{reverse('dashboard:search')}?{urlencode(query)}",
    }


def _picture(
    paths: list[tuple[tuple[Step, ...], int]], by: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The nodes and edges of some paths, with their places."""
    steps: dict[str, Step] = {}
    calls: dict[tuple[str, str], int] = {}
    through: dict[str, int] = {}
    for path, count in paths:
        names = [
            service if by == "service" else node_id("operation", service, operation)
            for service, operation in path
        ]
        steps.update(zip(names, path, strict=True))
        for name in dict.fromkeys(names):
            through[name] = through.get(name, 0) + count
        for edge in dict.fromkeys(pairwise(names)):
            calls[edge] = calls.get(edge, 0) + count
    shape = (
        tuple(sorted(steps)),
        tuple(sorted(edge for edge in calls if edge[0] != edge[1])),
    )
    places = place(shape) if steps else {}
    nodes = [
        {
            "id": name,
            "service": steps[name][0],
            "operation": steps[name][1],
            "label": " ".join(part for part in steps[name] if part),
            "calls": through[name],
            "x": places[name][0],
            "y": places[name][1],
        }
        for name in sorted(steps)
    ]
    edges = [
        {"caller": caller, "callee": callee, "calls": count}
        for (caller, callee), count in sorted(calls.items())
    ]
    return nodes, edges


def _sentence(
    service: str,
    operation: str,
    found: list[dict[str, Any]],
    total: int,
    cut: int,
) -> str:
    what = " ".join(part for part in (service, operation) if part)
    if not found:
        words = _("No path of this window leads through %(what)s.") % {"what": what}
    else:
        words = ngettext(
            "%(n)s path leads through %(what)s.",
            "%(n)s paths lead through %(what)s.",
            total,
        ) % {"n": text.count(total), "what": what}
    if cut:
        words += " " + ngettext(
            "%(n)s call of traces with very many paths is not on any of them.",
            "%(n)s calls of traces with very many paths are not on any of them.",
            cut,
        ) % {"n": text.count(cut)}
    return words
