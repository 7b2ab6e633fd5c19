"""Comparison by operation path, similarity, and pairs of client and server."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.adjusters.standard import adjust
from dashboard.analysis.compare import compare, path_counts, similarity
from dashboard.analysis.pairs import pair_spans
from dashboard.traces.trace import Trace
from tests.core.test_input_order import wild_spans
from tests.factories import make_trace


def trace_of(*spans: dict[str, Any], seed: int | None = None) -> Trace:
    return adjust(make_trace(list(spans), shuffle=seed))


ROOT = {"id": "01", "service": "web", "operation": "GET /", "duration": 100}
CALL = {
    "id": "02",
    "parent": "01",
    "service": "db",
    "operation": "SELECT",
    "start": 10,
    "duration": 20,
}


def test_a_call_that_gains_a_child_stays_the_same_call() -> None:
    child = {"id": "03", "parent": "02", "service": "db", "operation": "connect"}
    found = compare([trace_of(ROOT, CALL)], [trace_of(ROOT, CALL, child)])
    assert [(p.service, p.operation, p.only_in) for p in found.paths] == [
        ("web", "GET /", ""),
        ("db", "SELECT", ""),
        ("db", "connect", "b"),
    ]
    assert found.similarity == pytest.approx(2 / 3)


def test_figures_of_a_path_are_exact_on_both_sides() -> None:
    more = [{**CALL, "id": f"1{n}", "duration": 10 * (n + 1)} for n in range(4)]
    more[3]["tags"] = {"error": True}
    found = compare([trace_of(ROOT, CALL)], [trace_of(ROOT, *more), trace_of(ROOT)])
    select = found.paths[1]
    assert (found.a_traces, found.b_traces) == (1, 2)
    assert (select.a.count, select.b.count, select.b.traces) == (1, 4, 1)
    assert (select.a.sum_ns, select.b.sum_ns) == (20_000, 100_000)
    assert (select.b.p50_ns, select.b.p95_ns, select.b.errors) == (20_000, 40_000, 1)
    root = found.paths[0]
    # Four parallel calls from 10 to at most 50 µs: 60 of the 100 µs are its own.
    assert root.b.self_ns == 60_000 + 100_000
    assert found.table.path(1) == ("web\tGET /", "db\tSELECT")


def test_an_empty_group_is_no_fault() -> None:
    found = compare([], [trace_of(ROOT)])
    assert [p.only_in for p in found.paths] == ["b"]
    assert found.similarity == 0
    assert compare([], []).similarity == 1


def test_a_chain_of_100_000_levels_is_compared() -> None:
    chain = [{**ROOT, "id": "0"}]
    chain += [
        {"id": str(n), "parent": str(n - 1), "service": "a", "operation": "o"}
        for n in range(1, 100_000)
    ]
    one = trace_of(*chain)
    found = compare([one], [one])
    assert len(found.paths) == 100_000
    assert found.similarity == 1
    assert len(path_counts([one])) == 200


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 99))
def test_similarity_is_symmetric_and_knows_no_order(a: int, b: int, seed: int) -> None:
    left, right = adjust(make_trace(wild_spans(a))), adjust(make_trace(wild_spans(b)))
    value = similarity(left, right)
    assert 0 <= value <= 1
    assert similarity(right, left) == value
    shuffled = adjust(make_trace(wild_spans(a), shuffle=seed))
    assert similarity(shuffled, right) == value
    assert similarity(shuffled, left) == 1
    both = compare([left], [right])
    assert math.isclose(both.similarity, value)
    assert sum(p.a.count for p in both.paths) == len(left)
    assert sum(p.b.count for p in both.paths) == len(right)


def test_the_gap_between_client_and_server_is_measured() -> None:
    client = {"id": "01", "service": "a", "kind": "client", "duration": 100}
    local = {"id": "02", "parent": "01", "service": "a", "start": 2, "duration": 96}
    server = {
        "id": "03",
        "parent": "02",
        "service": "b",
        "kind": "server",
        "start": 10,
        "duration": 60,
    }
    (pair,) = pair_spans(trace_of(client, local, server))
    assert (pair.client, pair.server, pair.attempt) == (0, 2, 1)
    assert (pair.before_ns, pair.after_ns, pair.network_ns) == (10_000, 30_000, 40_000)
    assert not pair.asynchronous
    assert not pair.clocks_disagree


def test_a_skewed_server_keeps_its_network_time() -> None:
    client = {
        "id": "01",
        "service": "a",
        "kind": "client",
        "duration": 100,
        "process": {"host.name": "one"},
    }
    server = {
        "id": "02",
        "parent": "01",
        "service": "b",
        "kind": "server",
        "start": -5_000,
        "duration": 60,
        "process": {"host.name": "two"},
    }
    (pair,) = pair_spans(trace_of(client, server))
    assert (pair.before_ns, pair.after_ns, pair.network_ns) == (20_000, 20_000, 40_000)
    raw = adjust(make_trace([client, server]), max_skew_ns=0)
    (pair,) = pair_spans(raw)
    assert pair.clocks_disagree
    assert pair.network_ns == 40_000


def test_attempts_and_queues_are_told() -> None:
    client = {"id": "01", "service": "a", "kind": "client", "duration": 100}
    tries = [
        {
            "id": f"1{n}",
            "parent": "01",
            "service": "b",
            "kind": "server",
            "start": 30 * n,
            "duration": 20,
        }
        for n in range(3)
    ]
    for seed in range(4):
        found = pair_spans(trace_of(client, *tries, seed=seed))
        assert [p.attempt for p in found] == [1, 2, 3]
    send = {"id": "01", "service": "a", "kind": "producer", "duration": 5}
    take = {
        "id": "02",
        "parent": "01",
        "service": "b",
        "kind": "consumer",
        "start": 400,
        "duration": 50,
    }
    (pair,) = pair_spans(trace_of(send, take))
    assert (pair.asynchronous, pair.network_ns, pair.before_ns) == (True, 0, 400_000)
    assert not pair.clocks_disagree


def test_a_server_of_another_services_local_span_is_no_pair() -> None:
    client = {"id": "01", "service": "a", "kind": "client"}
    other = {"id": "02", "parent": "01", "service": "b"}
    server = {"id": "03", "parent": "02", "service": "c", "kind": "server"}
    assert pair_spans(trace_of(client, other, server)) == []
