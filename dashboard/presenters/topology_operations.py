"""The operations behind one node or edge of the service graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.graph import attributes as a
from dashboard.graph.build import levels_for
from dashboard.graph.measures import Measures
from dashboard.graph.tables import Table
from dashboard.presenters.topology import View
from dashboard.presenters.topology_parts import figures
from dashboard.reads.rollups import read_tables

MAX_OPERATIONS = 20
Edge = tuple[str, str]


def _operation_tables(view: View) -> dict[str, Table]:
    if view.options.level == "operation":
        return view.window_sums.tables
    levels = levels_for("operation")
    return read_tables(view.first, view.last, view.options.source, levels)


def _top(
    view: View, table: Table, groups: dict[tuple[str, ...], list[int]]
) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """Groups of keys with their figures, those with most calls first."""
    of = np.full(len(table), -1, np.int64)
    for number, keys in enumerate(groups.values()):
        of[keys] = number
    sums: Measures = table.totals().grouped(of, len(groups))
    order = np.argsort(-sums.count, kind="stable")[:MAX_OPERATIONS].tolist()
    names = list(groups)
    return [(names[n], figures(sums.of(n), view.seconds)) for n in order]


def operations_of_edge(view: View, edges: list[Edge]) -> dict[str, Any]:
    """Which operations call which; on levels where the services tell the edge."""
    if view.options.level not in ("service", "operation"):
        return {"operations": [], "operations_cut": 0}
    table = _operation_tables(view)["operation-edge"]
    nodes = view.graph.nodes
    by_operation = view.options.level == "operation"
    wanted = {
        tuple(
            (nodes[end][a.SERVICE], nodes[end][a.OPERATION] if by_operation else "")
            for end in edge
        )
        for edge in edges
    }
    groups: dict[tuple[str, ...], list[int]] = {}
    for n in table.live():
        caller, one, callee, other = table.words[n][:4]
        key = (
            ((caller, one), (callee, other))
            if by_operation
            else ((caller, ""), (callee, ""))
        )
        if key in wanted:
            groups.setdefault((one, other), []).append(n)
    return {
        "operations": [
            {"caller_operation": one, "operation": other, **own}
            for (one, other), own in _top(view, table, groups)
        ],
        "operations_cut": max(0, len(groups) - MAX_OPERATIONS),
    }


def operations_of_node(view: View, members: set[str]) -> dict[str, Any]:
    """What a node was asked to do, on levels where its services tell it."""
    if view.options.level not in ("service", "operation"):
        return {"operations": [], "operations_cut": 0}
    nodes = view.graph.nodes
    services = {nodes[name][a.SERVICE] for name in members}
    only = {nodes[name][a.OPERATION] for name in members}
    tables = _operation_tables(view)
    table = tables["entry"]
    groups: dict[tuple[str, ...], list[int]] = {}
    for n in table.live():
        service, operation = table.words[n]
        if service in services and (
            view.options.level == "service" or operation in only
        ):
            groups.setdefault((operation,), []).append(n)
    if not groups:  # sent no spans: what it was asked for
        table = tables["operation-edge"]
        for n in table.live():
            if table.words[n][2] in services:
                groups.setdefault((table.words[n][3],), []).append(n)
    return {
        "operations": [
            {"operation": key[0], **own} for key, own in _top(view, table, groups)
        ],
        "operations_cut": max(0, len(groups) - MAX_OPERATIONS),
    }
