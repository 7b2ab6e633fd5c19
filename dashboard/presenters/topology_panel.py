"""What the side panel says of one node or edge of the service graph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.graph import attributes as a
from dashboard.graph.build import TABLES
from dashboard.graph.measures import Measure, Measures
from dashboard.graph.names import GROUP
from dashboard.graph.options import GraphOptions
from dashboard.graph.tables import Mask, Table, Words, step_of
from dashboard.presenters import text
from dashboard.presenters.topology import View, build_view
from dashboard.presenters.topology_answers import UnknownNode
from dashboard.presenters.topology_figures import (
    heatmap_figure,
    histogram_figure,
    red_figure,
)
from dashboard.presenters.topology_operations import (
    operations_of_edge,
    operations_of_node,
)
from dashboard.presenters.topology_parts import (
    edge_sentence,
    figures,
    group_label,
    kind_text,
    label_of,
    window_query,
)
from dashboard.reads.examples import Example, Examples, Wanted, examples
from dashboard.traces.terms import term

MAX_LINKED = 60  # trace ids in one address
Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """Some keys (a mask) of one table of the window."""

    table: str
    mask: Mask

    @property
    def of_calls(self) -> bool:
        """Whether it is of calls, not of requests."""
        return self.table.endswith("edge")

    def of(self, view: View) -> Table:
        """The table itself."""
        return view.window_sums.tables[self.table]

    def keys(self, view: View) -> list[Words]:
        """The keys."""
        words = self.of(view).words
        return [words[n] for n in np.flatnonzero(self.mask).tolist()]


def edge_panel(options: GraphOptions, caller: str, callee: str) -> dict[str, Any]:
    """An edge, also one of closed groups; raises ``UnknownNode``."""
    view = build_view(replace(options, focus="", hide="", find="", self_calls=True))
    edges, part = _edge_part(view, caller, callee)
    own, measure = _figures(view, [part])
    ends = {
        "caller": _label(view, caller),
        "callee": _label(view, callee),
    }
    query = window_query(options, view.window)
    found = _examples(view, part, edge_terms(part.table, part.keys(view)))
    search = {**_services_query(part.table, part.keys(view)), **query}
    return {
        "kind": "edge",
        "caller": caller,
        "callee": callee,
        "id": f"{caller}\0{callee}",
        "level": options.level,
        "sentence": edge_sentence(ends["caller"], ends["callee"], measure.errors, own),
        **own,
        **_pictures(view, [part]),
        **operations_of_edge(view, edges),
        **_example_data(found, search, own["calls"]),
        "edge_url": _graph_url(options, query, caller=caller, callee=callee),
    }


def _edge_part(view: View, caller: str, callee: str) -> tuple[list[Edge], Part]:
    callers, callees = _members(view, caller), _members(view, callee)
    inside = caller == callee
    edges = [
        (u, v)
        for u, v in view.graph.edges
        if u in callers and v in callees and (not inside or u == v or caller != u)
    ]
    if not edges:
        raise UnknownNode(f"{caller} → {callee}")
    rows = {view.graph.edges[edge][a.ROW] for edge in edges}
    table = TABLES[view.options.level][0]
    return edges, Part(table, _mask(view, a.EDGE_OF_KEY, rows))


def stored_edge(view: View, caller: str, callee: str) -> dict[str, Any]:
    """What of an edge's panel can be kept: charts and operations, no traces."""
    edges, part = _edge_part(view, caller, callee)
    return {**_pictures(view, [part]), **operations_of_edge(view, edges)}


def stored_node(view: View, name: str) -> dict[str, Any]:
    """What of a node's panel can be kept: charts and operations, no traces."""
    members = _members(view, name)
    return {
        **_pictures(view, _parts(view, members)),
        **operations_of_node(view, members),
    }


def node_panel(options: GraphOptions, name: str) -> dict[str, Any]:
    """A node, also a closed group; raises ``UnknownNode``."""
    view = build_view(replace(options, focus="", hide="", find="", self_calls=True))
    members = _members(view, name)
    parts = _parts(view, members)
    own, _measure = _figures(view, parts)
    query = window_query(options, view.window)
    found = Examples()
    around = edge_terms(TABLES[options.level][0], _keys_around(view, members))
    for part in parts:
        keys = part.keys(view)
        terms = around
        if not part.of_calls:
            named = dict.fromkeys(term("s", words[0]) for words in keys)
            terms = (*named, *around)
        found.add(_examples(view, part, terms))
    node = view.graph.nodes[name] if name in view.graph else {a.KIND: "group"}
    search: dict[str, Any] = {}
    if len(parts) == 1:
        search.update(_services_query(parts[0].table, parts[0].keys(view)))
    return {
        "kind": "node",
        "id": name,
        "level": options.level,
        "label": _label(view, name),
        "members": len(members) if name.startswith(GROUP) else 0,
        "node_kind": node[a.KIND],
        "kind_text": kind_text(node[a.KIND], bool(node.get(a.VIRTUAL))),
        "of_calls": any(part.of_calls for part in parts),
        **own,
        **_pictures(view, parts),
        **operations_of_node(view, members),
        **_example_data(found, {**search, **query}, own["calls"]),
        "node_url": _graph_url(options, query, node=name),
    }


def _members(view: View, name: str) -> set[str]:
    if name in view.graph:
        return {name}
    if name.startswith(GROUP):
        group = name.removeprefix(GROUP)
        found = {node for node, of in view.groups.of.items() if of == group}
        if found:
            return found
    raise UnknownNode(name)


def _label(view: View, name: str) -> str:
    if name in view.graph:
        return label_of(name, view.graph.nodes[name], view.options.level)
    return group_label(name.removeprefix(GROUP))


def _mask(view: View, which: str, rows: Iterable[int]) -> Mask:
    """The keys of a table that belong to some rows of nodes or edges."""
    return np.isin(view.graph.graph[which], list(rows))


def _parts(view: View, members: set[str]) -> list[Part]:
    """What a node's figures are the sum of, see ``build``: requests, else calls."""
    edge_table, request_table = TABLES[view.options.level]
    nodes, into, out = view.graph.nodes, [], []
    counts = (
        view.window_sums.tables[request_table]
        .totals()
        .grouped(view.graph.graph[a.NODE_OF_KEY], len(view.graph.graph[a.NODE_SUMS]))
    )
    asked = [nodes[n][a.ROW] for n in members if counts.count[nodes[n][a.ROW]]]
    for name in members:
        if counts.count[nodes[name][a.ROW]]:
            continue
        edges = [e[a.ROW] for _, _, e in view.graph.in_edges(name, data=True)]
        into += edges
        if not edges:
            out += [e[a.ROW] for _, _, e in view.graph.out_edges(name, data=True)]
    found = [
        Part(request_table, _mask(view, a.NODE_OF_KEY, asked)),
        Part(edge_table, _mask(view, a.EDGE_OF_KEY, into)),
        Part(edge_table, _mask(view, a.EDGE_OF_KEY, out)),
    ]
    return [part for part in found if part.mask.any()]


def _keys_around(view: View, members: set[str]) -> list[Words]:
    """Keys of the edges' table that touch a node, those with most calls first."""
    rows = [
        edge[a.ROW]
        for u, v, edge in view.graph.edges(data=True)
        if u in members or v in members
    ]
    found = np.flatnonzero(_mask(view, a.EDGE_OF_KEY, rows))
    table = view.window_sums.tables[TABLES[view.options.level][0]]
    order = np.argsort(-table.totals().count[found], kind="stable")
    return [table.words[n] for n in found[order].tolist()]


def _ends(table_name: str, words: Words) -> Edge:
    return words[0], words[1 if table_name == "edge" else 2]


def edge_terms(table_name: str, keys: Iterable[Words]) -> tuple[int, ...]:
    """The terms of traces with such calls."""
    pairs = dict.fromkeys(_ends(table_name, words) for words in keys)
    return tuple(term("c", *pair) for pair in pairs)


def _services_query(table_name: str, keys: list[Words]) -> dict[str, str]:
    """Search parameters for one pair of services, or one service; else nothing."""
    if table_name.endswith("edge"):
        pairs = {_ends(table_name, words) for words in keys}
        if len(pairs) == 1:
            caller, callee = pairs.pop()
            return {"caller": caller, "callee": callee}
        return {}
    services = {words[0] for words in keys}
    if len(services) != 1:
        return {}
    found = {"service": services.pop()}
    if table_name == "entry" and len(keys) == 1:
        found["operation"] = keys[0][1]
    return found


def _whole(view: View, parts: list[Part]) -> Measures:
    """One row: the sum of all parts."""
    rows = [
        part.of(view).rows.grouped(np.where(part.mask[part.of(view).key], 0, -1), 1)
        for part in parts
    ]
    if not rows:
        return Measures.none(1)
    return Measures.joined(rows).grouped(np.zeros(len(rows), np.int64), 1)


def _figures(view: View, parts: list[Part]) -> tuple[dict[str, Any], Measure]:
    measure = _whole(view, parts).of(0)
    own = {**figures(measure, view.seconds), "attempts": measure.attempts}
    return own, measure


def _pictures(view: View, parts: list[Part]) -> dict[str, Any]:
    step = step_of(view.first, view.last)
    begin = view.first // step * step
    size = view.last // step - view.first // step + 1
    each = [part.of(view).by_step(part.mask, view.first, view.last) for part in parts]
    steps = Measures.none(size)
    if each:
        steps = Measures.joined(each).grouped(np.tile(np.arange(size), len(each)), size)
    return {
        "red": red_figure(steps, begin, step),
        "histogram": histogram_figure(_whole(view, parts).histogram(0)),
        "heatmap": heatmap_figure(steps, begin, step),
    }


def _examples(view: View, part: Part, terms: tuple[int, ...]) -> Examples:
    keys = frozenset(part.keys(view))
    return examples(
        Wanted(part.table, keys, terms, view.first, view.last, view.options.source)
    )


def _example_data(
    found: Examples, search: dict[str, Any], calls: int
) -> dict[str, Any]:
    """Traces and the search for exactly them, as far as an address can say it."""
    number = len(found.trace_ids)
    exact = found.whole and number <= MAX_LINKED
    url = ""
    if exact and number:
        query: Any = [("traceID", trace_id) for trace_id in found.trace_ids]
        url = f"{reverse('dashboard:search')}?{urlencode(query)}"
    elif len(search) > 2:
        url = f"{reverse('dashboard:search')}?{urlencode(search)}"
        exact = found.whole and found.inside and "caller" in search
    if not found.whole:
        words = _(
            "More than %(n)s traces; the search shows those that start in the window."
        ) % {"n": text.count(number)}
    elif not number:
        words = (
            _("The traces behind these figures are no longer stored.") if calls else ""
        )
    else:
        words = ngettext(
            "%(n)s stored trace has these calls.",
            "%(n)s stored traces have these calls.",
            number,
        ) % {"n": text.count(number)}
    return {
        "slowest": [example_row(example) for example in found.slowest],
        "failed_traces": [example_row(example) for example in found.failed],
        "traces": {
            "count": number,
            "whole": found.whole,
            "exact": exact,
            "url": url,
            "text": words,
        },
    }


def example_row(example: Example) -> dict[str, Any]:
    """One call in one trace."""
    record = example.record
    address = reverse("dashboard:trace", args=[record.trace_id])
    return {
        "trace_id": record.trace_id,
        "span_id": example.span_id,
        "url": f"{address}?{urlencode({'span': example.span_id})}",
        "duration_us": example.duration_us,
        "duration_text": text.duration_us(example.duration_us),
        "start_us": example.start_us,
        "start_text": text.moment(example.start_us),
        "root_service": record.root_service,
        "root_operation": record.root_operation,
        "failed": example.failed,
        "source": record.source.name,
    }


def _graph_url(options: GraphOptions, query: dict[str, Any], **chosen: str) -> str:
    level = {} if options.level == "service" else {"level": options.level}
    return f"{reverse('dashboard:graph')}?{urlencode({**level, **query, **chosen})}"
