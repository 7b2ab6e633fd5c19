"""Whatever the order in which spans come, the conclusions are the same."""

from __future__ import annotations

import random
from dataclasses import astuple, replace
from typing import Any

import msgspec
import pytest

from dashboard.adjusters.standard import adjust
from dashboard.analysis.analyse import analyse
from dashboard.analysis.compare import Side, compare, similarity
from dashboard.analysis.pairs import pair_spans
from dashboard.analysis.repeats import find_repeats
from dashboard.analysis.statistics import statistics_by, statistics_by_tag
from dashboard.analysis.summary import summarise
from dashboard.graph.contribution import contribution
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


Named = tuple[str, str, int]


def names_of(trace: Trace) -> list[Named]:
    """What tells the span of each row from others, and of row -1."""
    rows = range(len(trace))
    name = [
        (trace.span_ids[r], trace.service_name(r), int(trace.kind[r])) for r in rows
    ]
    return [*name, ("", "", 0)]


def conclusions(trace: Trace) -> dict[str, Any]:
    """What every algorithm concludes, told by span instead of by row."""
    found = analyse(trace)
    rows = range(len(trace))
    name = names_of(trace)
    skew = trace.skew_ns.tolist() if trace.skew_ns is not None else [0] * len(trace)
    path = found.critical
    calls = link(trace)
    return {
        "parents": {name[r]: name[trace.parent[r]] for r in rows},
        "starts": {name[r]: int(trace.start_ns[r]) for r in rows},
        "flags": {name[r]: int(trace.flags[r]) for r in rows},
        "warnings": sorted(
            (w.code, name[w.row], str(w.values)) for w in trace.warnings
        ),
        "self": {name[r]: int(found.self_ns[r]) for r in rows},
        "skew": {name[r]: skew[r] for r in rows},
        "root": name[found.root],
        "first error": name[found.first_error],
        "below": {name[r]: bool(found.errors_below[r]) for r in rows},
        "counts": (found.error_count, found.orphan_count, found.services),
        "path": [
            (name[row], start, end)
            for row, start, end in zip(
                path.row.tolist(),
                path.start_ns.tolist(),
                path.end_ns.tolist(),
                strict=True,
            )
        ],
        "calls": sorted(repr(c._replace(caller_row=0, callee_row=0)) for c in calls),
        "contribution": contribution(trace, calls).plain(),
        "pairs": sorted(
            (name[p.client], name[p.server], *astuple(p)[2:]) for p in pair_spans(trace)
        ),
        "repeats": sorted(
            (
                name[one.parent],
                sorted(name[r] for r in one.rows),
                (one.total_ns, one.wall_ns, one.errors, one.serial),
            )
            for one in find_repeats(trace, 2)
        ),
        "by service": statistics_by(trace, found.self_ns, "service"),
        "by operation": statistics_by(trace, found.self_ns, "operation"),
        "by tag": statistics_by_tag(trace, found.self_ns, "peer.service"),
        "summary": {
            key: value
            for key, value in msgspec.to_builtins(summarise(trace, found)).items()
            if key not in ("shape", "services", "critical_by_service")
        },
    }


def compared(a: list[Trace], b: list[Trace]) -> list[Any]:
    """A comparison told by path; what is kept by trace comes in the traces' order."""
    found = compare(a, b)

    def side(held: Side) -> Side:
        each = tuple(sorted(held.each_ns))
        return replace(held, each_ns=each, versions=tuple(sorted(held.versions)))

    rows = [
        (found.table.path(one.number), side(one.a), side(one.b)) for one in found.paths
    ]
    return [found.similarity, sorted(rows, key=repr)]


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


@pytest.mark.parametrize("block", range(4))
def test_shuffled_spans_compare_alike(block: int) -> None:
    for seed in range(block * 30, block * 30 + 30):
        one, two, three = (wild_spans(seed + more) for more in (0, 1_000, 2_000))

        def traces(shuffle: int | None, *lists: list[dict[str, Any]]) -> list[Trace]:
            return [adjust(make_trace(spans, shuffle=shuffle)) for spans in lists]

        wanted = compared(traces(None, one), traces(None, two, three))
        alike = similarity(*traces(None, one, two))
        for shuffle in range(3):
            a, b = traces(shuffle, one), traces(shuffle + 7, three, two)
            assert compared(a, b) == wanted, seed
            assert similarity(*traces(shuffle, one, two)) == alike, seed
        assert similarity(*traces(None, two, one)) == alike, seed
