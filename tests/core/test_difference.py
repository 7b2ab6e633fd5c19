"""What makes one group of traces slower: parts that add up, and the main line."""

from __future__ import annotations

import random
from typing import Any

from dashboard.adjusters.standard import adjust
from dashboard.analysis.compare import compare, critical_times
from dashboard.analysis.difference import explain, in_tree_order, main_line
from dashboard.traces.trace import Trace
from tests.factories import make_trace


def shop(slow: int, number: int = 0, more: bool = False) -> Trace:
    """web → reviews v2 → ratings, which takes ``slow`` µs; all in line."""
    spans: list[dict[str, Any]] = [
        {"id": "01", "service": "web", "operation": "GET", "duration": slow + 400},
        {
            "id": "02",
            "parent": "01",
            "service": "reviews",
            "operation": "list",
            "start": 100,
            "duration": slow + 200,
            "process": {"service.version": "v2"},
        },
        {
            "id": "03",
            "parent": "02",
            "service": "ratings",
            "operation": "get",
            "start": 200,
            "duration": slow,
        },
    ]
    if more:
        spans.append(
            {"id": "04", "parent": "01", "service": "ads", "start": 10, "duration": 20}
        )
    return adjust(make_trace(spans, f"{number + 1:032x}"))


def test_parts_add_up_to_the_whole_difference() -> None:
    chance = random.Random(7)

    def wild(seed: int) -> Trace:
        spans: list[dict[str, Any]] = [
            {"id": "01", "operation": "op", "duration": 10_000}
        ]
        spans += [
            {
                "id": f"{number:02x}",
                "parent": f"{chance.randrange(1, number):02x}",
                "operation": f"op{chance.randrange(5)}",
                "start": chance.randrange(9_000),
                "duration": chance.randrange(5_000),
            }
            for number in range(2, 40)
        ]
        return adjust(make_trace(spans, f"{seed + 1:032x}"))

    a, b = [wild(n) for n in range(3)], [wild(n + 10) for n in range(5)]
    found = explain(compare(a, b))
    whole = sum(int(critical_times(t).sum()) for t in b) / 5
    whole -= sum(int(critical_times(t).sum()) for t in a) / 3
    assert abs(found.total_ns - whole) < 1
    assert abs(sum(part.own_ns for part in found.parts) - whole) < 1
    roots = [part.below_ns for part in found.parts if part.path.above < 0]
    assert abs(sum(roots) - whole) < 1


def test_the_main_line_leads_to_the_slow_call() -> None:
    found = explain(compare([shop(1_000)], [shop(9_000)]))
    line = main_line(found)
    assert [part.path.service for part in line] == ["web", "reviews", "ratings"]
    assert (found.total_ns, line[-1].own_ns) == (8_000_000, 8_000_000)
    assert line[1].path.b.versions == ("v2",)
    assert line[-1].p is None  # one trace on a side proves nothing
    faster = explain(compare([shop(9_000)], [shop(1_000)]))
    assert [part.path.service for part in main_line(faster)][-1] == "ratings"


def test_only_real_slowness_is_sure() -> None:
    a = [shop(1_000 + n, n) for n in range(20)]
    b = [shop(5_000 + n, n + 50) for n in range(20)]
    sure = [part.path.service for part in explain(compare(a, b)).parts if part.sure]
    assert sure == ["ratings"]
    same = explain(compare(a[::2], a[1::2]))
    assert not [part for part in same.parts if part.sure]


def test_the_tree_keeps_what_matters_and_its_callers() -> None:
    found = explain(compare([shop(1_000)], [shop(2_000, more=True)]))
    assert [p.path.service for p in in_tree_order(found, 100)] == [
        "web",
        "reviews",
        "ratings",
        "ads",
    ]
    assert [p.path.service for p in in_tree_order(found, 3)] == [
        "web",
        "reviews",
        "ratings",
    ]


def test_a_deep_chain_is_compared_without_recursion() -> None:
    def chain(count: int) -> Trace:
        return adjust(
            make_trace(
                [
                    {
                        "id": f"{n + 1:x}",
                        "parent": f"{n:x}" if n else "",
                        "operation": "op",
                        "start": n,
                        "duration": 30_000 - n,
                    }
                    for n in range(count)
                ]
            )
        )

    found = explain(compare([chain(20_000)], [chain(19_000)]))
    assert len(found.parts) == 20_000
    assert len(in_tree_order(found, 50)) <= 50
