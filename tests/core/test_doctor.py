"""The doctor on recorded meshes and on made ones, whatever the order of the input."""

from __future__ import annotations

import json
import random
from pathlib import Path
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
    Finding,
)
from dashboard.doctor.judge import accusations, judge
from dashboard.doctor.workloads import tail
from dashboard.sources.detect import decode
from dashboard.traces.trace import Trace
from tests.factories import make_trace

FIXTURES = Path(__file__).parent.parent / "fixtures/mesh"
EXPECTED = json.loads((FIXTURES / "expected.json").read_text("utf-8"))


def found_in(traces: list[Trace]) -> list[Finding]:
    return accusations(judge([adjust(trace) for trace in traces]))


def told(findings: list[Finding]) -> set[tuple[str, str, str, str]]:
    return {(f.rule, f.service, f.version, f.certainty) for f in findings}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_recorded_meshes_are_judged_as_they_were(name: str) -> None:
    traces = decode((FIXTURES / name).read_bytes()).traces
    found = found_in(traces)
    lost = {f"{f.service} {f.version}": f for f in found if f.rule == CONTEXT_LOST}
    wanted = EXPECTED[name]["propagation"]
    assert set(lost) == set(wanted)
    for who, what in wanted.items():
        known = what == "x-request-id only"
        assert lost[who].variant == ("request-id-only" if known else "nothing")
        assert lost[who].certainty == (CERTAIN if known else SUSPECT)  # two calls each
        assert lost[who].pairs
    assert {f.rule for f in found} <= {CONTEXT_LOST}
    random.Random(7).shuffle(traces)
    assert told(found_in(traces)) == told(found)


class Shop:
    """Made traces of a gateway, a front and a back, as sidecars report them."""

    def __init__(self, sdk: str = ""):
        self.traces: list[Trace] = []
        self.now = 0
        self.sdk = sdk

    def span(
        self,
        id: str,
        parent: str,
        service: str,
        way: str,
        start: int,
        duration: int,
        target: str = "",
        guid: str = "g",
        **tags: Any,
    ) -> dict[str, Any]:
        cluster = "inbound|9080||"
        if way == "out":
            cluster = f"outbound|9080||{target}.default.svc.cluster.local"
        process = {"telemetry.sdk.name": self.sdk} if self.sdk else {}
        return {
            "id": id,
            "parent": parent,
            "service": f"{service}.default",
            "operation": f"{target or service}.default.svc.cluster.local:9080/*",
            "kind": "server" if way == "in" else "client",
            "start": start * 1_000,  # the shop counts in ms
            "duration": duration * 1_000,
            "process": process,
            "tags": {
                "component": "proxy",
                "node_id": f"sidecar~10.0.0.1~{service}-1.default~default.svc",
                "guid:x-request-id": guid,
                "upstream_cluster": cluster,
                "http.status_code": "200",
                "istio.canonical_service": service,
                "istio.canonical_revision": "v1",
                **tags,
            },
        }

    def add(self, spans: list[dict[str, Any]]) -> None:
        number = len(self.traces) + 1
        self.traces.append(make_trace(spans, trace_id=f"{number:032x}", shuffle=number))

    def request(self, at: int, call_at: int = 10, took: int = 50) -> None:
        """A whole request: front serves, and calls back."""
        self.add(
            [
                self.span("f1", "", "front", "in", at, 100),
                self.span("f2", "f1", "front", "out", at + call_at, took, "back"),
                self.span("b1", "f2", "back", "in", at + call_at + 2, took - 4),
            ]
        )

    def broken(self, at: int, guid: str, call_guid: str) -> None:
        """The same in two pieces."""
        self.add([self.span("f1", "", "front", "in", at, 100, guid=guid)])
        self.add(
            [
                self.span("f2", "", "front", "out", at + 10, 50, "back", call_guid),
                self.span("b1", "f2", "back", "in", at + 12, 40, guid=call_guid),
            ]
        )


def test_a_whole_shop_accuses_nobody_and_says_who_is_well() -> None:
    shop = Shop()
    for at in range(0, 20_000, 1_000):
        shop.request(at)
    verdict = judge([adjust(trace) for trace in shop.traces])
    assert accusations(verdict) == []
    assert ("front.default", "v1") in verdict.well
    silent = [f for f in verdict.findings if f.rule == CANNOT_JUDGE]
    assert [(f.service, f.variant) for f in silent] == [
        ("back.default", "calls-nobody")
    ]


def test_years_and_many_pods_are_judged_as_well() -> None:
    choice, shop, at = random.Random(3), Shop(), 0
    year_ms = 365 * 86_400_000
    for number in range(120):
        at += 20 * year_ms if number == 60 else choice.randint(500, 4_000)
        shop.broken(at, f"in-{number}", f"out-{number}")
    for number, trace in enumerate(shop.traces):
        pod = f"front-{number // 2 % 40}"
        trace.fact_values = [v.replace("front-1", pod) for v in trace.fact_values]
    assert told(found_in(shop.traces)) == {
        (CONTEXT_LOST, "front.default", "v1", PROBABLE)
    }


def test_who_only_runs_jobs_is_not_called_well() -> None:
    shop = Shop()
    shop.request(0)
    for at in range(1_000, 6_000, 1_000):
        shop.add([shop.span("b1", "", "back", "in", at, 100, guid=f"r{at}")])
        job = shop.span("j1", "", "back", "out", at + 500, 20, "front", f"j{at}")
        shop.add([job, shop.span("f1", "j1", "front", "in", at + 501, 18)])
    verdict = judge([adjust(trace) for trace in shop.traces])
    assert accusations(verdict) == []
    assert verdict.well == [("front.default", "v1")]
    silent = [(f.service, f.variant) for f in verdict.findings]
    assert silent == [("back.default", "only-jobs")]


def test_a_forwarded_request_id_makes_it_certain_from_the_first_call_on() -> None:
    shop = Shop()
    shop.broken(0, "same", "same")
    [found] = found_in(shop.traces)
    assert told([found]) == {(CONTEXT_LOST, "front.default", "v1", CERTAIN)}
    assert (found.variant, found.count, found.total) == ("request-id-only", 1, 1)
    assert found.pairs == [(f"{1:032x}", f"{2:032x}")]
    assert found.targets == ["back"]


def test_an_id_that_comes_back_later_joins_nothing() -> None:
    shop = Shop()
    shop.request(0)
    shop.add([shop.span("f1", "", "front", "in", 0, 100, guid="kept")])
    shop.add([shop.span("f2", "", "front", "out", 90_000, 50, "back", "kept")])
    assert found_in(shop.traces) == []


def test_calls_inside_rare_requests_are_probable() -> None:
    choice, shop, at = random.Random(3), Shop(), 0
    for number in range(10):
        at += choice.randint(500, 4_000)
        shop.broken(at, f"in-{number}", f"out-{number}")
    [found] = found_in(shop.traces)
    assert told([found]) == {(CONTEXT_LOST, "front.default", "v1", PROBABLE)}
    assert found.variant == "nothing"


@pytest.mark.parametrize("every_ms", [101, 150, 2_000])
def test_calls_with_the_beat_of_the_requests_may_be_a_jobs(every_ms: int) -> None:
    shop = Shop()
    shop.request(-5_000)
    for number in range(30):
        shop.broken(number * every_ms, f"in-{number}", f"out-{number}")
    assert {f.certainty for f in found_in(shop.traces)} <= {SUSPECT}


@pytest.mark.parametrize("seed", range(5))
def test_calls_of_requests_that_are_always_open_are_probable(seed: int) -> None:
    choice, shop, at = random.Random(seed), Shop(), 0.0
    for number in range(60):  # four are open at each moment
        at += choice.expovariate(1 / 25)
        shop.broken(round(at), f"in-{number}", f"out-{number}")
    assert told(found_in(shop.traces)) == {
        (CONTEXT_LOST, "front.default", "v1", PROBABLE)
    }


@pytest.mark.parametrize("seed", range(30))
def test_a_job_beside_requests_is_never_accused(seed: int) -> None:
    choice = random.Random(seed)
    shop = Shop()
    for at in range(0, 40_000, choice.choice((110, 150, 400, 1_000))):
        if choice.random() < 0.5:
            shop.request(at)
        else:  # served without any call
            shop.add([shop.span("f1", "", "front", "in", at, 100, guid=f"r{at}")])
    for number in range(choice.randint(3, 40)):
        at = choice.randint(0, 40_000)
        call = shop.span("j1", "", "front", "out", at, 20, "back", f"job{number}")
        shop.add([call, shop.span("b1", "j1", "back", "in", at + 1, 15)])
    accused = [f for f in found_in(shop.traces) if f.certainty != SUSPECT]
    assert accused == []


@pytest.mark.parametrize("seed", range(30))
def test_a_job_in_a_service_that_calls_nobody_else_is_never_accused(seed: int) -> None:
    choice = random.Random(seed)
    shop = Shop()
    shop.add(
        [
            shop.span("g1", "", "gate", "out", 0, 50, "front"),
            shop.span("f1", "g1", "front", "in", 1, 40),
        ]
    )
    every = choice.choice((130, 200, 500))
    for at in range(0, 40_000, every):
        shop.add([shop.span("f1", "", "front", "in", at, 100, guid=f"r{at}")])
    for number in range(choice.randint(3, 60)):
        at = choice.randint(0, 40_000)
        call = shop.span("j1", "", "front", "out", at, 20, "back", f"job{number}")
        shop.add([call, shop.span("b1", "j1", "back", "in", at + 1, 15)])
    accused = [f for f in found_in(shop.traces) if f.certainty != SUSPECT]
    assert accused == []


def test_a_mesh_that_passes_nothing_on_blames_no_application() -> None:
    shop = Shop()
    for at in range(0, 9_000, 1_000):
        shop.add([shop.span("f1", "", "front", "in", at, 100, guid=f"g{at}")])
        shop.add([shop.span("f2", "", "front", "out", at + 10, 50, "back", f"g{at}")])
        shop.add([shop.span("b1", "", "back", "in", at + 12, 40, guid=f"g{at}")])
    [found] = [f for f in found_in(shop.traces) if f.rule == CONTEXT_LOST]
    assert (found.certainty, found.variant) == (SUSPECT, "mesh")


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


def test_services_with_sdks_alone_are_judged_by_time() -> None:
    choice, traces, at = random.Random(4), [], 0
    for number in range(10):
        at += choice.randint(500, 4_000)
        front = {
            "id": "f1",
            "service": "front",
            "kind": "server",
            "start": at * 1_000,
            "duration": 100_000,
            "tags": {"service.version": "v1"},
        }
        call = {**front, "id": "f2", "kind": "client", "duration": 50_000}
        call["start"] = (at + 10) * 1_000
        call["tags"] = {"service.version": "v1", "peer.service": "back"}
        traces.append(make_trace([front], trace_id=f"{2 * number + 1:032x}"))
        traces.append(make_trace([call], trace_id=f"{2 * number + 2:032x}"))
    assert told(found_in(traces)) == {(CONTEXT_LOST, "front", "v1", PROBABLE)}


def test_the_tail_is_that_of_the_binomial_distribution() -> None:
    assert tail(0, 5, 0.3) == 1.0
    assert tail(5, 5, 0.5) == pytest.approx(1 / 32)
    assert tail(2, 3, 0.5) == pytest.approx(0.5)
    assert tail(3, 3, 1.0) == 1.0
    assert tail(900, 1_000, 0.5) == 0.0
    assert tail(520, 1_000, 0.5) == 1.0
