"""The doctor on other faults than lost context, on SDKs and in ambient meshes."""

from __future__ import annotations

import random
from typing import Any

import pytest

from dashboard.adjusters.standard import adjust
from dashboard.doctor.findings import (
    CANNOT_JUDGE,
    CERTAIN,
    CLOCK_SKEW,
    CONTEXT_LEAKED,
    CONTEXT_LOST,
    LOST_SPANS,
    MISSING_HOP,
    MIXED_FORMATS,
    PROBABLE,
    REQUEST_ID_LOST,
    SAMPLING_LOST,
    SUSPECT,
)
from dashboard.doctor.judge import accusations, judge
from tests.peers.shop import Shop, found_in, told


def test_a_lost_request_id_is_told_while_the_trace_is_whole() -> None:
    shop = Shop()
    shop.add(
        [
            shop.span("f1", "", "front", "in", 0, 100, guid="one"),
            shop.span("f2", "f1", "front", "out", 10, 50, "back", "two"),
            shop.span("b1", "f2", "back", "in", 12, 40, guid="two"),
        ]
    )
    assert told(found_in(shop.traces)) == {
        (REQUEST_ID_LOST, "front.default", "v1", CERTAIN)
    }


def test_calls_without_their_request_tell_of_a_lost_sampling_decision() -> None:
    shop = Shop()
    for at in range(0, 6_000, 1_000):
        shop.add([shop.span("f1", "", "front", "in", at, 100)])
        shop.add(
            [
                shop.span("f2", "gone", "front", "out", at + 510, 50, "back"),
                shop.span("b1", "f2", "back", "in", at + 512, 40),
            ]
        )
    assert told(found_in(shop.traces)) == {
        (SAMPLING_LOST, "front.default", "v1", CERTAIN)
    }


def test_spans_lost_everywhere_accuse_nobody_of_sampling() -> None:
    shop = Shop()
    for at in range(0, 6_000, 1_000):
        shop.add(
            [
                shop.span("f2", "gone", "front", "out", at, 50, "back"),
                shop.span("b1", "f2", "back", "in", at + 2, 40),
            ]
        )
        shop.add([shop.span("b1", "lost", "back", "in", at + 500, 40)])
    rules = {f.rule for f in found_in(shop.traces)}
    assert rules == {LOST_SPANS}


def test_a_context_of_another_request_is_a_leak_and_work_after_the_end_is_none() -> (
    None
):
    shop, late = Shop(), Shop()
    for at in range(0, 16_000, 2_000):
        shop.add(
            [
                shop.span("f1", "", "front", "in", at, 100),
                shop.span("f2", "f1", "front", "out", at + 10, 50, "back"),
                shop.span("b1", "f2", "back", "in", at + 12, 40),
                shop.span("f9", "f1", "front", "out", at + 510, 50, "back"),
            ]
        )
        shop.add([shop.span("f1", "", "front", "in", at + 500, 100, guid="other")])
        late.add(
            [
                late.span("f1", "", "front", "in", at, 100),
                late.span("f2", "f1", "front", "out", at + 500, 50, "back"),
                late.span("b1", "f2", "back", "in", at + 512, 30),
            ]
        )
    assert told(found_in(shop.traces)) == {
        (CONTEXT_LEAKED, "front.default", "v1", CERTAIN)
    }
    assert found_in(late.traces) == []


def one_after_another(leaks: bool) -> Shop:
    """Requests with pauses; each call hangs below the request before.

    Either it belongs to the next one, or it goes on with the one that ended.
    """
    choice, shop, at = random.Random(5), Shop(), 0
    for _ in range(40):
        pause, begins = choice.randint(2, 40), choice.randint(8, 12)
        after = pause + begins if leaks else begins + 30
        shop.add(
            [
                shop.span("f1", "", "front", "in", at, 100),
                shop.span("f2", "f1", "front", "out", at + 100 + after, 40, "back"),
                shop.span("b1", "f2", "back", "in", at + 101 + after, 38),
            ]
        )
        at += 100 + pause
    shop.add([shop.span("f1", "", "front", "in", at, 100)])
    return shop


def test_a_leak_keeps_to_the_request_that_runs_and_late_work_to_its_own() -> None:
    assert told(found_in(one_after_another(leaks=True).traces)) == {
        (CONTEXT_LEAKED, "front.default", "v1", PROBABLE)
    }
    assert found_in(one_after_another(leaks=False).traces) == []


def test_a_service_without_spans_is_named_before_and_between_others() -> None:
    silent, between = Shop(), Shop()
    for at in range(0, 5_000, 1_000):
        for shop in (silent, between):
            shop.request(at)
        silent.add(
            [
                silent.span("f1", "", "front", "in", at + 400, 100),
                silent.span("f2", "f1", "front", "out", at + 410, 50, "mute"),
            ]
        )
        between.add(
            [
                between.span("f1", "", "front", "in", at + 400, 100),
                between.span("f2", "f1", "front", "out", at + 410, 50, "mute"),
                between.span("b1", "f2", "back", "in", at + 412, 30),
            ]
        )
    assert told(found_in(silent.traces)) == {(MISSING_HOP, "mute", "", PROBABLE)}
    assert told(found_in(between.traces)) == {(MISSING_HOP, "mute", "", CERTAIN)}


def test_two_families_of_headers_in_one_mesh_are_told() -> None:
    b3, w3c = Shop(), Shop("envoy")
    for at in range(0, 5_000, 1_000):
        b3.request(at)
    call = w3c.span("f2", "f1", "front", "out", 9_010, 50, "new")
    callee = w3c.span("n1", "f2", "new", "in", 9_012, 40)
    b3.add(
        [
            b3.span("f1", "", "front", "in", 9_000, 100),
            {**call, "process": {}},
            callee,
        ]
    )
    found = found_in(b3.traces)
    assert told(found) == {(MIXED_FORMATS, "new.default", "v1", CERTAIN)}
    assert found[0].dialect == "b3"


def test_one_wrong_clock_is_told_and_a_starved_proxy_is_not() -> None:
    wrong, starved = Shop(), Shop()
    for number, at in enumerate(range(0, 20_000, 1_000)):
        for shop, off in ((wrong, 30), (starved, 30 if number == 3 else 0)):
            shop.add(
                [
                    shop.span("f1", "", "front", "in", at, 20),
                    shop.span("f2", "f1", "front", "out", at + 1, 9, "back"),
                    shop.span("b1", "f2", "back", "in", at + 2 + off, 6),
                ]
            )
    [found] = found_in(wrong.traces)
    assert told([found]) == {(CLOCK_SKEW, "back.default", "v1", PROBABLE)}
    assert found.variant == "ahead"
    assert 20_000_000 < found.values["offset_ns"] < 32_000_000
    assert found_in(starved.traces) == []


def test_sdk_spans_behind_sidecars_are_looked_through() -> None:
    shop = Shop()
    shop.add(
        [
            shop.span("f1", "", "front", "in", 0, 100),
            {"id": "a1", "parent": "f1", "service": "front", "kind": "server"},
            {"id": "a2", "parent": "a1", "service": "front", "kind": "client"},
            shop.span("f2", "a2", "front", "out", 10, 50, "back"),
            shop.span("b1", "f2", "back", "in", 12, 40),
        ]
    )
    verdict = judge([adjust(trace) for trace in shop.traces])
    assert verdict.hops == 3
    assert accusations(verdict) == []
    assert verdict.well == [("front.default", "v1")]


def test_an_sdk_that_keeps_its_context_to_itself_is_named_by_its_sidecar() -> None:
    shop = Shop("envoy")
    for at in (0, 1_000):
        shop.add(
            [
                shop.span("f1", "", "front", "in", at, 100, guid=f"g{at}"),
                {"id": "a1", "parent": "f1", "service": "front", "kind": "server"},
                {"id": "a2", "parent": "a1", "service": "front", "kind": "client"},
            ]
        )
        shop.add(
            [
                shop.span("f2", "", "front", "out", at + 10, 50, "back", f"g{at}"),
                shop.span("b1", "f2", "back", "in", at + 12, 40, guid=f"g{at}"),
            ]
        )
    [found] = found_in(shop.traces)
    assert told([found]) == {(CONTEXT_LOST, "front.default", "v1", CERTAIN)}
    assert (found.variant, found.dialect) == ("request-id-only", "w3c")


def waypoint(id: str, parent: str, host: str, at: int, took: int, guid: str) -> Any:
    """A span as a waypoint makes it, on the callee's side: all are servers."""
    cluster = f"inbound-vip|9080|http|{host}.default.svc.cluster.local"
    made = Shop("envoy").span(id, parent, "waypoint", "in", at, took, guid=guid)
    made["tags"] |= {
        "upstream_cluster": cluster,
        "node_id": "waypoint~10.0.0.9~waypoint-1.default~default.svc",
    }
    return made


@pytest.mark.parametrize("forwards", [True, False])
def test_ambient_waypoints_name_no_caller_so_nobody_is_accused(forwards: bool) -> None:
    shop = Shop()
    for at in range(0, 20_000, 700):
        page = waypoint("p1", "", "productpage", at, 100, f"g{at}")
        reviews = waypoint("r1", "p1", "reviews", at + 10, 60, f"g{at}")
        ratings = waypoint("s1", "r1", "ratings", at + 20, 30, f"g{at}")
        if forwards:
            shop.add([page, reviews, ratings])
        else:
            shop.add([page, reviews])
            shop.add([{**ratings, "parent": ""}])
    verdict = judge([adjust(trace) for trace in shop.traces])
    assert [f for f in accusations(verdict) if f.certainty != SUSPECT] == []
    assert verdict.well == []
    assert {f.service for f in verdict.findings if f.rule == CANNOT_JUDGE} == {
        "productpage.default",
        "reviews.default",
        "ratings.default",
    }
