"""Traces whose calls are known beforehand are counted exactly so, in any order."""

from __future__ import annotations

from collections import Counter

import pytest

from dashboard.adjusters.standard import adjust
from dashboard.graph import attributes as a
from dashboard.graph.build import build_graph, levels_for
from dashboard.graph.contribution import Contribution, contribution
from dashboard.graph.link import link
from dashboard.graph.tables import tables_of
from tests.factories import make_trace
from tests.peers.known import LEVELS, Script, Truth


@pytest.mark.parametrize("seed", [0, 1000])
@pytest.mark.parametrize("level", LEVELS)
def test_the_graph_is_the_truth_at_every_level(level: str, seed: int) -> None:
    truth, found = Truth(), Contribution()
    for number in range(seed, seed + 120):
        spans = Script(number, truth).spans
        trace = adjust(make_trace(spans, f"{number + 1:032x}", shuffle=number))
        found.merge(contribution(trace, link(trace)))
    graph = build_graph(tables_of(found, levels_for(level)), level, self_calls=True)
    sums = graph.graph[a.EDGE_SUMS]
    rows = {edge: graph.edges[edge][a.ROW] for edge in graph.edges}
    for name in ("calls", "errors", "attempts"):
        column = getattr(sums, "count" if name == "calls" else name)
        have = Counter({edge: int(column[row]) for edge, row in rows.items()})
        assert +have == +getattr(truth, name)[level], name
    if level == "service":
        nodes = graph.graph[a.NODE_SUMS]
        for service, requests in truth.requests.items():
            assert nodes.count[graph.nodes[service][a.ROW]] == requests
