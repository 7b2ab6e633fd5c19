"""Searches against a brute-force look at every span, page by page, in every order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from dashboard.actions.ingest import ingest
from dashboard.actions.sources import ensure_source, upload_source
from dashboard.models import Source, TraceRecord, TraceTerm
from dashboard.reads import candidates, traces
from dashboard.reads.match import matches, whole_holds
from dashboard.reads.traces import Bound, FoundTraces, find_traces
from dashboard.traces.query import SORTS, TraceQuery
from dashboard.traces.query_parse import read_line
from dashboard.traces.terms import MAX_TERMS, OVERFLOW
from tests.factories import START_US, make_trace

pytestmark = pytest.mark.django_db(transaction=True)
LINES = (
    "web > shop",
    "{service=web error} >> pay",
    "web >> {service=shop duration>100us}",
    "{service=rare} >> {http.status_code=503 error}",
    "shop !>> web",
    "trace.duration>1ms",
    "trace.spans<4 -service=web",
    "trace.error -error=false",
    "trace.services>=3 -{service=shop operation=put}",
    "duration>100us operation~PU",
    "shard!=s/1 service=rare",
    "-shard=s/2",
    "http.status_code>=404 {service=pay}",
)
KEYS = {
    "newest": lambda r: (-r.start_us, -r.pk),
    "oldest": lambda r: (r.start_us, r.pk),
    "longest": lambda r: (-r.duration_us, -r.pk),
    "shortest": lambda r: (r.duration_us, r.pk),
    "most-spans": lambda r: (-r.span_count, -r.pk),
    "fewest-spans": lambda r: (r.span_count, r.pk),
    "most-errors": lambda r: (-r.error_count, -r.pk),
}


def source() -> Source:
    return ensure_source("jaeger", "http://jaeger", "Jaeger")


def some_trace(number: int, chance: random.Random) -> Any:
    """A trace of a few services, of which some are rare."""
    spans: list[dict[str, Any]] = []
    begin = number * 1_000 if number % 9 else 0  # some start together
    for row in range(chance.randrange(1, 9)):
        tags: dict[str, Any] = {"http.status_code": chance.choice([200, 200, 404, 503])}
        if chance.random() < 0.15:
            tags["error"] = True
        tags["shard"] = f"s/{chance.randrange(4)}"
        spans.append(
            {
                "id": f"{row + 1:016x}",
                "parent": f"{row:016x}" if row else "",
                "service": chance.choice(["web", "web", "shop", "shop", "pay", "rare"]),
                "operation": chance.choice(["get", "put"]),
                "kind": chance.choice(["server", "client"]),
                "start": begin + row,
                "duration": chance.choice([10, 100, 100, 1_000, 5_000]),
                "tags": tags,
            }
        )
    return make_trace(spans, trace_id=f"{number + 1:032x}")


def some_query(chance: random.Random) -> TraceQuery:
    """Any combination of conditions."""
    conditions: dict[str, Any] = {"limit": chance.choice([3, 7, 50])}
    for name, share, values in (
        ("service", 0.6, ["web", "shop", "rare", "nobody"]),
        ("operation", 0.3, ["get", "put"]),
        ("min_duration_us", 0.3, [50, 1_000, 4_000]),
        ("max_duration_us", 0.15, [10, 1_000]),
        ("error", 0.3, [True, False]),
        ("start_us", 0.3, [START_US + 20_000, START_US + 60_000]),
        ("end_us", 0.3, [START_US + 70_000, START_US + 100_000]),
    ):
        if chance.random() < share:
            conditions[name] = chance.choice(values)
    if chance.random() < 0.4:
        conditions["tags"] = chance.choice(
            [
                (("http.status_code", "503"),),
                (("http.status_code", "404"), ("shard", "s/1")),
                (("shard", "s/2"),),
                (("error", "true"),),
            ]
        )
    if chance.random() < 0.1:
        conditions |= {"caller": "web", "callee": "shop"}
    if chance.random() < 0.4:
        conditions["line"] = read_line(chance.choice(LINES))
    return TraceQuery(**conditions, sort=chance.choice(SORTS))


def brute(query: TraceQuery) -> list[str]:
    """All that match, in order, by a look at every trace."""
    found = []
    for record in TraceRecord.objects.filter(listed=True):
        terms = set(record.terms.values_list("term", flat=True))
        if query.start_us is not None and record.start_us < query.start_us:
            continue
        if query.end_us is not None and record.start_us > query.end_us:
            continue
        if query.error is False and record.error_count:
            continue
        if query.caller and candidates_term(query) not in terms:
            continue
        if whole_holds(record, query) and matches(record, query):
            found.append(record)
    return [r.trace_id for r in sorted(found, key=KEYS[query.sort])]


def candidates_term(query: TraceQuery) -> int:
    from dashboard.traces.terms import term

    return term("c", query.caller, query.callee)


def pages(query: TraceQuery) -> Iterator[FoundTraces]:
    """All pages of a search."""
    for _ in range(500):
        found = find_traces(query)
        yield found
        if found.after is None:
            return
        query = replace(query, after=found.after)
    raise AssertionError("the pages do not end")


def check(query: TraceQuery) -> FoundTraces:
    expected = brute(query)
    every = list(pages(query))
    ids = [record.trace_id for page in every for record in page.records]
    assert ids == expected, query
    assert all(len(page.records) <= query.limit for page in every)
    first = every[0]
    if first.bound is Bound.EXACT:
        assert first.matched == len(expected), query
    elif first.bound is Bound.MORE:
        assert first.matched < len(expected), query
    elif first.bound is Bound.LEAST:
        assert first.matched <= len(expected), query
    elif first.bound is Bound.MOST:
        assert first.matched >= len(expected), query
    return first


@pytest.fixture
def stored() -> int:
    chance = random.Random(3)
    ingest(source(), [some_trace(n, chance) for n in range(140)], replace=True)
    return 140


def test_every_search_finds_what_a_look_at_every_span_finds(stored: int) -> None:
    chance = random.Random(5)
    for _ in range(60):
        assert check(some_query(chance)).bound is not None


@pytest.mark.parametrize("gathered", [0, 12])
def test_it_does_so_when_it_may_look_at_little(
    stored: int, gathered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "COUNTED", 20)
    monkeypatch.setattr(candidates, "GATHERED", gathered)
    monkeypatch.setattr(candidates, "LOOKED_AT", 15)
    monkeypatch.setattr(candidates, "SAMPLED", 10)
    monkeypatch.setattr(traces, "COUNTED", 20)
    monkeypatch.setattr(traces, "CHECKED", 10)
    monkeypatch.setattr(traces, "CHECKED_AT_ONCE", 4)
    monkeypatch.setattr(traces, "CHECKED_FOR_COUNT", 5)
    chance = random.Random(7)
    bounds = {check(some_query(chance)).bound for _ in range(60)}
    assert bounds >= {Bound.EXACT, Bound.MORE, Bound.LEAST, Bound.OPEN}


def test_a_count_of_candidates_is_an_upper_bound(
    stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "CHECKED_FOR_COUNT", 5)
    query = TraceQuery(service="web", tags=(("http.status_code", "503"),), limit=3)
    found = check(query)
    assert found.bound is Bound.MOST
    page = (
        Client(SERVER_NAME="localhost")
        .get(f"/search?{query.to_query_string()}")
        .content.decode()
    )
    assert f"3 traces shown, at most {found.matched} match." in page


def test_pages_hold_still_while_traces_come(stored: int) -> None:
    query = TraceQuery(service="web", limit=10)
    expected = brute(query)
    first = find_traces(query)
    chance = random.Random(11)
    ingest(
        source(),
        [some_trace(n, chance) for n in range(140, 170) if n % 9],
        replace=True,
    )
    rest = [
        record.trace_id
        for page in pages(replace(query, after=first.after))
        for record in page.records
    ]
    assert [r.trace_id for r in first.records] + rest == expected


def test_copies_of_a_trace_are_found_once_and_by_their_source(stored: int) -> None:
    chance = random.Random(3)
    copies = [some_trace(n, chance) for n in range(20)]
    ingest(upload_source(), copies, replace=False)
    assert len(brute(TraceQuery())) == stored
    for name in ("web", "rare", ""):
        check(TraceQuery(service=name, limit=9))
    assert find_traces(TraceQuery(source="Uploads")).matched == 20
    query = TraceQuery(service="web", min_duration_us=50)
    both = find_traces(replace(query, source="Uploads")).matched
    assert 0 < both < find_traces(query).matched
    wrong = TraceTerm.objects.exclude(listed=True).filter(record__listed=True)
    assert not wrong.exists()


def test_a_trace_with_more_terms_than_are_kept_is_found(stored: int) -> None:
    spans = [
        {
            "id": f"{n + 1:016x}",
            "service": f"many-{n}",
            "operation": "get",
            "start": 500,
            "duration": n + 1,
        }
        for n in range(MAX_TERMS)
    ]
    ingest(source(), [make_trace(spans, trace_id="f" * 32)], replace=True)
    assert TraceTerm.objects.filter(term=OVERFLOW).exists()
    for name in ("many-0", "many-77", f"many-{MAX_TERMS - 1}", "web"):
        for sort in ("newest", "longest"):
            check(TraceQuery(service=name, sort=sort, limit=5))
    found = find_traces(TraceQuery(service="many-77", min_duration_us=78))
    assert [r.trace_id for r in found.records] == ["f" * 32]
    assert not find_traces(TraceQuery(service="many-77", min_duration_us=79)).records


@pytest.mark.parametrize(
    ("value", "raw"),
    [("1.50", "1.50"), ("a/b", r'"a\/b"'), ("ab", r'"\u0061b"'), ("true", "true")],
)
def test_tags_are_found_however_they_are_written(value: str, raw: str) -> None:
    trace = make_trace([{"id": "01", "service": "web"}])
    trace.details = [
        b'{"tags":[{"key":"x.y","type":"string","value":%s}]}' % raw.encode()
    ]
    ingest(source(), [trace], replace=True)
    wanted = {"1.50": "1.5"}.get(value, value)
    query = TraceQuery(tags=(("x.y", wanted),))
    assert find_traces(query).matched == 1
    assert find_traces(replace(query, tags=(("x.y", "other"),))).matched == 0


def test_the_page_leads_on_and_back(stored: int) -> None:
    client = Client(SERVER_NAME="localhost")
    page = client.get("/search?limit=100").content.decode()
    assert "Exactly 140 traces match, 100 shown." in page
    assert 'data-live="ws/search?limit=100"' in page
    (address,) = [part.split('"')[0] for part in page.split('rel="next" href="')[1:]]
    page = client.get("/search" + address.replace("&amp;", "&")).content.decode()
    assert page.count('class="trace-row" href') == 40
    assert "data-live=" not in page
    assert 'href="?limit=100"' in page
    assert 'rel="next"' not in page


def test_a_bad_place_is_refused_with_a_sentence() -> None:
    for value in ("x", "1", "1.2.3", "1.x", "9" * 30 + ".1"):
        response = Client(SERVER_NAME="localhost").get("/search", {"after": value})
        assert response.status_code == 400
        assert "is no place in a list" in response.content.decode()


def test_a_search_that_stops_early_says_so(
    stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "CHECKED", 1)
    monkeypatch.setattr(traces, "CHECKED_AT_ONCE", 10)
    monkeypatch.setattr(traces, "CHECKED_FOR_COUNT", 1)
    page = (
        Client(SERVER_NAME="localhost")
        .get("/search?tags=shard%3Dnone")
        .content.decode()
    )
    assert "0 traces found so far, after 10 looked at. Search on for more." in page
    assert "Nothing found so far" in page
    assert "Search on" in page
