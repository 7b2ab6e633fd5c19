"""Corrections: nothing is lost, everything is told, order does not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dashboard.adjusters.standard import adjust
from dashboard.analysis.analyse import analyse
from dashboard.graph.link import link
from dashboard.traces.trace import Flag, Trace
from tests.factories import TRACE_ID, make_trace, rows_by_id

CYCLE = [
    {"id": "0a", "parent": "0c", "start": 10},
    {"id": "0b", "parent": "0a", "start": 20},
    {"id": "0c", "parent": "0b", "start": 30},
    {"id": "0d", "parent": "0c", "start": 40},
]


def codes(trace: Trace) -> list[str]:
    return sorted(w.code for w in trace.warnings)


def test_children_follow_their_parent_by_start() -> None:
    trace = adjust(
        make_trace(
            [
                {"id": "03", "parent": "01", "start": 500},
                {"id": "02", "parent": "01", "start": 100},
                {"id": "04", "parent": "02", "start": 900},
                {"id": "01"},
            ]
        )
    )
    assert trace.span_ids == ["01", "02", "04", "03"]
    assert trace.depth.tolist() == [0, 1, 2, 1]
    assert trace.subtree.tolist() == [4, 2, 1, 1]


def test_ties_keep_the_order_of_the_input() -> None:
    spans = [{"id": "01"}, {"id": "0f", "parent": "01"}, {"id": "0b", "parent": "01"}]
    assert adjust(make_trace(spans)).span_ids == ["01", "0f", "0b"]


@pytest.mark.parametrize("seed", range(5))
def test_a_cycle_is_cut_at_its_earliest_span_and_none_is_lost(seed: int) -> None:
    trace = adjust(make_trace(CYCLE, shuffle=seed))
    assert trace.span_ids == ["0a", "0b", "0c", "0d"]
    assert codes(trace) == ["cycle"]


def test_a_span_that_names_itself_is_a_root() -> None:
    trace = adjust(
        make_trace([{"id": "01", "parent": "01"}, {"id": "02", "parent": "01"}])
    )
    assert trace.parent.tolist() == [-1, 0]
    assert codes(trace) == ["self-parent"]


def test_an_orphan_is_a_root_and_counted() -> None:
    trace = adjust(make_trace([{"id": "01"}, {"id": "02", "parent": "99", "start": 5}]))
    assert trace.parent.tolist() == [-1, -1]
    assert analyse(trace).orphan_count == 1
    assert codes(trace) == ["orphan"]


def test_a_link_into_another_trace_is_no_parent_and_no_orphan() -> None:
    trace = adjust(
        make_trace([{"id": "01", "references": [("FOLLOWS_FROM", "ff" * 16, "02")]}])
    )
    assert trace.parent.tolist() == [-1]
    assert analyse(trace).orphan_count == 0


def test_child_of_goes_before_follows_from() -> None:
    trace = adjust(
        make_trace(
            [
                {"id": "01"},
                {"id": "02", "start": 1},
                {
                    "id": "03",
                    "start": 2,
                    "references": [
                        ("FOLLOWS_FROM", TRACE_ID, "01"),
                        ("CHILD_OF", TRACE_ID, "02"),
                    ],
                },
            ]
        )
    )
    assert trace.span_ids[trace.parent[rows_by_id(trace)["03"]]] == "02"


def test_exact_copies_are_dropped_and_others_renamed() -> None:
    same = {"id": "02", "parent": "01", "start": 3}
    trace = adjust(
        make_trace([{"id": "01"}, same, dict(same), {**same, "operation": "other"}])
    )
    assert len(trace) == 3
    assert "duplicates-dropped" in codes(trace)
    assert "duplicate-id" in codes(trace)
    assert sum(span_id.startswith("02") for span_id in trace.span_ids) == 2


@pytest.mark.parametrize("seed", range(4))
def test_two_servers_that_share_a_client_id_are_both_its_children(seed: int) -> None:
    spans: list[dict[str, Any]] = [
        {"id": "01", "service": "a", "kind": "client", "duration": 900},
        {"id": "01", "service": "b", "kind": "server", "start": 10, "duration": 100},
        {"id": "01", "service": "c", "kind": "server", "start": 200, "duration": 100},
        {"id": "02", "parent": "01", "service": "c", "start": 210, "duration": 10},
    ]
    trace = adjust(make_trace(spans, shuffle=seed))
    by_service = {trace.service_name(r): r for r in range(3)}
    client = by_service["a"]
    servers = [r for r in range(4) if trace.flags[r] & Flag.SHARED]
    assert [int(trace.parent[r]) for r in servers] == [client, client]
    child = rows_by_id(trace)["02"]
    assert trace.service_name(int(trace.parent[child])) == "c"


def test_a_missing_start_never_stretches_the_axis() -> None:
    trace = adjust(
        make_trace(
            [{"id": "01", "start": 100}, {"id": "02", "parent": "01", "start": None}]
        )
    )
    assert trace.start_ns[1] == trace.start_ns[0]
    assert "start-inherited" in codes(trace)


def test_adjusting_twice_changes_nothing() -> None:
    once = adjust(make_trace(CYCLE))
    twice = adjust(once)
    assert twice.span_ids == once.span_ids
    assert codes(twice) == codes(once)
    assert (twice.parent == once.parent).all()


@pytest.mark.parametrize("shape", ["chain", "wide"])
def test_a_hundred_thousand_spans_deep_or_wide_survive(shape: str) -> None:
    count = 100_000
    spans = [
        {
            "id": f"{i:x}",
            "parent": "" if not i else f"{i - 1 if shape == 'chain' else 0:x}",
            "start": i,
            "duration": 2 * (count - i),
        }
        for i in range(count)
    ]
    trace = adjust(make_trace(spans))
    assert trace.subtree[0] == count
    path = analyse(trace).critical
    assert int((path.end_ns - path.start_ns).sum()) == int(trace.duration_ns[0])


def test_one_host_gets_one_offset() -> None:
    host = {"host.name": "far"}
    spans = [
        {
            "id": "01",
            "service": "a",
            "kind": "client",
            "duration": 100_000,
            "process": {"host.name": "near"},
        },
        {
            "id": "02",
            "parent": "01",
            "service": "b",
            "kind": "server",
            "start": -500_000,
            "duration": 50_000,
            "process": host,
        },
        {
            "id": "03",
            "parent": "01",
            "service": "b",
            "kind": "server",
            "start": -460_000,
            "duration": 40_000,
            "process": host,
        },
    ]
    trace = adjust(make_trace(spans))
    assert trace.skew_ns is not None
    rows = rows_by_id(trace)
    assert trace.skew_ns[rows["02"]] == trace.skew_ns[rows["03"]]
    moved = trace.start_ns + trace.skew_ns
    assert moved[rows["02"]] < moved[rows["03"]]
    raw = make_trace(spans)
    assert sorted(trace.start_ns.tolist()) == sorted(raw.start_ns.tolist())


def test_within_one_service_without_host_one_clock_is_assumed() -> None:
    spans = [
        {"id": "01", "service": "a", "duration": 100},
        {"id": "02", "parent": "01", "service": "a", "start": 90, "duration": 500},
    ]
    assert adjust(make_trace(spans)).skew_ns is None


def test_a_correction_beyond_the_limit_is_only_told() -> None:
    spans = [
        {"id": "01", "service": "a", "duration": 1_000},
        {
            "id": "02",
            "parent": "01",
            "service": "b",
            "start": 90_000_000,
            "duration": 10,
        },
    ]
    trace = adjust(make_trace(spans))
    assert trace.skew_ns is None
    assert "clock-skew-too-large" in codes(trace)


ERRORS = [
    ({"otel.status_code": "ERROR"}, "unset", True),
    ({"error": True}, "unset", True),
    ({"error": "false"}, "unset", False),
    ({"error": ""}, "unset", False),
    ({"error": "0"}, "unset", False),
    ({"error": "timeout"}, "unset", True),
    ({"http.status_code": 500}, "server", False),
    ({"http.status_code": 404}, "server", False),
    ({"http.status_code": 404}, "client", True),
    ({"http.status_code": 500, "otel.status_code": "OK"}, "client", False),
    ({"error": True, "otel.status_code": "OK"}, "client", True),
    ({"rpc.grpc.status_code": 5}, "client", True),
    ({"rpc.grpc.status_code": 5}, "server", False),
    ({"rpc.grpc.status_code": 14}, "server", True),
    ({"error": True, "response_flags": "DC"}, "server", False),
]


@pytest.mark.parametrize(("tags", "kind", "failed"), ERRORS)
def test_errors_are_marked_by_the_rule(
    tags: dict[str, Any], kind: str, failed: bool
) -> None:
    trace = adjust(make_trace([{"id": "01", "kind": kind, "tags": tags}]))
    assert bool(trace.flags[0] & Flag.ERROR) is failed


def test_the_main_root_is_a_true_root_even_if_an_orphan_starts_earlier() -> None:
    trace = adjust(
        make_trace(
            [{"id": "02", "parent": "99", "start": 0}, {"id": "01", "start": 50}]
        )
    )
    assert trace.span_ids[analyse(trace).root] == "01"


def test_an_empty_trace_is_no_fault() -> None:
    assert analyse(adjust(make_trace([]))).root == -1
    assert np.zeros(0).sum() == 0


def test_a_local_span_under_a_shared_id_belongs_to_the_half_of_its_service() -> None:
    trace = adjust(
        make_trace(
            [
                {"id": "01", "service": "a", "kind": "client", "duration": 900},
                {"id": "01", "service": "b", "kind": "server", "start": 10},
                {"id": "02", "parent": "01", "service": "a", "start": 5, "duration": 2},
                {"id": "03", "parent": "01", "service": "b", "start": 20},
            ]
        )
    )
    rows = rows_by_id(trace)
    above = {i: trace.service_name(int(trace.parent[rows[i]])) for i in ("02", "03")}
    assert above == {"02": "a", "03": "b"}
    assert [(call.caller, call.callee) for call in link(trace)] == [("a", "b")]


def test_of_two_instances_that_share_an_id_children_go_to_their_own() -> None:
    spans: list[dict[str, Any]] = [
        {"id": "01", "service": "a", "kind": "client", "duration": 900},
    ]
    for number, address in enumerate(("10.0.0.1", "10.0.0.2")):
        tags = {"endpoint": address}
        start = 10 + 300 * number
        spans += [
            {
                "id": "01",
                "service": "b",
                "kind": "server",
                "start": start,
                "tags": tags,
            },
            {
                "id": f"0{number + 2}",
                "parent": "01",
                "service": "b",
                "start": start + 1,
                "tags": tags,
            },
        ]
    trace = adjust(make_trace(spans))
    rows = rows_by_id(trace)
    for child in ("02", "03"):
        above = int(trace.parent[rows[child]])
        assert trace.fact("endpoint", above) == trace.fact("endpoint", rows[child])


def test_a_true_root_with_links_goes_before_an_orphan() -> None:
    links = [("FOLLOWS_FROM", "ff" * 16, "aa"), ("FOLLOWS_FROM", "ee" * 16, "bb")]
    trace = adjust(
        make_trace(
            [
                {"id": "02", "parent": "99"},
                {"id": "01", "start": 50, "references": links},
            ]
        )
    )
    assert trace.span_ids[analyse(trace).root] == "01"


def test_the_clock_of_the_main_root_is_the_reference() -> None:
    near, far = {"host.name": "near"}, {"host.name": "far"}
    trace = adjust(
        make_trace(
            [
                {"id": "01", "service": "a", "kind": "client", "process": near},
                {
                    "id": "02",
                    "parent": "01",
                    "service": "b",
                    "start": -5_000_000,
                    "duration": 800,
                    "process": far,
                },
                {
                    "id": "03",
                    "parent": "99",
                    "service": "b",
                    "start": -5_000_500,
                    "duration": 10,
                    "process": far,
                },
            ]
        )
    )
    assert trace.skew_ns is not None
    rows = rows_by_id(trace)
    assert trace.skew_ns[rows["01"]] == 0
    assert trace.skew_ns[rows["02"]] == 5_000_100_000


@pytest.mark.parametrize(
    ("code", "kind", "failed"),
    [
        ("NOT_FOUND", "client", True),
        ("Canceled", "client", True),
        ("StatusCode.PERMISSION_DENIED", "client", True),
        ("OK", "client", False),
        ("DeadlineExceeded", "server", True),
        ("NOT_FOUND", "server", False),
    ],
)
def test_grpc_codes_are_read_by_name_too(code: str, kind: str, failed: bool) -> None:
    tags = {"rpc.grpc.status_code": code}
    trace = adjust(make_trace([{"id": "01", "kind": kind, "tags": tags}]))
    assert bool(trace.flags[0] & Flag.ERROR) is failed


def test_a_cycle_is_not_cut_at_a_span_without_a_start() -> None:
    trace = adjust(
        make_trace(
            [
                {"id": "01", "parent": "03"},
                {"id": "02", "parent": "01", "start": None},
                {"id": "03", "parent": "02", "start": 20},
            ]
        )
    )
    assert trace.span_ids[0] == "01"


def test_ids_that_differ_in_leading_zeros_are_one_id() -> None:
    trace = adjust(
        make_trace(
            [
                {"id": "00000000000000ab"},
                {"id": "b", "parent": "ab"},
                {"id": "c", "references": [("CHILD_OF", TRACE_ID, "0ab")]},
            ]
        )
    )
    assert trace.parent.tolist() == [-1, 0, 0]
    assert not (trace.flags & Flag.ORPHAN).any()


def test_without_its_client_half_a_local_span_is_an_orphan() -> None:
    half = {"id": "a", "kind": "server", "flags": int(Flag.SHARED)}
    spans: list[dict[str, Any]] = [
        half | {"service": "b"},
        half | {"service": "c", "start": 1},
        {"id": "l", "parent": "a", "service": "front"},
        {"id": "x", "parent": "a", "service": "b"},
        {"id": "y", "parent": "a", "service": "c"},
    ]
    trace = adjust(make_trace(spans))
    rows = rows_by_id(trace)
    assert trace.parent[rows["l"]] == -1
    assert trace.flags[rows["l"]] & Flag.ORPHAN
    for name, service in (("x", "b"), ("y", "c")):
        above = int(trace.parent[rows[name]])
        assert (trace.span_ids[above], trace.service_name(above)) == ("a", service)
    # The client half comes later: now nothing is missing.
    spans.append({"id": "a", "kind": "client", "service": "front"})
    whole = adjust(make_trace(spans))
    above = int(whole.parent[rows_by_id(whole)["l"]])
    assert whole.service_name(above) == "front"
    assert not (whole.flags & Flag.ORPHAN).any()


def test_sixteen_thousand_servers_share_one_clients_id() -> None:
    spans: list[dict[str, Any]] = [{"id": "a", "kind": "client", "service": "front"}]
    for number in range(16_000):
        half = {
            "service": f"s{number % 9}",
            "process": {"endpoint": f"10.0.0.{number}"},
        }
        spans.append({"id": "a", "kind": "server", "start": number, **half})
        spans.append({"id": f"c{number}", "parent": "a", "start": number, **half})
    trace = adjust(make_trace(spans))
    assert int((trace.depth == 1).sum()) == int((trace.depth == 2).sum()) == 16_000
    below = np.flatnonzero(trace.depth == 2)
    assert (trace.parent[below] == below - 1).all()
    assert len(link(trace)) == 16_000
