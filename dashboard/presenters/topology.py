"""The service graph as plain data: nodes, edges, groups, sentence, time band."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
from django.utils.translation import get_language

from dashboard.graph import attributes as a
from dashboard.graph.build import build_graph, focus, levels_for
from dashboard.graph.expression import read_expression
from dashboard.graph.filtering import Found, find, without
from dashboard.graph.groups import (
    Grouping,
    communities,
    grouping,
    is_open,
    quotient,
    shape_of,
)
from dashboard.graph.layout import forget_layouts, place_groups
from dashboard.graph.names import GROUP
from dashboard.graph.options import MINUTE_US, GraphOptions
from dashboard.graph.tables import Table, step_of
from dashboard.presenters.colors import slots
from dashboard.presenters.doctor import mark_accused
from dashboard.presenters.topology_overlay import overlay_data
from dashboard.presenters.topology_parts import (
    edge_data,
    label_of,
    node_data,
    sampling_data,
    sentence,
)
from dashboard.presenters.wire import to_json
from dashboard.reads.band import read_minutes
from dashboard.reads.rollups import Window, forget_windows, read_window_sums

MAX_BAND = 1440


@dataclass(slots=True)
class View:
    """A window's graph as the page shows it: filtered, focused, grouped."""

    options: GraphOptions
    first: int  # minutes since the epoch, inclusive
    last: int
    now_us: int
    window_sums: Window
    whole: nx.DiGraph
    graph: nx.DiGraph  # filtered and focused
    shown: nx.DiGraph  # with closed groups
    groups: Grouping
    opened: tuple[str, ...]
    found: Found | None  # nodes and edges of ``graph`` that were asked for
    seconds: float

    def shown_as(self, name: str) -> str:
        """The id under which a node is shown: its own, or its closed group's."""
        group = self.groups.of.get(name)
        if group is None or is_open(group, self.opened):
            return name
        return GROUP + group

    @property
    def window(self) -> tuple[int, int]:
        """Start and end in µs."""
        return self.first * MINUTE_US, (self.last + 1) * MINUTE_US


def window_seconds(options: GraphOptions, first: int, last: int, now_us: int) -> float:
    """Length of the window; the running minute counts as far as it has gone."""
    seconds = max((last - first + 1) * 60.0, 60.0)
    if options.live:
        seconds -= 60 - (now_us % MINUTE_US) / 1e6
    return max(seconds, 1.0)


def build_view(options: GraphOptions) -> View:
    """Read, build, filter, focus and group the graph that options ask for."""
    now_us = time.time_ns() // 1_000
    first, last = options.minutes(now_us)
    levels = levels_for(options.level)
    window = read_window_sums(first, last, options.source, levels)
    return view_of(options, window, (first, last), now_us)


def view_of(
    options: GraphOptions, window: Window, minutes: tuple[int, int], now_us: int
) -> View:
    """The view of a window's sums; what was made of equal sums is taken again."""
    key = (options.level, options.self_calls)
    whole = window.derived.get(key)
    if whole is None:
        whole = build_graph(window.tables, key[0], self_calls=key[1])
        window.keep(key, whole)
    return shaped(options, window, minutes, now_us, whole, keeps=True)


def shaped(
    options: GraphOptions,
    window: Window,
    minutes: tuple[int, int],
    now_us: int,
    whole: nx.DiGraph,
    *,
    keeps: bool,
) -> View:
    """A whole graph filtered, focused and grouped.

    ``keeps``: the graph is that of the window, which keeps its closed groups.
    """
    seconds = window_seconds(options, *minutes, now_us)
    key = (options.level, options.self_calls)
    graph = whole
    if options.hide:
        wanted = read_expression(options.hide)
        of = grouping(whole, options.group).of if "group" in wanted.words else {}
        graph = without(graph, find(graph, wanted, seconds, of))
    if options.focus:
        graph = focus(graph, options.focus, options.up, options.down)
    groups = grouping(graph, options.group)
    found = None
    if options.find:
        found = find(graph, read_expression(options.find), seconds, groups.of)
    opened = options.open
    shown = graph
    if groups.by:
        simple = keeps and not options.hide and not options.focus
        closed = (*key, options.group, opened)
        shown = window.derived.get(closed) if simple else None
        if shown is None:
            shown = quotient(graph, groups, opened, options.self_calls)
        if simple:
            window.keep(closed, shown)
    return View(
        options=options,
        first=minutes[0],
        last=minutes[1],
        now_us=now_us,
        window_sums=window,
        whole=whole,
        graph=graph,
        shown=shown,
        groups=groups,
        opened=opened,
        found=found,
        seconds=seconds,
    )


def topology_data(options: GraphOptions) -> dict[str, Any]:
    """Everything that the page shows for a window, as JSON-ready data.

    What was asked for already in this second, or of a fixed window that has not
    changed, is given again: leave it as it is.
    """
    now_us = time.time_ns() // 1_000
    view = build_view(options)
    moment = now_us // 1_000_000 if options.live else 0
    key = ("data", options, get_language(), moment)
    kept: dict[str, Any] | None = view.window_sums.derived.get(key)
    if kept is None:
        kept = view_data(view)
        view.window_sums.keep(key, kept)
    if options.trace:  # it may have grown, whatever the window's sums say
        drawn = overlay_data(options, view.whole, view.shown_as)
        return {**kept, "overlay": drawn}
    return kept


def graph_json(options: GraphOptions) -> bytes:
    """The same as JSON; lone surrogates are escaped as the standard library does."""
    return to_json(topology_data(options))


def forget() -> None:
    """Drop all that is kept: the next answer is made from nothing."""
    forget_windows()
    forget_layouts()
    communities.cache_clear()


def view_data(view: View) -> dict[str, Any]:
    """A view as JSON-ready data."""
    options, shown = view.options, view.shown
    began = time.perf_counter()
    members = {
        name: view.groups.of[name]
        for name in shown
        if name in view.groups.of and view.groups.by
    }
    positions, boxes = place_groups(shape_of(shown), members, _memory_key(options))
    layout_ms = (time.perf_counter() - began) * 1000
    colours = slots(
        sorted(
            {d[a.SERVICE] for _, d in view.whole.nodes(data=True) if not d[a.VIRTUAL]}
        )
    )
    seconds, window = view.seconds, view.window
    nodes = [
        node_data(shown, name, positions[name], colours, seconds)
        for name in sorted(shown)
    ]
    edges = [
        edge_data(shown, caller, callee, seconds, options, window)
        for caller, callee in sorted(shown.edges)
    ]
    mark_found(view, nodes, edges)
    mark_accused(nodes, options.source)
    return {
        "level": options.level,
        "nodes": nodes,
        "edges": edges,
        "groups": groups_data(view, positions, boxes),
        "grouped": view.groups.by,
        "names": sorted([name, view.groups.of.get(name, "")] for name in view.graph),
        "counts": {
            "nodes": view.whole.number_of_nodes(),
            "edges": view.whole.number_of_edges(),
            "shown_nodes": shown.number_of_nodes(),
            "shown_edges": shown.number_of_edges(),
            "hidden_nodes": view.whole.number_of_nodes() - view.graph.number_of_nodes(),
            "hidden_edges": view.whole.number_of_edges() - view.graph.number_of_edges(),
            "found_nodes": len(view.found.nodes) if view.found else 0,
            "found_edges": len(view.found.edges) if view.found else 0,
        },
        "sampling": sampling_data(_samplers(view.window_sums.tables["sampling"])),
        "start_us": window[0],
        "end_us": window[1],
        "seconds": round(seconds, 3),
        "at_us": options.at_us,
        "updated_us": view.now_us,
        "live": options.live,
        "sentence": sentence(nodes, edges),
        "band": band(
            view.window_sums.tables["service"], view.first, view.last, options.source
        ),
        "focus": options.focus,
        "hidden": view.whole.number_of_nodes() - view.graph.number_of_nodes(),
        "overlay": None,
        "layout_ms": round(layout_ms, 1),
        "shape": shape_text(positions),
    }


def mark_found(
    view: View, nodes: list[dict[str, Any]], edges: list[dict[str, Any]]
) -> None:
    """Say of each node and edge whether it was found; of a group, how many in it."""
    if view.found is None:
        return

    inside = Counter(view.shown_as(name) for name in view.found.nodes)
    pairs = Counter((view.shown_as(u), view.shown_as(v)) for u, v in view.found.edges)
    for node in nodes:
        node["found"] = node["id"] in inside
        if node["members"]:
            node["found_members"] = inside[node["id"]]
    for edge in edges:
        edge["found"] = (edge["caller"], edge["callee"]) in pairs


def _memory_key(options: GraphOptions) -> tuple[Any, ...]:
    """What one picture is of, whatever its window: there nodes keep their places."""
    return (
        options.source,
        options.level,
        options.focus,
        options.up,
        options.down,
        options.hide,
        options.group,
        options.open,
        options.self_calls,
    )


def shape_text(positions: Mapping[str, tuple[float, float]]) -> str:
    """Equal for equal nodes at equal places."""
    content = repr(sorted(positions.items())).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def groups_data(
    view: View,
    positions: Mapping[str, tuple[float, float]],
    boxes: Mapping[str, tuple[float, float, float, float]],
) -> list[dict[str, Any]]:
    """The groups in force, open and closed, with their boxes."""
    sizes: dict[str, int] = {}
    for group in view.groups.of.values():
        sizes[group] = sizes.get(group, 0) + 1
    found = []
    for group in sorted(sizes):
        opened = is_open(group, view.opened)
        x, y = positions.get(f"group:{group}", (0.0, 0.0))
        box = boxes.get(group, (x, y, x, y))
        node = {a.KIND: "group", a.GROUP: group}
        found.append(
            {
                "name": group,
                "by": view.groups.by,
                "label": label_of(group, node, view.options.level),
                "members": sizes[group],
                "open": opened,
                **dict(zip(("x0", "y0", "x1", "y1"), box, strict=True)),
            }
        )
    return found


def _samplers(table: Table) -> list[tuple[str, str, int]]:
    count = table.totals().count
    return [(*table.words[n][:2], int(count[n])) for n in table.live()]  # type: ignore[misc]  # two words


def band(
    services: Table, first: int, last: int, source: str = ""
) -> dict[str, list[int]]:
    """Requests and failures per minute of the window, for the band below."""
    long = step_of(first, last) > 1  # then the table holds no single minutes
    first = last - min(last - first + 1, MAX_BAND) + 1
    if not long:
        every = np.ones(len(services), bool)
        requests, failed = (
            column.tolist() for column in services.series(every, first, last)
        )
    else:
        found = read_minutes(first, last, source)
        nothing = (0, 0)
        pairs = [found.get(minute, nothing) for minute in range(first, last + 1)]
        requests, failed = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return {"first_minute": [first], "requests": requests, "failed": failed}


def live_data(parameters: Mapping[str, list[str]]) -> dict[str, Any]:
    """The data of a live page."""
    options, _problems, _unknown = GraphOptions.read(parameters)
    return topology_data(options)


CARRIED = (
    "sentence",
    "band",
    "updated_us",
    "start_us",
    "end_us",
    "seconds",
    "counts",
    "groups",
    "sampling",
    "shape",
    "hidden",
    "overlay",
)


def difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any] | None:
    """What changed between two data sets; ``None`` when nothing did."""
    result: dict[str, Any] = {}
    for kind in ("nodes", "edges"):
        before = {item["id"]: item for item in old[kind]}
        after = {item["id"]: item for item in new[kind]}
        result[kind] = [v for k, v in after.items() if before.get(k) != v]
        result[f"removed_{kind}"] = [
            [v["caller"], v["callee"]] if kind == "edges" else v["id"]
            for k, v in before.items()
            if k not in after
        ]
    if not any(result.values()):
        return None
    for name in CARRIED:
        result[name] = new[name]
    if new["names"] != old["names"]:
        result["names"] = new["names"]
    return result
