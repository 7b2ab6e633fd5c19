"""Switches of the mesh, its routes and its access logs, without any Envoy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dashboard.mesh import BadState, Mesh, State
from dashboard.mesh.access_log import calls, log_path, read_access_logs
from dashboard.mesh.forwarding import MODES, hand_on
from dashboard.mesh.pods import BY_KEY, GATEWAY
from dashboard.mesh.resources import resources

HEADERS = {
    "x-request-id": "r",
    "x-b3-traceid": "t",
    "x-b3-spanid": "s",
    "x-b3-parentspanid": "p",
    "x-b3-sampled": "1",
    "traceparent": "00-t-s-01",
    "end-user": "jason",
    "cookie": "secret",
}


@pytest.mark.parametrize("mode", MODES)
def test_no_mode_hands_on_what_is_not_about_tracing(mode: str) -> None:
    assert "cookie" not in hand_on(mode, HEADERS)
    assert hand_on(mode, HEADERS)["end-user"] == "jason"


def test_modes_leave_out_what_they_say() -> None:
    def left_out(mode: str) -> set[str]:
        return set(HEADERS) - set(hand_on(mode, HEADERS)) - {"cookie"}

    assert left_out("all") == set()
    assert left_out("no-request-id") == {"x-request-id"}
    assert left_out("no-sampled") == {"x-b3-sampled"}
    assert left_out("old-list") == {"traceparent"}
    assert set(hand_on("none", HEADERS)) == {"end-user"}
    assert set(hand_on("request-id", HEADERS)) == {"end-user", "x-request-id"}
    assert "x-b3-spanid" in left_out("no-span-id")
    assert "x-b3-traceid" not in left_out("no-span-id")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"speed": 1}, "no switch “speed”"),
        ({"rate": -1}, "rate must be a number"),
        ({"rate": "fast"}, "rate must be a number"),
        ({"rate": float("nan")}, "rate must be a number"),
        ({"sampling": True}, "sampling must be a number"),
        ({"forwarding": {"reviews:v9": "none"}}, "no pod “reviews:v9”"),
        ({"forwarding": {"reviews": "some"}}, "Forwarding is one of"),
        ({"forwarding": {"reviews": ["all"]}}, "Forwarding is one of"),
        ({"forwarding": "none"}, "must be a table"),
        ({"abort": {"ratings": 99}}, "HTTP status from 200"),
        ({"abort": {"mysql": 500}}, "no service “mysql”"),
        ({"dead": "ratings"}, "must be a list"),
        ({"dead": ["nobody"]}, "no pod “nobody”"),
        ({"no_endpoints": ["reviews:v1"]}, "no service “reviews:v1”"),
        ({"weights": {"v1": 0}}, "at least one version"),
        ({"weights": {"v7": 1}}, "no version “v7”"),
        ({"slow_ms": {"reviews": 10**9}}, "slow_ms must be a number"),
        ({"cron": {"reviews": -1}}, "cron must be a number"),
    ],
)
def test_a_bad_switch_is_refused_with_a_sentence(
    change: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadState, match=said):
        State().changed(change)


def test_switches_by_service_mean_all_its_pods_and_nothing_means_off() -> None:
    state = State().changed({"slow_ms": {"reviews": 5}, "dead": ["ratings"]})
    assert state.slow_ms == {"reviews:v1": 5, "reviews:v2": 5, "reviews:v3": 5}
    assert state.dead == ["ratings:v1"]
    again = state.changed(
        {"slow_ms": {"reviews:v1": 0}, "forwarding": {"details": "all"}}
    )
    assert again.slow_ms == {}
    assert again.forwarding == {}
    assert again.dead == ["ratings:v1"]


@pytest.mark.parametrize(
    "options",
    [
        {"tracer": "skywalking"},
        {"tracers": {"ratings": "none"}},
        {"base": "10.0.0"},
        {"base": "127.0.20.1"},
        {"to": "localhost:9411"},
        {"sampling": 200},
    ],
)
def test_a_mesh_that_can_not_be_is_refused_before_it_starts(
    options: Mapping[str, Any],
) -> None:
    with pytest.raises(BadState):
        Mesh(**options)


def test_routes_follow_the_switches() -> None:
    state = State().changed(
        {
            "weights": {"v3": 7},
            "delay_ms": {"reviews": 1500},
            "timeout_ms": {"details": 250},
            "retries": 0,
            "no_endpoints": ["details"],
            "untraced": ["reviews:v3"],
        }
    )
    found = resources(BY_KEY["productpage:v1"], "127.0.30", state)
    hosts = {
        host["name"].partition(".")[0]: host["routes"][0]
        for host in found["routes-productpage-v1.json"]["virtual_hosts"]
    }
    weights = hosts["reviews"]["route"]["weighted_clusters"]["clusters"]
    assert [cluster["weight"] for cluster in weights] == [0, 0, 7]
    fault = hosts["reviews"]["typed_per_filter_config"]["envoy.filters.http.fault"]
    assert fault["delay"]["fixed_delay"] == "1.5s"
    assert hosts["details"]["route"]["timeout"] == "0.25s"
    assert "retry_policy" not in hosts["details"]["route"]
    assert found["endpoints-productpage-v1-details.json"]["endpoints"] == []
    (group,) = found["endpoints-productpage-v1-reviews-v3.json"]["endpoints"]
    where = group["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    assert where == {"address": "127.0.30.15", "port_value": 9080}


def test_access_logs_are_read_as_calls(tmp_path: Path) -> None:
    line: dict[str, Any] = {
        "start": "1700000000.000002",
        "status": 200,
        "cluster": "outbound|9080|v2|reviews.default.svc.cluster.local",
        "upstream": "127.0.20.14:15006",
        "authority": "reviews:9080",
    }
    lines = [
        line,
        {**line, "status": 503, "flags": "URX", "attempts": 3},
        {**line, "status": 404, "cluster": None, "upstream": None, "flags": "NR"},
        {**line, "status": 0, "upstream": None, "flags": "DC"},
    ]
    text = "".join(json.dumps(entry) + "\n" for entry in lines)
    path = log_path(tmp_path, BY_KEY["productpage:v1"], "outbound")
    path.write_text(text + '{"half of a li')
    inbound = log_path(tmp_path, GATEWAY, "inbound")
    inbound.write_text(json.dumps(line) + "\n")
    logged = read_access_logs(tmp_path, "127.0.20")
    assert len(logged) == 5
    mine = [entry for entry in logged if entry.direction == "outbound"]
    assert [entry.callee_version for entry in mine] == ["v2", "v2", "", ""]
    assert mine[0].start_us == 1_700_000_000_000_002
    counted, failed = calls(logged)
    assert counted == {
        ("productpage.default", "reviews.default"): 3,
        ("productpage.default", "reviews"): 1,
    }
    assert failed == {("productpage.default", "reviews.default"): 2}
