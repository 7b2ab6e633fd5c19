"""The doctor on recorded meshes and on made ones, whatever the order of the input."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from dashboard.adjusters.standard import adjust
from dashboard.doctor.findings import (
    CANNOT_JUDGE,
    CERTAIN,
    CONTEXT_LOST,
    PROBABLE,
    SUSPECT,
)
from dashboard.doctor.judge import accusations, judge
from dashboard.doctor.workloads import tail
from dashboard.sources.detect import decode
from tests.factories import make_trace
from tests.peers.shop import Shop, found_in, told

FIXTURES = Path(__file__).parent.parent / "fixtures/mesh"
EXPECTED = json.loads((FIXTURES / "expected.json").read_text("utf-8"))


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


def test_the_newest_traces_are_the_examples() -> None:
    shop = Shop()
    for number in range(120):
        shop.broken(number * 1_000, f"g{number}", f"g{number}")
    (found,) = found_in(shop.traces[::-1])
    ids = [trace.trace_id for trace in shop.traces]
    assert found.traces == ids[-10:]
    assert found.pairs == list(zip(ids[-200::2], ids[-199::2], strict=True))
    assert found.count == 120


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
