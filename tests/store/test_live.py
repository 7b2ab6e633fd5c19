"""Live changes: matched in memory as a search would, and told as differences."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.actions.ingest import ingest
from dashboard.actions.sources import ensure_source, receiver_source
from dashboard.models import Source, TraceRecord
from dashboard.presenters.live_results import LiveSearch
from dashboard.reads.live import ChangedTraces
from dashboard.reads.traces import find_traces
from dashboard.traces.query import SORTS, TraceQuery
from tests.factories import START_US, make_trace

pytestmark = pytest.mark.django_db(transaction=True)
SERVICES = ("web", "shop", "stock")


def a_trace(number: int, **changes: Any) -> Any:
    """A trace of two or three services that differs by its number."""
    pick = random.Random(number)
    spans: list[dict[str, Any]] = [
        {
            "id": "01",
            "service": SERVICES[number % 3],
            "operation": f"GET /{number % 4}",
            "kind": "server",
            "start": number * 1_000,
            "duration": 900 + 100 * number,
        },
        {
            "id": "02",
            "parent": "01",
            "service": SERVICES[pick.randrange(3)],
            "operation": "work",
            "kind": "server",
            "start": number * 1_000 + 10,
            "duration": 300,
            "tags": {"http.status_code": pick.choice((200, 503)), "user": f"u{number}"}
            | ({"error": True} if pick.random() < 0.4 else {}),
        },
    ]
    for _ in range(pick.randrange(3)):
        spans.append({**spans[1], "id": f"1{len(spans)}"})
    spans[0].update(changes)
    return make_trace(spans, f"{number + 1:032x}")


QUERIES = [
    TraceQuery(),
    TraceQuery(service="web"),
    TraceQuery(service="nobody"),
    TraceQuery(service="web", operation="GET /0"),
    TraceQuery(operation="work"),
    TraceQuery(error=True),
    TraceQuery(error=False),
    TraceQuery(error=True, service="shop"),
    TraceQuery(tags=(("http.status_code", "503"),)),
    TraceQuery(tags=(("user", "u7"),)),
    TraceQuery(tags=(("user", "u7"), ("http.status_code", "200"))),
    TraceQuery(service="shop", tags=(("error", "true"),)),
    TraceQuery(min_duration_us=1_500),
    TraceQuery(max_duration_us=350),
    TraceQuery(service="web", min_duration_us=1_500, max_duration_us=2_000),
    TraceQuery(caller="web", callee="shop"),
    TraceQuery(lookback="5m"),
    TraceQuery(start_us=5_000, end_us=20_000),  # from the first trace's start
    TraceQuery(trace_ids=(f"{4:032x}", f"{9:032x}", "ffff")),
    TraceQuery(source="OTLP"),
    TraceQuery(source="Jaeger"),
    TraceQuery(source="nobody"),
]


def store(numbers: Any, source: Source | None = None) -> set[str]:
    traces = [a_trace(n) for n in numbers]
    keys = ingest(source or receiver_source(), traces, replace=False).keys
    return set(keys)


@pytest.mark.parametrize("query", QUERIES, ids=lambda q: q.to_query_string() or "all")
def test_what_matches_in_memory_is_what_a_search_finds(query: TraceQuery) -> None:
    if query.start_us is not None and query.end_us is not None:
        first, last = START_US + query.start_us, START_US + query.end_us
        query = replace(query, start_us=first, end_us=last)
    store(range(24))
    store(range(6), ensure_source("jaeger", "http://x", "Jaeger"))
    store(range(30, 33), ensure_source("demo", "", "Demo"))  # not shown among others
    found = {r.pk for r in find_traces(replace(query, limit=1500)).records}
    keys = set(TraceRecord.objects.values_list("trace_key", flat=True))
    assert {r.pk for r in ChangedTraces(keys).matching(query)} == found
    # Of some that changed, those that the search would find.
    some = set(sorted(keys)[::2])
    listed = {r.pk for r in TraceRecord.objects.filter(trace_key__in=some)}
    assert {r.pk for r in ChangedTraces(some).matching(query)} == found & listed


def test_a_thousand_searches_cost_no_more_queries_than_few() -> None:
    keys = store(range(40))

    def queries_of(searches: list[TraceQuery]) -> int:
        changed = ChangedTraces(keys)
        with CaptureQueriesContext(connection) as seen:
            for search in searches:
                changed.matching(search)
        return len(seen)

    kinds = [TraceQuery(service="web"), TraceQuery(tags=(("user", "u1"),))]
    few = queries_of(kinds)
    many = [
        TraceQuery(service=SERVICES[n % 3], tags=(("user", f"u{n}"),), limit=n % 90 + 1)
        for n in range(1_000)
    ]
    # Spans are read once for each trace, whoever asks: columns and details.
    assert queries_of([*kinds, *many]) <= few + len(keys)
    assert queries_of([TraceQuery(service=f"s{n}") for n in range(1_000)]) <= 5


def shown_after(live: LiveSearch, keys: set[str], page: dict[str, Any]) -> None:
    """Apply a difference as a page does."""
    told = live.diff(ChangedTraces(keys)) or {"add": [], "update": [], "remove": []}
    for key in told["remove"]:
        page["rows"].discard(key)
    for row in [*told["add"], *told["update"]]:
        page["rows"].add(json.loads(bytes(row))["key"])
    page["text"] = told.get("text", page["text"])


@pytest.mark.parametrize("sort", SORTS)
def test_differences_lead_to_what_a_new_search_shows(sort: str) -> None:
    query = TraceQuery(sort=sort, limit=5)
    live = LiveSearch({k: [v] for k, v in query.parameters()})
    store(range(8))
    first = live.reset()
    page = {"rows": {row["key"] for row in first["rows"]}, "text": first["text"]}
    for part in (range(8, 12), range(12, 13), range(20, 30)):
        shown_after(live, store(part), page)
        found = find_traces(query)
        wanted = [r.trace_key for r in found.records]
        edge = getattr(found.records[-1], live.column)
        ties = {r.trace_key for r in TraceRecord.objects.filter(**{live.column: edge})}
        # Equal ranks at the end of the list may stand for each other.
        assert set(wanted) - ties <= page["rows"]
        assert f"{found.matched} traces match" in page["text"]
        assert len(live.shown) == 5


def test_a_row_that_no_longer_matches_goes_away() -> None:
    live = LiveSearch({"error": ["false"]})
    ok = make_trace([{"id": "01", "service": "web"}], f"{3:032x}")
    key = ingest(receiver_source(), [ok], replace=False).keys
    assert [row["key"] for row in live.reset()["rows"]] == key
    bad = make_trace(
        [{"id": "02", "parent": "01", "service": "shop", "tags": {"error": True}}],
        f"{3:032x}",
    )
    ingest(receiver_source(), [bad], replace=False)
    told = live.diff(ChangedTraces(key))
    assert told is not None
    assert told["remove"] == key
    assert told["text"] == "0 traces match."


def test_rows_leave_with_their_window() -> None:
    live = LiveSearch({"lookback": ["5m"]})
    keys = store(range(2))
    assert len(live.reset()["rows"]) == 2
    old = timezone.now() - timedelta(minutes=6)
    key = min(keys)
    live.shown[key] = (live.shown[key][0], round(old.timestamp() * 1e6))
    told = live.diff(ChangedTraces(store([5])))
    assert told is not None
    assert (told["remove"], len(told["add"])) == ([key], 1)


def test_what_concerns_no_row_is_not_told() -> None:
    live = LiveSearch({"service": ["nobody"]})
    live.reset()
    assert live.diff(ChangedTraces(store(range(5)))) is None
