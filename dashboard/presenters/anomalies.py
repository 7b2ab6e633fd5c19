"""What differs from the same time yesterday and last week, in sentences."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
from django.utils.translation import gettext as _

from dashboard.graph import attributes as a
from dashboard.graph.build import build_graph
from dashboard.graph.diff import Change, Sample, compare
from dashboard.graph.options import MINUTE_US
from dashboard.presenters.services import LEVELS, Look
from dashboard.presenters.topology_diff import change_sentence
from dashboard.reads.band import stored_minutes
from dashboard.reads.rollups import Window, read_window_sums

DAY, WEEK, HOUR = 1_440, 10_080, 60
MAX_TOLD = 3
LEAST_REQUESTS = 20  # of a window, to be compared with


@dataclass(frozen=True, slots=True)
class Anomalies:
    """Sentences about one earlier time; ``compared`` where there was one."""

    when: str
    lines: list[str]
    more: int
    compared: bool
    note: str


def anomalies(look: Look, service: str = "") -> list[Anomalies]:
    """Against the same time yesterday and last week; one service, or all."""
    stored = stored_minutes(look.options.source)
    return [
        _against(look, service, DAY, _("the same time yesterday"), stored),
        _against(look, service, WEEK, _("the same time last week"), stored),
    ]


def _against(
    look: Look, service: str, back: int, when: str, stored: tuple[int, int] | None
) -> Anomalies:
    first, last = look.first - back, look.last - back
    if back > DAY:  # only whole hours are stored of that time
        first, last = first - first % HOUR, last - last % HOUR + HOUR - 1
    if stored is None or first < stored[0] or first >= look.first:
        note = _("Nothing is stored of %(when)s.") % {"when": when}
        return Anomalies(when, [], 0, False, note)
    window = read_window_sums(first, last, look.options.source, LEVELS)
    before, after = _nodes(window, service), _nodes(look.window, service)
    if service and service not in before:
        note = _("%(service)s had no requests at %(when)s.") % {
            "service": service,
            "when": when,
        }
        return Anomalies(when, [], 0, False, note)
    if _requests(before) < LEAST_REQUESTS or _requests(after) < LEAST_REQUESTS:
        note = _("Too few requests to compare with %(when)s.") % {"when": when}
        return Anomalies(when, [], 0, False, note)
    seconds = (last - first + 1) * MINUTE_US / 1e6
    found = compare(Sample(before, seconds), Sample(after, look.seconds))
    told = [change for change in found.changes if change.significant]
    lines = [_sentence(change, seconds, look.seconds) for change in told[:MAX_TOLD]]
    note = (
        ""
        if lines
        else _("Nothing differs from %(when)s by more than chance.") % {"when": when}
    )
    return Anomalies(when, lines, max(len(told) - MAX_TOLD, 0), True, note)


def _nodes(window: Window, service: str) -> nx.DiGraph:
    """Services without their calls: each is judged by its own requests."""
    key = ("service", False)
    graph = window.derived.get(key)
    if graph is None:
        graph = build_graph(window.tables, key[0], self_calls=key[1])
        window.keep(key, graph)
    result = nx.DiGraph(**graph.graph)
    for name, node in graph.nodes(data=True):
        if node.get(a.VIRTUAL):
            continue
        if not service or name == service:
            result.add_node(name, **node)
    return result


def _requests(graph: nx.DiGraph) -> int:
    sums = graph.graph[a.NODE_SUMS]
    return sum(int(sums.count[node[a.ROW]]) for _name, node in graph.nodes(data=True))


def _sentence(change: Change, before_s: float, after_s: float) -> str:
    return change_sentence(change, {}, before_s, after_s)
