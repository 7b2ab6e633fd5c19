"""Two windows, sources or versions of the service graph compared."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import networkx as nx
import numpy as np
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from dashboard.graph import attributes as a
from dashboard.graph.build import TABLES, build_graph, levels_for
from dashboard.graph.diff import ALPHA, Change, Difference, Sample, compare, union
from dashboard.graph.measures import Measure
from dashboard.graph.options import MINUTE_US, GraphOptions
from dashboard.graph.tables import Table, Words
from dashboard.presenters import text
from dashboard.presenters.topology import View, shaped, view_data
from dashboard.presenters.topology_panel import edge_terms, example_row
from dashboard.presenters.topology_parts import figures, label_of, window_query
from dashboard.reads.examples import Examples, Wanted, examples
from dashboard.reads.rollups import Window, read_window_sums
from dashboard.traces.terms import term

MAX_CHANGES = 100
WITH_EXAMPLES = 8  # of the first changes; the panels have those of the others
SHOWN_EXAMPLES = 3


class NothingToCompare(ValueError):
    """The options name no second window, source or version."""


class _Side:
    """One of the two: its options, window and graph."""

    def __init__(self, options: GraphOptions, minutes: tuple[int, int], now_us: int):
        self.options, self.minutes = options, minutes
        self.window: Window = read_window_sums(
            *minutes, options.source, levels_for(options.level)
        )
        tables = self.window.tables
        if options.version:
            tables = _of_version(tables, options.service, options.version)
        self.tables = tables
        self.graph: nx.DiGraph = None
        key = (options.level, options.self_calls)
        if not options.version:
            self.graph = self.window.derived.get(key)
        if self.graph is None:
            self.graph = build_graph(tables, key[0], self_calls=key[1])
            if not options.version:
                self.window.keep(key, self.graph)
        end_us = min((minutes[1] + 1) * MINUTE_US, now_us)
        self.seconds = max((end_us - minutes[0] * MINUTE_US) / 1e6, 1.0)
        self.requests = int(tables["service"].totals().count.sum())

    @property
    def us(self) -> tuple[int, int]:
        """Start and end in µs."""
        return self.minutes[0] * MINUTE_US, (self.minutes[1] + 1) * MINUTE_US

    def told(self) -> dict[str, Any]:
        """Which side this is, in numbers and words."""
        start_us, end_us = self.us
        words = f"{text.moment(start_us)[:16]} – {text.moment(end_us)[:16]} UTC"
        name = self.options.version or self.options.source
        return {
            "start_us": start_us,
            "end_us": end_us,
            "seconds": round(self.seconds, 3),
            "source": self.options.source,
            "version": self.options.version,
            "requests": self.requests,
            "text": f"{name}, {words}" if name else words,
        }


def _of_version(
    tables: dict[str, Table], service: str, version: str
) -> dict[str, Table]:
    """Only the calls from and to one version of a service."""

    def mine(words: Words, edge: bool) -> bool:
        if edge:
            return (service, version) in ((words[0], words[2]), (words[1], words[3]))
        return words[:2] == (service, version)

    result = dict(tables)
    for name in ("edge", "service"):
        table = tables[name]
        chosen = [mine(words, name == "edge") for words in table.words]
        result[name] = table.only(np.array(chosen, bool))
    return result


def diff_data(options: GraphOptions) -> dict[str, Any]:
    """The comparison; raises ``NothingToCompare``."""
    if not options.compares:
        raise NothingToCompare
    now_us = time.time_ns() // 1_000
    by_version = bool(options.base_version)
    if by_version:
        options = replace(options, level="service")
    else:
        options = replace(options, version="")
    after = _Side(options, options.minutes(now_us), now_us)
    base = replace(
        options,
        source=options.base_source or options.source,
        version=options.base_version,
    )
    before = _Side(base, options.base_minutes(now_us), now_us)
    # While neither side's sums change, nor how much of them has passed, nor does this.
    key = ("diff", options, base, get_language())
    seconds = (round(before.seconds), round(after.seconds))
    same = (before.window.stamp, before.minutes, seconds)
    kept = after.window.derived.get(key)
    if kept is None or kept[0] != same:
        kept = (same, _compared(options, before, after, by_version, now_us))
        after.window.keep(key, kept)
    result: dict[str, Any] = kept[1]
    return result


def _compared(
    options: GraphOptions, before: _Side, after: _Side, by_version: bool, now_us: int
) -> dict[str, Any]:
    by_time = not by_version and before.options.source == options.source
    found = compare(
        Sample(before.graph, before.seconds if by_time else max(before.requests, 1)),
        Sample(after.graph, after.seconds if by_time else max(after.requests, 1)),
        with_rates=by_time,
    )
    whole = union(before.graph, after.graph)
    plain = replace(options, hide="", find="", focus="")
    view = shaped(plain, after.window, after.minutes, now_us, whole, keeps=False)
    data = view_data(view)
    labels = {n: label_of(n, d, options.level) for n, d in whole.nodes(data=True)}
    mark(data, view, before.graph, after.graph, found)
    significant = [change for change in found.changes if change.significant]
    shown = found.changes[:MAX_CHANGES]
    return {
        "sentence": top_sentence(before, after, significant, labels),
        "base": before.told(),
        "now": after.told(),
        "changes": [
            _change(change, labels, before, after, place < WITH_EXAMPLES)
            for place, change in enumerate(shown)
        ],
        "changes_cut": len(found.changes) - len(shown),
        "significant": len(significant),
        "tests": found.tests,
        "note": _(
            "%(n)s tests, corrected for their number (Holm); significant below %(alpha)s. "
            "Calls of one trace are not independent of one another: take a p near the "
            "limit with care."
        )
        % {"n": text.count(found.tests), "alpha": text.share(ALPHA)},
        "level": options.level,
        "nodes": data["nodes"],
        "edges": data["edges"],
        "groups": data["groups"],
        "grouped": data["grouped"],
        "names": data["names"],
        "counts": {**data["counts"], **_counts(significant)},
        "shape": data["shape"],
    }


def _counts(significant: list[Change]) -> dict[str, int]:
    result: dict[str, int] = {}
    for change in significant:
        result[change.change] = result.get(change.change, 0) + 1
    return result


def mark(
    data: dict[str, Any],
    view: View,
    before: nx.DiGraph,
    after: nx.DiGraph,
    found: Difference,
) -> None:
    """Say of each node and edge shown whether it was added, is gone or changed."""

    shown = view.shown_as
    nodes: dict[str, list[str]] = {}
    edges: dict[tuple[str, str], list[str]] = {}
    for change in found.changes:
        if not change.significant:
            continue
        if change.edge:
            pair = (shown(change.edge[0]), shown(change.edge[1]))
            edges.setdefault(pair, []).append(change.change)
        else:
            nodes.setdefault(shown(change.node), []).append(change.change)
    for node in data["nodes"]:
        name = node["id"]
        told = sorted(set(nodes.get(name, [])))
        inside = bool(node["members"])
        node["change"] = told
        node["state"] = _state(name in before or inside, name in after or inside, told)
    for edge in data["edges"]:
        pair = (edge["caller"], edge["callee"])
        told = sorted(set(edges.get(pair, [])))
        inside = bool(edge["inner"])
        edge["change"] = told
        was = inside or before.has_edge(*pair)
        edge["state"] = _state(was, inside or after.has_edge(*pair), told)


def _state(before: bool, after: bool, told: list[str]) -> str:
    if not before:
        return "added"
    if not after:
        return "gone"
    return "changed" if told else "same"


def _change(
    change: Change,
    labels: dict[str, str],
    before: _Side,
    after: _Side,
    with_examples: bool,
) -> dict[str, Any]:
    caller, callee = change.edge or ("", "")
    result: dict[str, Any] = {
        "what": "edge" if change.edge else "node",
        "id": f"{caller}\0{callee}" if change.edge else change.node,
        "caller": caller,
        "callee": callee,
        "node": change.node,
        "change": change.change,
        "significant": change.significant,
        "p": float(f"{change.p:.3g}"),
        "p_adjusted": float(f"{change.p_adjusted:.3g}"),
        "test": change.test,
        "effect": round(change.effect, 4),
        "before": _figures(change.before, before.seconds),
        "after": _figures(change.after, after.seconds),
        "sentence": change_sentence(change, labels, before.seconds, after.seconds),
        "panel_query": _panel_query(change, after),
        "base_panel_query": _panel_query(change, before),
        "examples": [],
        "examples_before": [],
    }
    if with_examples:
        failed = change.change in ("more_errors", "fewer_errors")
        if change.change != "gone":
            result["examples"] = _rows(_found(change, after), failed)
        if change.change != "added":
            result["examples_before"] = _rows(_found(change, before), failed)
    return result


def _figures(measure: Measure, seconds: float) -> dict[str, Any] | None:
    return figures(measure, seconds) if measure.count else None


def _panel_query(change: Change, side: _Side) -> str:
    query = window_query(side.options, side.us)
    if side.options.level != "service":
        query["level"] = side.options.level
    if change.edge:
        query.update({"caller": change.edge[0], "callee": change.edge[1]})
    else:
        query["id"] = change.node
    return urlencode(query)


def _rows(found: Examples, failed: bool) -> list[dict[str, Any]]:
    chosen = found.failed if failed and found.failed else found.slowest
    return [example_row(example) for example in chosen[:SHOWN_EXAMPLES]]


def _found(change: Change, side: _Side) -> Examples:
    """Example traces of a node or edge on one side."""
    edge_table, request_table = TABLES[side.options.level]
    graph = side.graph
    if change.edge:
        name, which, item = edge_table, a.EDGE_OF_KEY, graph.edges[change.edge]
    else:
        name, which, item = request_table, a.NODE_OF_KEY, graph.nodes[change.node]
    table = side.tables[name]
    chosen = np.flatnonzero(graph.graph[which] == item[a.ROW]).tolist()
    keys = [table.words[n] for n in chosen]
    if change.edge:
        terms = edge_terms(name, keys)
    else:
        terms = tuple(dict.fromkeys(term("s", words[0]) for words in keys))
    return examples(
        Wanted(name, frozenset(keys), terms, *side.minutes, side.options.source)
    )


def change_sentence(
    change: Change, labels: dict[str, str], before_s: float, after_s: float
) -> str:
    """One change in words."""
    old, new = change.before, change.after
    ratio = change.effect if change.effect >= 1 else 1 / (change.effect or 1.0)
    by_median = (
        new.p50_ns and abs(new.p50_ns / (old.p50_ns or 1) - change.effect) < 1e-9
    )
    values = {
        "what": " → ".join(labels.get(name, name) for name in change.edge)
        or labels.get(change.node, change.node),
        "old_share": text.share(old.error_share),
        "new_share": text.share(new.error_share),
        "old_time": text.duration_us(
            (old.p50_ns if by_median else old.p95_ns) // 1_000
        ),
        "new_time": text.duration_us(
            (new.p50_ns if by_median else new.p95_ns) // 1_000
        ),
        "figure": "p50" if by_median else "p95",
        "ratio": f"{ratio:.1f}",
        "old_rate": text.rate(old.count / before_s),
        "new_rate": text.rate(new.count / after_s),
        "old_calls": text.count(old.count),
        "new_calls": text.count(new.count),
    }
    table = {
        "added": _("%(what)s is new: %(new_calls)s calls."),
        "gone": _("%(what)s is gone: %(old_calls)s calls before."),
        "more_errors": _(
            "%(what)s fails more: %(old_share)s before, %(new_share)s now."
        ),
        "fewer_errors": _(
            "%(what)s fails less: %(old_share)s before, %(new_share)s now."
        ),
        "slower": _(
            "%(what)s is %(ratio)s times slower: %(figure)s %(old_time)s before, "
            "%(new_time)s now."
        ),
        "faster": _(
            "%(what)s is %(ratio)s times faster: %(figure)s %(old_time)s before, "
            "%(new_time)s now."
        ),
        "more_calls": _(
            "%(what)s is called more: %(old_rate)s before, %(new_rate)s now."
        ),
        "fewer_calls": _(
            "%(what)s is called less: %(old_rate)s before, %(new_rate)s now."
        ),
    }
    return table[change.change] % values


def top_sentence(
    before: _Side, after: _Side, significant: list[Change], labels: dict[str, str]
) -> str:
    """What changed most, on top."""
    if not before.graph and not after.graph:
        return _("Neither side has any calls.")
    if not before.graph:
        return _("The side to compare with has no calls.")
    if not after.graph:
        return _("The window has no calls; the side to compare with has some.")
    if not significant:
        return _("Nothing changed by more than chance.")
    first = change_sentence(significant[0], labels, before.seconds, after.seconds)
    others = len(significant) - 1
    if not others:
        return first
    more = ngettext(
        "%(n)s further change is significant.",
        "%(n)s further changes are significant.",
        others,
    ) % {"n": text.count(others)}
    return f"{first} {more}"
