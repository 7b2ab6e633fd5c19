"""Plans count the same as each trace alone, and are found once a shape."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.make import body_of
from benchmarks.traffic import bodies
from dashboard.adjusters.standard import adjust
from dashboard.graph.contribution import Contribution, contribution
from dashboard.graph.link import link
from dashboard.graph.plans import Plans, book
from dashboard.sources.detect import decode
from dashboard.traces.errors import BadTracePayload
from dashboard.traces.terms import terms_of
from dashboard.traces.trace import Trace

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"


def recorded() -> list[bytes]:
    found = [
        path.read_bytes()
        for path in sorted(FIXTURES.rglob("*"))
        if path.is_file() and path.suffix in (".json", ".body")
    ]
    made = [body for body, _ in bodies(300, 100, 3)]
    return [*made, body_of(40, 20), *found]


def traces_of(body: bytes) -> list[Trace]:
    try:
        return [adjust(trace) for trace in decode(body).traces if len(trace)]
    except BadTracePayload:
        return []  # a fixture that is no body of traces


@pytest.fixture(scope="module")
def traces() -> list[Trace]:
    return [trace for body in recorded() for trace in traces_of(body)]


def test_booked_together_equals_each_alone(traces: list[Trace]) -> None:
    plans = Plans()
    pairs = [(trace, plan) for trace in traces if (plan := plans.of(trace)) is not None]
    assert len(pairs) > 300
    packed, total = book(pairs)
    wanted = [contribution(trace, link(trace)) for trace, _ in pairs]
    for content, one in zip(packed, wanted, strict=True):
        assert Contribution.from_bytes(content).plain() == one.plain()
    assert total.plain() == Contribution.total(wanted).plain()


def test_terms_of_a_plan_are_those_of_the_trace(traces: list[Trace]) -> None:
    plans = Plans()
    planned = 0
    for trace in traces:
        plan = plans.of(trace)
        if plan is not None:
            planned += 1
            edges = {(call.caller, call.callee) for call in link(trace)}
            assert plan.terms.of(trace) == terms_of(trace, edges)
    assert planned > 300


def test_traces_of_one_shape_share_a_plan() -> None:
    first, second = (traces_of(body) for body, _ in bodies(200, 100, 1))
    plans = Plans()
    for one, other in zip(first, second, strict=True):
        assert plans.of(one) is plans.of(other)


def test_a_shape_that_times_decide_on_is_counted_alone() -> None:
    body = (FIXTURES / "mesh/zipkin/zipkin-retry.json").read_bytes()
    plans = Plans()
    assert [plans.of(trace) for trace in traces_of(body)].count(None) > 0
