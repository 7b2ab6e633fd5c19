"""The service graph from tallies: levels, kinds, groups, places."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from typing import Any
from urllib.parse import parse_qs

import msgspec
import networkx as nx
import pytest
import zstandard

from dashboard.adjusters.standard import adjust
from dashboard.graph import attributes as a
from dashboard.graph.build import build_graph, edges_in, focus, levels_for
from dashboard.graph.contribution import Contribution, Tally, contribution
from dashboard.graph.groups import communities, grouping, quotient, shape_of
from dashboard.graph.histogram import percentile
from dashboard.graph.layout import place, place_groups
from dashboard.graph.link import link
from dashboard.graph.names import LEVELS, namespace_id, node_id
from dashboard.graph.options import GraphOptions
from dashboard.graph.packing import unpack
from dashboard.graph.tables import Adder, tables_of, within
from tests.factories import make_trace


def span(number: str, **rest: Any) -> dict[str, Any]:
    return {"id": number, **rest}


POD = "k8s.pod.name"
SHOP = [
    span(
        "01",
        service="ingress",
        kind="server",
        operation="GET /",
        process={"k8s.namespace.name": "edge"},
        duration=900,
    ),
    span(
        "02",
        parent="01",
        service="ingress",
        kind="client",
        start=5,
        duration=800,
        process={"k8s.namespace.name": "edge"},
    ),
    span(
        "03",
        parent="02",
        service="shop",
        kind="server",
        operation="GET /cart",
        start=10,
        duration=700,
        tags={"error": True},
        process={
            "k8s.namespace.name": "prod",
            POD: "shop-1",
            "service.version": "v2",
        },
    ),
    span(
        "04",
        parent="03",
        service="shop",
        start=12,
        process={"k8s.namespace.name": "prod", POD: "shop-1", "service.version": "v2"},
    ),
    span(
        "05",
        parent="04",
        service="shop",
        kind="client",
        operation="SELECT",
        start=20,
        duration=100,
        tags={"db.system": "mysql", "db.name": "stock"},
        process={"k8s.namespace.name": "prod", POD: "shop-1", "service.version": "v2"},
    ),
]


def counted(*spans: dict[str, Any]) -> Contribution:
    trace = adjust(make_trace(list(spans)))
    return contribution(trace, link(trace))


def graph_of(found: Contribution, level: str = "service", **rest: Any) -> nx.DiGraph:
    return build_graph(tables_of(found, levels_for(level)), level, **rest)


@pytest.mark.parametrize(
    ("level", "edges"),
    [
        ("service", [("ingress", "shop", 1, 1), ("shop", "stock", 1, 0)]),
        ("namespace", [("edge", "prod", 1, 1), ("prod", "(database)", 1, 0)]),
        ("version", [("ingress", "shop@v2", 1, 1), ("shop@v2", "stock", 1, 0)]),
        (
            "operation",
            [
                ("ingress::GET /", "shop::GET /cart", 1, 1),
                ("shop::GET /cart", "stock::SELECT", 1, 0),
            ],
        ),
        (
            "instance",
            [("ingress", "shop/shop-1", 1, 1), ("shop/shop-1", "stock", 1, 0)],
        ),
    ],
)
def test_each_level_counts_each_call_once(
    level: str, edges: list[tuple[str, str, int, int]]
) -> None:
    found = edges_in(graph_of(counted(*SHOP), level))
    assert [edge[:4] for edge in found] == edges


def test_nodes_say_what_they_are() -> None:
    nodes = graph_of(counted(*SHOP)).nodes
    assert {name: node[a.KIND] for name, node in nodes.items()} == {
        "ingress": "gateway",
        "shop": "service",
        "stock": "database",
    }
    assert nodes["shop"][a.NAMESPACE] == "prod"
    assert [version for version, _ in nodes["shop"][a.VERSIONS]] == ["v2"]
    assert nodes["stock"][a.VIRTUAL]


def test_a_named_service_without_spans_is_untraced() -> None:
    found = counted(
        span(
            "01",
            kind="client",
            tags={
                "upstream_cluster": "outbound|80||b.x.svc.cluster.local",
                "component": "proxy",
            },
        )
    )
    assert graph_of(found).nodes["b"][a.KIND] == "untraced"


def test_requests_of_a_node_are_its_own_else_those_of_its_callers() -> None:
    graph = graph_of(counted(*SHOP))
    sums = graph.graph[a.NODE_SUMS]
    one = {name: sums.of(node[a.ROW]) for name, node in graph.nodes.items()}
    assert {name: (m.count, m.errors) for name, m in one.items()} == {
        "ingress": (1, 0),
        "shop": (1, 1),
        "stock": (1, 0),
    }
    assert abs(one["shop"].p95_ns - 700_000) <= one["shop"].p95_spread_ns


def test_self_calls_are_left_out_unless_asked_for() -> None:
    found = counted(
        span("01", kind="server"),
        span("02", parent="01", kind="client"),
        span("03", parent="02", kind="server", operation="inner"),
    )
    assert edges_in(graph_of(found)) == []
    assert edges_in(graph_of(found, self_calls=True)) == [("a", "a", 1, 0, False)]
    assert edges_in(graph_of(found, "operation", self_calls=True)) == [
        ("a::op-01", "a::inner", 1, 0, False)
    ]


def test_stored_bytes_read_back_and_those_of_the_version_before() -> None:
    found = counted(*SHOP)
    assert Contribution.from_bytes(found.to_bytes()) == found
    words = ["a", "b", "", "", "", "service", "", ""]
    rows = [["edge", 7, words, [3, 1, 3, 30_000, [9, 3]]]]
    before = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(rows))
    old = Contribution.from_bytes(before)
    key = ("a", "b", "", "", "", "service", "", "", "", "")
    assert old.levels["edge"][7][key] == Tally(3, 1, 3, 30_000, {9: 3})
    assert Contribution.from_bytes(old.to_bytes()) == old


def test_frames_add_up_as_contributions_do() -> None:
    rng = random.Random(5)
    total, adder = Contribution(), Adder()
    for _ in range(60):
        part = Contribution()
        for _ in range(rng.randrange(1, 9)):
            key = (rng.choice("abc"), rng.choice("xyz"))
            tally = part.at(rng.choice(["edge", "entry"]), rng.randrange(5), key)
            tally.add(Tally(1, rng.randrange(2), 1, 7, {rng.randrange(200): 1}))
        sign = rng.choice([1, 1, -1])
        total.merge(part, sign)
        signed = Contribution().merge(part, sign)
        adder.add({k: within(f, 1, 3) for k, f in unpack(signed.to_bytes()).items()})
    for level, table in adder.tables(["edge", "entry"]).items():
        wanted: dict[tuple[str, ...], Tally] = {}
        for of, minute, key, tally in total.items():
            if of == level and 1 <= minute <= 3:
                wanted.setdefault(key, Tally()).add(tally)
        sums = table.totals()
        found = {
            table.words[n]: Tally(
                int(sums.count[n]),
                int(sums.errors[n]),
                int(sums.attempts[n]),
                int(sums.sum_ns[n]),
                sums.histogram(n),
            )
            for n in range(len(table))
        }
        assert {k: v for k, v in found.items() if v} == {
            k: v for k, v in wanted.items() if v
        }


def test_percentiles_of_many_are_those_of_each() -> None:
    rng = random.Random(2)
    found = Contribution()
    for name in "abcdefgh":
        for _ in range(rng.randrange(1, 300)):
            found.at("edge", 1, (name,)).add(Tally(1, 0, 1, 1, {rng.randrange(288): 1}))
    table = tables_of(found, ["edge"])["edge"]
    sums = table.totals()
    for row in range(len(table)):
        for share in (0.5, 0.95, 0.99):
            middle, spread = sums.percentile(share)
            assert (int(middle[row]), int(spread[row])) == percentile(
                sums.histogram(row), share
            )


def test_ids_differ_where_names_look_alike() -> None:
    sides = [("a@b", "c"), ("a", "b@c"), ("a\\@b", "c"), ("a@b@c", ""), ("a", "")]
    assert len({node_id("version", *side) for side in sides}) == len(sides)
    names = [("(none)", False), ("", False), ("\\(none)", False)]
    assert len({namespace_id(name, virtual, "") for name, virtual in names}) == 3


def mesh(services: int, edges: int, namespaces: int = 0) -> Contribution:
    rng = random.Random(services)
    found = Contribution()
    names = [f"s{n:04}" for n in range(services)]
    for n, name in enumerate(names):
        space = f"ns{n % namespaces}" if namespaces else ""
        found.at("service", 1, (name, "", space)).add(Tally(2, 0, 0, 2, {5: 2}))
    for _ in range(edges):
        one, other = sorted(rng.sample(range(services), 2))
        key = (names[one], names[other], "", "", "", "service", "", "", "", "")
        found.at("edge", 1, key).add(Tally(1, 0, 1, 5, {5: 1}))
    return found


@pytest.mark.parametrize("namespaces", [0, 12])
def test_groups_keep_every_call_between_them(namespaces: int) -> None:
    graph = graph_of(mesh(300, 700, namespaces))
    found = grouping(graph, "auto")
    assert found.by == ("namespace" if namespaces else "community")
    closed = quotient(graph, found, (), True)
    assert closed.number_of_nodes() == len(set(found.of.values()))
    for graphs in (closed, quotient(graph, found, (found.of["s0007"],), True)):
        assert graphs.graph[a.EDGE_SUMS].count.sum() == 700
        assert graphs.graph[a.NODE_SUMS].count.sum() == 600
    opened = quotient(graph, found, (found.of["s0007"],), False)
    members = [n for n, group in found.of.items() if group == found.of["s0007"]]
    assert set(members) <= set(opened)
    positions, boxes = place_groups(
        shape_of(opened), {name: found.of[name] for name in members}
    )
    assert set(positions) == set(opened)
    assert len(set(positions.values())) == len(positions)
    x0, y0, x1, y1 = boxes[found.of["s0007"]]
    for name in members:
        assert x0 <= positions[name][0] <= x1
        assert y0 <= positions[name][1] <= y1


def test_small_graphs_are_not_grouped_and_communities_repeat() -> None:
    graph = graph_of(mesh(40, 60))
    assert grouping(graph, "auto").by == ""
    assert grouping(graph, "community").by == "community"
    shape = shape_of(graph)
    assert dict(communities(shape)) == dict(communities.__wrapped__(shape))


def test_callers_stand_left_of_callees_even_in_cycles() -> None:
    nodes = tuple("abcdez")
    edges = (("a", "b"), ("b", "c"), ("c", "d"), ("d", "b"), ("a", "e"))
    found = place((nodes, edges))
    for caller, callee in edges:
        if (caller, callee) != ("d", "b"):
            assert found[caller][0] < found[callee][0]
    assert len(set(found.values())) == len(nodes)


def test_known_nodes_keep_their_places_when_others_come_and_go() -> None:
    rng = random.Random(9)
    nodes = {f"n{i}" for i in range(30)}
    edges = {(f"n{i // 2}", f"n{i}") for i in range(1, 30)}
    before = place((tuple(sorted(nodes)), tuple(sorted(edges))), "view")
    for step in range(20):
        new = f"x{step}"
        nodes.add(new)
        edges.add((rng.choice(["n7", "n3"]), new))
        gone = {f"n{29 - step}"} if step < 4 else set()
        nodes -= gone
        edges = {(u, v) for u, v in edges if u in nodes and v in nodes}
        now = place((tuple(sorted(nodes)), tuple(sorted(edges))), "view")
        assert set(now) == nodes
        assert len(set(now.values())) == len(nodes)
        for name in nodes & set(before):
            assert now[name] == before[name]
        before = now


def test_a_focus_reaches_up_and_down_separately() -> None:
    found = Contribution()
    for one, other in ("ab", "bc", "cd", "de"):
        key = (one, other, "", "", "", "service", "", "", "", "")
        found.at("edge", 1, key).add(Tally(1, 0, 1, 5, {5: 1}))
    graph = graph_of(found)
    assert set(focus(graph, "c", 0, 1)) == {"c", "d"}
    assert set(focus(graph, "c", 2, 0)) == {"a", "b", "c"}


@pytest.mark.parametrize("level", LEVELS)
def test_options_read_back_as_they_were_written(level: str) -> None:
    options = GraphOptions(
        lookback="5m",
        at_us=1_700_000_000_000_000,
        level=level,
        find="errors > 5% and not service ~ pay*",
        focus="a b&c",
        up=3,
        down=0,
        open=("prod", "x y"),
        base="day",
        histograms=True,
    )
    again, problems, unknown = GraphOptions.read(parse_qs(options.to_query_string()))
    assert (again, problems, unknown) == (options, [], [])


def test_a_lump_of_circles_becomes_a_block_not_a_line() -> None:
    nodes = tuple(f"g{n:02}" for n in range(12))
    edges = tuple((one, other) for one in nodes for other in nodes if one != other)
    found = place((nodes, edges))
    assert len(set(found.values())) == 12
    assert len({x for x, _ in found.values()}) <= 4


def test_another_process_makes_the_same_picture() -> None:
    program = (
        "import random\n"
        "from dashboard.graph.layout import place\n"
        "rng = random.Random(3)\n"
        "edges = {tuple(sorted(rng.sample(range(50), 2))) for _ in range(90)}\n"
        "edges = tuple(sorted((f's{a:02}', f's{b:02}') for a, b in edges))\n"
        "nodes = tuple(f's{n:02}' for n in range(50))\n"
        "print(sorted(place((nodes, edges)).items()))\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1
