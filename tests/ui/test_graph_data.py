"""The service graph's JSON, as the page and its neighbours ask for it."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import networkx as nx
import pytest
from django.test import Client

from dashboard.actions.ingest import ingest
from dashboard.actions.rollups import fold_rollups
from dashboard.actions.sources import ensure_source
from tests.factories import START_US, TRACE_ID, make_trace

pytestmark = pytest.mark.django_db(transaction=True)
NASTY = 'pay"];<script>alert(1)</script>\n@x\\'


def call(number: int, callee: str, error: bool = False, **rest: Any) -> Any:
    """A trace in which web asks a service, and that its database.

    ``late`` is added to each start in µs, ``slow`` multiplies the durations.
    """
    late, slow = rest.get("late", 0), rest.get("slow", 1)
    spans: list[dict[str, Any]] = [
        {"id": "01", "service": "web", "kind": "server", "duration": 900},
        {
            "id": "02",
            "parent": "01",
            "service": "web",
            "kind": "client",
            "start": 10,
            "duration": 500,
        },
        {
            "id": "03",
            "parent": "02",
            "service": callee,
            "operation": "ask",
            "kind": "server",
            "start": 20,
            "duration": 400,
            "tags": {"error": error},
            "process": {"service.version": rest.get("version", "v1")},
        },
        {
            "id": "04",
            "parent": "03",
            "service": callee,
            "operation": "SELECT",
            "kind": "client",
            "start": 30,
            "duration": 50,
            "tags": {"db.system": "mysql", "db.name": "stock"},
        },
    ]
    for span in spans:
        span["start"] = span.get("start", 0) + late
        span["duration"] *= slow
    return make_trace(spans, f"{number:032x}")


@pytest.fixture
def filled() -> None:
    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    traces = [call(n + 1, "shop", error=n < 3) for n in range(10)]
    traces += [call(n + 101, NASTY) for n in range(5)]
    ingest(source, traces, replace=True)


def get(client: Client, path: str, status: int = 200) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == status, answer.content[:300]
    found: dict[str, Any] = json.loads(answer.content)
    return found


def test_nodes_and_edges_have_ids_kinds_and_figures(
    client: Client, filled: None
) -> None:
    data = get(client, "/graph.json?histograms=1")
    nodes = {node["id"]: node for node in data["nodes"]}
    assert {name: node["kind"] for name, node in nodes.items()} == {
        "web": "service",
        "shop": "service",
        NASTY: "service",
        "stock": "database",
    }
    edges = {(edge["caller"], edge["callee"]): edge for edge in data["edges"]}
    edge = edges["web", "shop"]
    assert (edge["calls"], edge["errors"], edge["attempts"]) == (10, 3, 10)
    assert sum(count for _low, _high, count in edge["histogram"]) == 10
    assert abs(edge["p95_us"] - 500) <= edge["spread_us"] + 1
    assert data["counts"]["nodes"] == 4
    assert not data["sampling"]["known"]
    assert data["names"] == sorted([name, ""] for name in nodes)
    assert sum(data["band"]["requests"]) == 30


@pytest.mark.parametrize(
    "level", ["service", "namespace", "version", "operation", "instance"]
)
def test_every_level_counts_the_same_calls(
    client: Client, filled: None, level: str
) -> None:
    data = get(client, f"/graph.json?level={level}&self=1")
    assert sum(edge["calls"] for edge in data["edges"]) == 30
    assert sum(edge["errors"] for edge in data["edges"]) == 3
    assert client.get(f"/graph?level={level}&group=community").status_code == 200


def test_find_marks_and_hide_removes(client: Client, filled: None) -> None:
    data = get(client, "/graph.json?find=errors+>+5%25&hide=kind+%3D+database")
    assert {n["id"]: n["found"] for n in data["nodes"]} == {
        "web": False,
        "shop": True,
        NASTY: False,
    }
    assert [e["callee"] for e in data["edges"] if e["found"]] == ["shop"]
    counts = data["counts"]
    assert (counts["found_nodes"], counts["found_edges"]) == (1, 1)
    assert (counts["hidden_nodes"], counts["hidden_edges"]) == (1, 2)


def test_a_wrong_expression_is_refused_with_its_place_and_a_hint(
    client: Client, filled: None
) -> None:
    data = get(client, "/graph.json?find=calls+>+1+and+erors+>+5%25", 400)
    assert (data["parameter"], data["position"], data["hint"]) == ("find", 14, "errors")
    assert "Did you mean errors?" in data["error"]
    page = client.get("/graph?hide=kind=databse")
    assert page.status_code == 400
    assert "Did you mean database?" in page.content.decode()


def test_a_group_stands_for_its_members(client: Client, filled: None) -> None:
    data = get(client, "/graph.json?group=community&find=service+=+shop")
    assert data["grouped"] == "community"
    assert sum(node["members"] for node in data["nodes"]) == 4
    assert sum(node["found_members"] for node in data["nodes"]) == 1
    opened = get(client, "/graph.json?group=community&open=*")
    assert sorted(n["id"] for n in opened["nodes"]) == sorted(
        name for name, _ in data["names"]
    )
    assert all(group["open"] for group in opened["groups"])


@pytest.mark.parametrize(
    "query",
    [
        "at=x",
        "at=" + "9" * 40,
        "level=pod",
        "group=no",
        "base=never",
        "up=10",
        "hops=0",
        "find=%00(",
        "find=" + "x" * 2000,
        "start=99999999999999999",
    ],
)
def test_bad_values_are_refused_never_an_error_of_ours(
    client: Client, filled: None, query: str
) -> None:
    for path in ("/graph", "/graph.json"):
        assert client.get(f"{path}?{query}").status_code in (200, 400)


def test_a_moment_shows_its_minute_only(client: Client, filled: None) -> None:
    live = get(client, "/graph.json")
    first = live["band"]["first_minute"][0]
    at = first + next(i for i, n in enumerate(live["band"]["requests"]) if n)
    assert get(client, f"/graph.json?at={at * 60_000_000}")["edges"]
    earlier = get(client, f"/graph.json?at={(at - 5) * 60_000_000}")
    assert not earlier["edges"]
    assert not earlier["live"]


def test_questions_are_answered(client: Client, filled: None) -> None:
    data = get(client, "/graph/questions.json?without=web")
    assert data["without"]["unreachable"] == sorted(["shop", "stock", NASTY])
    assert data["single_points"][0]["node"] == "web"
    assert data["busiest_path"]["nodes"] == ["web", "shop", "stock"]
    assert not data["cycles"]
    assert get(client, "/graph/questions.json?without=nobody", 404)["error"]
    assert get(client, "/graph/questions.json?what=1", 400)["error"]
    assert get(client, "/graph/questions.json?at=60000000")["busiest_path"] is None


def test_an_edge_tells_its_figures_and_exactly_its_traces(
    client: Client, filled: None
) -> None:
    data = get(client, "/graph/edge.json?caller=web&callee=shop")
    assert (data["calls"], data["errors"], data["attempts"]) == (10, 3, 10)
    assert [(o["caller_operation"], o["operation"]) for o in data["operations"]] == [
        ("op-01", "ask")
    ]
    assert len(data["slowest"]) == 8
    assert [row["span_id"] for row in data["failed_traces"]] == ["02"] * 3
    assert data["traces"]["exact"]
    assert data["traces"]["count"] == 10
    found = client.get(data["traces"]["url"]).content.decode()
    assert "10 traces" in found
    bars = data["red"]["data"]
    assert sum(bars[0]["y"]) + sum(bars[1]["y"]) == 10
    assert sum(data["histogram"]["data"][0]["y"]) == 10
    cells = data["heatmap"]["data"][0]["z"]
    assert sum(value or 0 for row in cells for value in row) == 10


@pytest.mark.parametrize(
    "level", ["service", "namespace", "version", "operation", "instance"]
)
def test_every_node_and_edge_has_its_panel(
    client: Client, filled: None, level: str
) -> None:
    data = get(client, f"/graph.json?level={level}&self=1")
    for edge in data["edges"]:
        panel = get(client, f"/graph/edge.json?{edge['panel_query']}")
        assert (panel["calls"], panel["errors"]) == (edge["calls"], edge["errors"])
        assert panel["traces"]["count"]
        assert panel["slowest"]
    for node in data["nodes"]:
        panel = get(client, f"/graph/node.json?level={level}&id={quote(node['id'])}")
        assert (panel["calls"], panel["errors"]) == (node["calls"], node["errors"])
        assert panel["traces"]["count"]


def test_a_closed_group_has_panels_too(client: Client, filled: None) -> None:
    data = get(client, "/graph.json?group=community")
    for node in data["nodes"]:
        query = f"group=community&id={quote(node['id'])}"
        assert get(client, f"/graph/node.json?{query}")["calls"] == node["calls"]
    for edge in data["edges"]:
        query = f"group=community&{edge['panel_query']}"
        assert get(client, f"/graph/edge.json?{query}")["calls"] == edge["calls"]


def test_what_is_not_there_has_no_panel(client: Client, filled: None) -> None:
    assert (
        "no edge" in get(client, "/graph/edge.json?caller=web&callee=x", 404)["error"]
    )
    assert "no node" in get(client, "/graph/node.json?id=group:x", 404)["error"]
    assert get(client, "/graph/node.json", 404)["status"] == 404


def test_exports_hold_every_node_and_edge(client: Client, filled: None) -> None:
    graph = nx.read_graphml(io.BytesIO(client.get("/graph.graphml").content))
    assert set(graph.nodes) == {"web", "shop", "stock", NASTY}
    assert graph.edges["web", "shop"]["calls"] == 10
    dot = client.get("/graph.dot?hide=kind+=+database")
    assert dot["Content-Type"].startswith("text/vnd.graphviz")
    assert dot.content.decode().count("->") - NASTY.count("->") == 2
    assert client.get("/graph.mmd?level=operation").content.startswith(b"flowchart LR")
    assert client.get("/graph.dot?what=1").status_code == 400


def test_the_band_holds_all_requests_folded_or_not(
    client: Client, filled: None
) -> None:
    before = get(client, "/graph/band.json")
    assert sum(before["requests"]) == 30
    assert sum(before["failed"]) == 3
    fold_rollups()
    assert get(client, "/graph/band.json") == before
    one = f"start={before['first_us']}&end={before['first_us'] + 60_000_000}"
    assert (
        sum(get(client, f"/graph/band.json?{one}")["requests"]) == before["requests"][0]
    )
    assert get(client, "/graph/band.json?source=nobody")["requests"] == []


PAST_US = 300_000_000  # five minutes: a window that is over
BACK_US = PAST_US + 600_000_000


def fixed(back_us: int = PAST_US) -> str:
    """A window of two minutes around the traces, or so long before."""
    first = (START_US - back_us) // 60_000_000 * 60_000_000
    return f"start={first}&end={first + 120_000_000}"


def test_a_diff_tells_what_failed_more_with_its_traces(client: Client) -> None:
    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    traces = [call(n, "shop", late=-BACK_US, error=n == 1) for n in range(1, 61)]
    traces += [
        call(n, "shop", late=-PAST_US, error=n % 2 == 0) for n in range(101, 161)
    ]
    traces += [call(n, "cart", late=-BACK_US) for n in range(201, 231)]
    ingest(source, traces, replace=True)
    base = fixed(BACK_US).replace("start", "base_start").replace("end", "base_end")
    data = get(client, f"/graph/diff.json?{fixed()}&{base}")
    first = data["changes"][0]
    assert (first["change"], first["caller"], first["callee"]) == (
        "more_errors",
        "web",
        "shop",
    )
    assert first["significant"]
    assert data["sentence"].startswith("web → shop fails more: 2")
    assert len(first["examples"]) == 3
    assert all(row["failed"] for row in first["examples"])
    assert len(first["examples_before"]) == 1
    states = {(e["caller"], e["callee"]): e["state"] for e in data["edges"]}
    assert states == {
        ("web", "shop"): "changed",
        ("web", "cart"): "gone",
        ("shop", "stock"): "same",
        ("cart", "stock"): "gone",
    }
    for change in data["changes"]:
        kind = "edge" if change["what"] == "edge" else "node"
        for side in ("panel_query", "base_panel_query"):
            answer = client.get(f"/graph/{kind}.json?{change[side]}")
            assert answer.status_code in (200, 404)
    assert client.get(f"/graph?{fixed()}&{base}").status_code == 200


def test_a_diff_of_two_versions_and_of_two_sources(client: Client) -> None:
    jaeger = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    other = ensure_source("jaeger", "http://other:16686", "Other")
    old = [call(n, "shop", late=-PAST_US) for n in range(1, 41)]
    new = [
        call(n, "shop", late=-PAST_US, version="v2", slow=8) for n in range(101, 141)
    ]
    ingest(jaeger, old + new, replace=True)
    failing = [call(n, "shop", late=-PAST_US, error=True) for n in range(201, 241)]
    ingest(other, failing, replace=True)
    query = f"{fixed()}&service=shop&base_version=v1&version=v2&source=Jaeger"
    data = get(client, f"/graph/diff.json?{query}")
    told = {c["change"] for c in data["changes"] if c["significant"]}
    assert told == {"slower"}
    assert data["changes"][0]["examples"]
    data = get(client, f"/graph/diff.json?{fixed()}&source=Other&base_source=Jaeger")
    assert data["changes"][0]["change"] == "more_errors"
    assert data["base"]["source"] == "Jaeger"


def test_a_diff_needs_two_sides(client: Client, filled: None) -> None:
    assert "what to compare" in get(client, "/graph/diff.json", 400)["error"]
    data = get(client, "/graph/diff.json?base=week")
    assert data["sentence"] == "The side to compare with has no calls."
    data = get(client, "/graph/diff.json?at=60000000&base=previous")
    assert data["sentence"] == "Neither side has any calls."


@pytest.mark.parametrize(
    ("level", "edges"),
    [
        ("service", {("web", "shop"): 1, ("shop", "stock"): 1}),
        (
            "operation",
            {
                ("web::op-01", "shop::ask"): 1,
                ("shop::ask", "stock::SELECT"): 1,
            },
        ),
        ("version", {("web", "shop@v1"): 1, ("shop", "stock"): 1}),
        ("namespace", {("(none)", "(database)"): 1}),
    ],
)
def test_one_trace_is_drawn_over_the_graph(
    client: Client, filled: None, level: str, edges: dict[tuple[str, str], int]
) -> None:
    trace = f"{1:032x}"
    data = get(client, f"/graph.json?level={level}&trace={trace}")["overlay"]
    assert data["found"]
    assert {(e["caller"], e["callee"]): e["calls"] for e in data["edges"]} == edges
    assert data["missing"] == []
    assert data == get(client, f"/graph/overlay.json?level={level}&trace={trace}")
    before = get(client, f"/graph/overlay.json?at=60000000&level={level}&trace={trace}")
    assert before["edges"] == []
    assert sum(edge["calls"] for edge in before["missing"]) == len(edges)


def test_what_a_trace_does_not_tell_is_not_guessed(client: Client) -> None:
    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    spans = [
        {"id": "02", "parent": "01", "service": "shop", "kind": "server"},
        {"id": "03", "parent": "02", "service": "shop", "kind": "client"},
    ]
    ingest(source, [make_trace(spans)], replace=True)
    data = get(client, f"/graph/overlay.json?trace={TRACE_ID}")
    assert data["edges"] == []
    assert {a["what"]: a["calls"] for a in data["ambiguous"]} == {
        "caller-missing": 1,
        "callee-unknown": 1,
    }
    assert not get(client, "/graph/overlay.json?trace=zz")["found"]
    assert not get(client, f"/graph.json?trace={'9' * 32}")["overlay"]["found"]


@pytest.mark.parametrize(
    ("span", "chosen"),
    [
        ("01", {"node": "web"}),
        ("02", {"caller": "web", "callee": "shop"}),
        ("03", {"caller": "web", "callee": "shop"}),
        ("04", {"caller": "shop", "callee": "stock"}),
    ],
)
def test_a_span_leads_to_its_edge(
    client: Client, filled: None, span: str, chosen: dict[str, str]
) -> None:
    answer = client.get(f"/graph/span?trace={1:x}&span={span}")
    assert answer.status_code == 302
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert {name: query[name][0] for name in chosen} == chosen
    shown = get(client, "/graph.json?" + urlsplit(answer["Location"]).query)
    assert shown["overlay"]["found"]
    assert ("web", "shop") in {(e["caller"], e["callee"]) for e in shown["edges"]}
    for wrong in ("trace=1&span=99", "trace=zz&span=01", "trace=%00&span=%00", ""):
        assert client.get(f"/graph/span?{wrong}").status_code == 404


def test_all_paths_through_a_service(client: Client, filled: None) -> None:
    data = get(client, "/graph/paths.json?service=shop")
    (path,) = data["paths"]
    assert [step["service"] for step in path["nodes"]] == ["web", "shop", "stock"]
    assert (path["calls"], path["errors"], path["traces"]) == (10, 0, 10)
    data = get(client, "/graph/paths.json?service=web&by=operation")
    assert {(p["nodes"][1]["service"], p["calls"]) for p in data["paths"]} == {
        ("shop", 10),
        (NASTY, 5),
    }
    assert {(e["caller"], e["calls"]) for e in data["edges"]} >= {("web::op-01", 10)}
    assert get(client, "/graph/paths.json?service=shop&operation=no")["paths"] == []
    assert get(client, "/graph/paths.json", 400)["error"].startswith("Name the service")
    assert get(client, "/graph/paths.json?service=shop&by=x", 400)
