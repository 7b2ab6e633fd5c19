"""Whatever the order in which spans come, the conclusions are the same."""

from __future__ import annotations

import random
from typing import Any

import pytest

from dashboard.adjusters.standard import adjust
from dashboard.analysis.analyse import analyse
from dashboard.graph.link import link
from dashboard.traces.trace import Trace
from tests.factories import make_trace

TAGS: list[dict[str, Any]] = [
    {},
    {"error": True},
    {"peer.service": "z"},
    {"db.system": "pg"},
    {"messaging.destination": "q"},
]
KINDS = ["client", "server", "producer", "consumer", "internal", "unset"]


def wild_spans(seed: int) -> list[dict[str, Any]]:
    """Few spans with many ties, cycles, orphans, shared ids and copies."""
    rng = random.Random(seed)
    count = rng.randint(2, 12)
    spans: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        span: dict[str, Any] = {
            "id": f"{number:02x}",
            "service": rng.choice("abc"),
            "operation": rng.choice("xy"),
            "kind": rng.choice(KINDS),
            "start": rng.choice([0, 0, 10, 20, None]),
            "duration": rng.choice([0, 10, 10, 30, 50]),
            "tags": rng.choice(TAGS),
        }
        if rng.random() < 0.85:
            span["parent"] = f"{rng.randint(1, count + 1):02x}"
        if rng.random() < 0.3:
            span["process"] = {"host.name": rng.choice(["h1", "h2", "h3"])}
        spans.append(span)
    if rng.random() < 0.4:
        spans.append(spans[0] | {"kind": "server", "service": "c"})
    if rng.random() < 0.2:
        spans.append(dict(spans[0]))
    return spans


def conclusions(trace: Trace) -> dict[str, Any]:
    """What is concluded, told by span instead of by row."""
    found = analyse(trace)
    rows = range(len(trace))
    name = [
        (trace.span_ids[r], trace.service_name(r), int(trace.kind[r])) for r in rows
    ]
    name.append(("", "", 0))  # row -1
    skew = trace.skew_ns.tolist() if trace.skew_ns is not None else [0] * len(trace)
    path = found.critical
    return {
        "parents": {name[r]: name[trace.parent[r]] for r in rows},
        "starts": {name[r]: int(trace.start_ns[r]) for r in rows},
        "flags": {name[r]: int(trace.flags[r]) for r in rows},
        "self": {name[r]: int(found.self_ns[r]) for r in rows},
        "skew": {name[r]: skew[r] for r in rows},
        "root": name[found.root],
        "first error": name[found.first_error],
        "path": [
            (name[row], start, end)
            for row, start, end in zip(
                path.row.tolist(),
                path.start_ns.tolist(),
                path.end_ns.tolist(),
                strict=True,
            )
        ],
        "calls": sorted(
            repr(c._replace(caller_row=0, callee_row=0)) for c in link(trace)
        ),
    }


@pytest.mark.parametrize("block", range(10))
def test_shuffled_spans_lead_to_the_same_conclusions(block: int) -> None:
    for seed in range(block * 30, block * 30 + 30):
        spans = wild_spans(seed)
        wanted = conclusions(adjust(make_trace(spans)))
        for shuffle in range(3):
            found = conclusions(adjust(make_trace(spans, shuffle=shuffle)))
            assert found == wanted, seed


@pytest.mark.parametrize("block", range(5))
def test_wild_traces_do_not_change_when_adjusted_again(block: int) -> None:
    for seed in range(block * 60, block * 60 + 60):
        once = adjust(make_trace(wild_spans(seed)))
        twice = adjust(once)
        assert twice.span_ids == once.span_ids, seed
        assert conclusions(twice) == conclusions(once), seed
