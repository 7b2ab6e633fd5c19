"""Calls between services: each counted once, by the rules and by a real mesh."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dashboard.adjusters.standard import adjust
from dashboard.graph.build import edges_of
from dashboard.graph.calls import Call, senders_of
from dashboard.graph.contribution import Contribution, contribution
from dashboard.graph.link import link
from dashboard.sources.detect import decode
from tests.factories import TRACE_ID, make_trace

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures/mesh"
EXPECTED = json.loads((FIXTURES / "expected.json").read_text())


def calls(*spans: dict[str, Any], seed: int | None = None) -> list[Call]:
    return link(adjust(make_trace(list(spans), shuffle=seed)))


def counted(found: list[Call]) -> dict[str, int]:
    return dict(Counter(f"{c.caller} > {c.callee}" for c in found))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_real_mesh_is_counted_as_its_access_logs_do(name: str) -> None:
    real = EXPECTED[name]["calls_in_reality"]
    found = [
        call
        for trace in decode((FIXTURES / name).read_bytes()).traces
        for call in link(adjust(trace))
    ]
    edges = [f"{c.caller} -> {c.callee}" for c in found]
    assert dict(Counter(edges)) == {k: v["calls"] for k, v in real.items()}
    attempts: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for edge, call in zip(edges, found, strict=True):
        attempts[edge] += call.attempts
        failed[edge] += call.error
    assert dict(attempts) == {k: v["attempts"] for k, v in real.items()}
    assert {k: v for k, v in failed.items() if v} == {
        k: v["failed"] for k, v in real.items() if v["failed"]
    }


def test_client_and_server_half_are_one_call() -> None:
    found = calls(
        {
            "id": "01",
            "service": "a",
            "kind": "client",
            "tags": {"peer.service": "other"},
        },
        {"id": "02", "parent": "01", "service": "b", "kind": "server"},
    )
    assert counted(found) == {"a > b": 1}


def test_a_local_span_under_a_database_call_does_not_hide_it() -> None:
    found = calls(
        {
            "id": "01",
            "service": "a",
            "kind": "client",
            "tags": {"db.system": "mysql", "db.name": "shop"},
        },
        {"id": "02", "parent": "01", "service": "a"},
    )
    assert counted(found) == {"a > shop": 1}
    assert found[0].virtual == "callee"
    assert found[0].node_kind == "database"


def test_a_peer_with_the_name_of_a_known_service_is_that_service() -> None:
    found = calls(
        {"id": "01", "service": "a", "kind": "client", "tags": {"peer.service": "B"}},
        {"id": "02", "service": "b", "start": 5},
    )
    assert (found[0].callee, found[0].virtual) == ("b", "")


def test_failed_servers_in_turn_are_attempts_of_one_call() -> None:
    spans = [
        {"id": "01", "service": "a", "kind": "client", "duration": 100},
        {
            "id": "02",
            "parent": "01",
            "service": "b",
            "kind": "server",
            "start": 1,
            "duration": 10,
            "tags": {"error": True},
        },
        {
            "id": "03",
            "parent": "01",
            "service": "b",
            "kind": "server",
            "start": 20,
            "duration": 10,
        },
    ]
    for seed in range(4):
        found = calls(*spans, seed=seed)
        assert counted(found) == {"a > b": 1}
        assert (found[0].attempts, found[0].error) == (2, False)


def test_servers_at_the_same_time_are_each_a_call() -> None:
    found = calls(
        {"id": "01", "service": "a", "kind": "client", "duration": 100},
        {
            "id": "02",
            "parent": "01",
            "service": "b",
            "kind": "server",
            "start": 1,
            "duration": 50,
        },
        {
            "id": "03",
            "parent": "01",
            "service": "b",
            "kind": "server",
            "start": 20,
            "duration": 50,
        },
    )
    assert counted(found) == {"a > b": 2}


def test_separate_clients_are_separate_calls_unless_they_resend() -> None:
    def attempt(number: int, tags: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": f"0{number}",
            "parent": "00",
            "service": "a",
            "kind": "client",
            "start": number * 10,
            "duration": 5,
            "tags": {"peer.service": "b", **tags},
        }

    root = {"id": "00", "service": "a", "kind": "server", "duration": 100}
    served = {
        "id": "0f",
        "parent": "03",
        "service": "b",
        "kind": "server",
        "start": 31,
        "duration": 3,
    }
    bad = {"error": True}
    plain = calls(root, attempt(1, bad), attempt(2, bad), attempt(3, {}), served)
    assert counted(plain) == {"a > b": 3}
    assert sum(c.error for c in plain) == 2
    resent = calls(
        root,
        attempt(1, bad),
        attempt(2, {**bad, "http.request.resend_count": 1}),
        attempt(3, {"http.request.resend_count": 2}),
        served,
    )
    assert counted(resent) == {"a > b": 1}
    assert (resent[0].attempts, resent[0].error) == (3, False)


def test_an_orphan_invents_no_call() -> None:
    assert not calls(
        {"id": "01", "service": "a"},
        {"id": "02", "parent": "99", "service": "b", "start": 1},
    )


def test_a_broker_stands_between_producer_and_consumer() -> None:
    found = calls(
        {
            "id": "01",
            "service": "a",
            "kind": "producer",
            "tags": {"messaging.destination.name": "orders"},
        },
        {"id": "02", "parent": "01", "service": "b", "kind": "consumer", "start": 5},
    )
    assert counted(found) == {"a > orders": 1, "orders > b": 1}
    assert all(c.asynchronous for c in found)


def test_without_a_broker_the_consumer_is_called_directly() -> None:
    found = calls(
        {"id": "01", "service": "a", "kind": "producer"},
        {"id": "02", "parent": "01", "service": "b", "kind": "consumer", "start": 5},
    )
    assert counted(found) == {"a > b": 1}
    assert found[0].asynchronous


def test_a_server_root_that_names_its_caller_has_an_edge() -> None:
    found = calls(
        {
            "id": "01",
            "service": "b",
            "kind": "server",
            "tags": {"remote.service": "app"},
        }
    )
    assert counted(found) == {"app > b": 1}
    assert found[0].virtual == "caller"


def test_an_in_process_child_is_no_self_call_but_a_loop_back_is() -> None:
    assert not calls(
        {"id": "01", "service": "a"}, {"id": "02", "parent": "01", "service": "a"}
    )
    found = calls(
        {"id": "01", "service": "a", "kind": "client"},
        {"id": "02", "parent": "01", "service": "a", "kind": "server"},
    )
    assert found[0].self_call


def test_contributions_add_and_subtract_exactly() -> None:
    one = adjust(
        make_trace(
            [
                {"id": "01", "service": "a"},
                {"id": "02", "parent": "01", "service": "b", "start": 1},
            ]
        )
    )
    part = contribution(one, link(one))
    total = Contribution().merge(part).merge(part).merge(part, -1)
    assert total == part
    assert Contribution.from_bytes(part.to_bytes()) == part
    assert not total.merge(part, -1)


def test_a_virtual_node_becomes_real_when_its_spans_come() -> None:
    call = adjust(
        make_trace(
            [
                {
                    "id": "01",
                    "service": "a",
                    "kind": "client",
                    "tags": {"peer.service": "b"},
                }
            ]
        )
    )
    served = adjust(
        make_trace([{"id": "01", "service": "b", "kind": "server"}], "ab" * 16)
    )
    total = contribution(call, link(call))
    assert edges_of(total) == [("a", "b", 1, 0, True)]
    total.merge(contribution(served, link(served)))
    assert edges_of(total) == [("a", "b", 1, 0, False)]


@pytest.mark.parametrize("tags", [{}, {"peer.service": "b"}])
def test_a_server_below_a_local_span_of_its_client_is_one_call(
    tags: dict[str, Any],
) -> None:
    found = calls(
        {"id": "01", "service": "a", "kind": "client", "tags": tags},
        {"id": "02", "parent": "01", "service": "a", "kind": "internal", "start": 1},
        {"id": "03", "parent": "02", "service": "b", "kind": "server", "start": 2},
    )
    assert counted(found) == {"a > b": 1}
    assert found[0].caller_row == 0
    assert not found[0].virtual


def test_clients_inside_a_client_that_names_nobody_are_calls() -> None:
    def inner(number: int, **tags: str) -> dict[str, Any]:
        return {
            "id": f"0{number}",
            "parent": "01",
            "service": "a",
            "kind": "client",
            "start": number * 100,
            "duration": 50,
            "tags": tags,
        }

    outer = {"id": "01", "service": "a", "kind": "client"}
    found = calls(
        outer,
        inner(2, **{"db.system": "postgresql", "db.name": "orders"}),
        inner(3, **{"server.address": "s3.example.com"}),
    )
    assert counted(found) == {"a > orders": 1, "a > s3.example.com": 1}
    host = {"server.address": "s3.example.com"}
    found = calls(outer, inner(2, error="true", **host), inner(3, **host))
    assert counted(found) == {"a > s3.example.com": 1}
    assert (found[0].attempts, found[0].error) == (2, False)


def linked(targets: list[tuple[str, str]], **more: Any) -> dict[str, Any]:
    return {
        "id": "0c",
        "service": "mail",
        "kind": "consumer",
        "references": [("FOLLOWS_FROM", trace, span) for trace, span in targets],
        **more,
    }


def test_a_batch_is_one_call_from_each_linked_producer() -> None:
    producers = [
        {"id": f"0{n}", "service": service, "kind": "producer"}
        for n, service in enumerate(("shop", "shop", "billing"))
    ]
    targets = [(TRACE_ID, f"0{n}") for n in range(3)]
    for seed in range(4):
        found = calls(*producers, linked(targets), seed=seed)
        assert counted(found) == {"shop > mail": 2, "billing > mail": 1}
        assert all(c.asynchronous and not c.virtual for c in found)
    # The same with a poll loop of its own above it: links only, no parent among them.
    poll = {"id": "0f", "service": "mail"}
    targets = [(TRACE_ID, "0f"), *targets]
    batch = linked(targets) | {
        "references": [
            ("CHILD_OF", TRACE_ID, "0f"),
            *[("FOLLOWS_FROM", *t) for t in targets[1:]],
        ]
    }
    found = calls(*producers, poll, batch)
    assert counted(found) == {"shop > mail": 2, "billing > mail": 1}


def test_a_link_to_a_producer_with_a_broker_is_the_brokers_delivery() -> None:
    send = {
        "id": "01",
        "service": "shop",
        "kind": "producer",
        "tags": {"messaging.destination": "orders"},
    }
    poll = {"id": "0f", "service": "mail"}
    batch = linked([]) | {
        "references": [("CHILD_OF", TRACE_ID, "0f"), ("FOLLOWS_FROM", TRACE_ID, "01")]
    }
    assert counted(calls(send, poll, batch)) == {
        "shop > orders": 1,
        "orders > mail": 1,
    }


def test_a_link_into_another_trace_of_the_same_file_makes_the_call() -> None:
    other = "ab" * 16
    send = {"id": "01", "service": "shop", "kind": "producer"}
    first = adjust(make_trace([send], trace_id="00" * 8 + other[:16]))
    second = adjust(make_trace([linked([(other[:16], "01"), (other[:16], "99")])]))
    found = link(second, senders_of([first, second]))
    assert counted(found) == {"shop > mail": 1}
    assert (found[0].caller_row, found[0].asynchronous) == (-1, True)
    assert link(second) == []


def test_a_broker_that_only_the_consumer_names_still_stands_between() -> None:
    found = calls(
        {"id": "1", "service": "a", "kind": "producer"},
        {
            "id": "2",
            "parent": "1",
            "service": "b",
            "kind": "consumer",
            "start": 2_000,
            "tags": {"messaging.destination.name": "q"},
        },
    )
    assert counted(found) == {"a > q": 1, "q > b": 1}
    assert {(c.node_kind, c.asynchronous) for c in found} == {("queue", True)}


@pytest.mark.parametrize(
    ("kind", "tags", "name", "node"),
    [
        ("client", {"db.system": "mysql"}, "mysql", "database"),
        ("client", {"db.system": "mysql", "server.address": "m1"}, "m1", "database"),
        ("client", {"db.system": "pg", "db.namespace": "shop"}, "shop", "database"),
        ("client", {"db.name": "shop", "net.peer.name": "m1"}, "shop", "database"),
        ("client", {"db.system": "redis", "db.namespace": "0"}, "redis", "database"),
        ("client", {"db.system": "pg", "peer.service": "main"}, "main", "database"),
        ("client", {"net.peer.ip": "10.0.0.7", "net.peer.port": 80}, "10.0.0.7:80", "external"),
        ("client", {"network.peer.address": "::1", "network.peer.port": 80}, "[::1]:80", "external"),
        ("client", {"server.address": "api.example", "server.port": 80}, "api.example", "external"),
        ("producer", {"messaging.destination": "q", "server.address": "k"}, "q", "queue"),
        ("producer", {"messaging.system": "kafka", "server.address": "k"}, "k", "queue"),
    ],
)  # fmt: skip
def test_a_peer_is_named_in_the_order_of_the_rules(
    kind: str, tags: dict[str, Any], name: str, node: str
) -> None:
    (call,) = calls({"id": "1", "service": "a", "kind": kind, "tags": tags})
    assert (call.callee, call.node_kind, call.virtual) == (name, node, "callee")


def test_a_resend_count_that_is_no_number_is_no_fault() -> None:
    tags = {"peer.service": "b", "http.request.resend_count": "²"}
    one = {"id": "1", "parent": "0", "kind": "client", "tags": tags}
    found = calls({"id": "0"}, one, one | {"id": "2"})
    assert [call.attempts for call in found] == [1, 1]


def waypoint(name: str, parent: str, host: str, start: int) -> dict[str, Any]:
    cluster = f"inbound-vip|9080|http|{host}.default.svc.cluster.local"
    return {
        "id": name,
        "parent": parent,
        "service": "waypoint.default",
        "kind": "server",
        "start": start,
        "duration": 900 - start,
        "tags": {"component": "proxy", "upstream_cluster": cluster},
    }


@pytest.mark.parametrize("seed", range(5))
def test_a_waypoints_spans_stand_for_the_services_behind_it(seed: int) -> None:
    gateway = {
        "id": "g",
        "service": "gateway.istio-system",
        "kind": "client",
        "tags": {
            "component": "proxy",
            "upstream_cluster": "outbound|9080||productpage.default.svc.cluster.local",
        },
    }
    spans = [
        gateway,
        waypoint("p", "g", "productpage", 10),
        waypoint("d", "p", "details", 20),
        waypoint("r", "p", "reviews", 40),
        waypoint("t", "r", "ratings", 60),
    ]
    trace = adjust(make_trace(spans, shuffle=seed))
    found = link(trace)
    assert counted(found) == {
        "gateway.istio-system > productpage.default": 1,
        "productpage.default > details.default": 1,
        "productpage.default > reviews.default": 1,
        "reviews.default > ratings.default": 1,
    }
    requests = {
        key[0]: tally.count
        for level, _, key, tally in contribution(trace, found).items()
        if level == "service"
    }
    assert requests == {
        f"{name}.default": 1
        for name in ("productpage", "details", "reviews", "ratings")
    }


def test_an_application_behind_a_sidecar_is_the_sidecars_service() -> None:
    def sidecar(service: str, kind: str, **more: Any) -> dict[str, Any]:
        tags = {"component": "proxy", "istio.canonical_service": service}
        return {"service": f"{service}.default", "kind": kind, "tags": tags, **more}

    found = calls(
        sidecar("productpage", "server", id="1"),
        {"id": "2", "parent": "1", "service": "productpage", "kind": "server"},
        {"id": "3", "parent": "2", "service": "productpage", "kind": "client"},
        sidecar("productpage", "client", id="4", parent="3"),
        sidecar("reviews", "server", id="5", parent="4"),
        {
            "id": "6",
            "parent": "5",
            "service": "reviews",
            "kind": "client",
            "tags": {"server.address": "productpage"},
        },
    )
    assert counted(found) == {
        "productpage.default > reviews.default": 1,
        "reviews.default > productpage.default": 1,
    }
    assert not any(call.virtual for call in found)
