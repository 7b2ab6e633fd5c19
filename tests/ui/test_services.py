"""The overview and a service's page: exact figures, order, anomalies, hostile names."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from dashboard.actions.ingest import ingest
from dashboard.actions.sources import receiver_source
from dashboard.graph.overview import POINTS, group_keys, series_of, sums_of
from dashboard.presenters.sparks import line_of
from dashboard.reads.rollups import forget_windows, read_window_sums
from dashboard.traces.trace import Trace
from tests.factories import make_trace

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}\u202e/?#%'
DAY_US = 86_400_000_000


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """No window of an earlier test."""
    forget_windows()
    yield
    forget_windows()


def call(number: int, duration: int = 5_000, at: int = 0, **more: Any) -> Trace:
    """web calls shop, which takes ``duration`` µs and may fail."""
    failed = more.pop("failed", False)
    tags = {"error": True, "error.type": more.pop("why", "Timeout")} if failed else {}
    return make_trace(
        [
            {
                "id": "01",
                "service": more.get("caller", "web"),
                "operation": "GET /",
                "kind": "server",
                "start": at,
                "duration": duration + 500,
            },
            {
                "id": "02",
                "parent": "01",
                "service": more.get("callee", "shop"),
                "operation": more.get("operation", "buy"),
                "kind": "server",
                "start": at + 100,
                "duration": duration,
                "tags": tags,
                "process": {"service.version": more.get("version", "v1")},
            },
        ],
        f"{number + 1:032x}",
    )


def store(*traces: Trace) -> None:
    ingest(receiver_source(), list(traces), replace=False)


def text_of(response: Any) -> str:
    html = response.content.decode()
    words = re.sub(r"<script.*?</script>|<[^>]+>", " ", html, flags=re.S)
    return re.sub(r"\s+", " ", words.replace("\u202f", " "))


def test_figures_of_services_and_operations_are_exact(client: Client) -> None:
    store(*(call(n, failed=n % 5 == 0) for n in range(20)))
    found = client.get("/services.json").json()
    rows = {row["service"]: row for row in found["rows"]}
    assert (rows["shop"]["calls"], rows["shop"]["errors"]) == (20, 4)
    assert (rows["web"]["calls"], rows["web"]["errors"]) == (20, 0)
    assert rows["shop"]["rate"] == pytest.approx(20 / found["seconds"], abs=1e-4)
    operations = client.get("/services.json?by=operation").json()["rows"]
    assert {(r["service"], r["operation"], r["calls"]) for r in operations} == {
        ("web", "GET /", 20),
        ("shop", "buy", 20),
    }


@pytest.mark.parametrize(
    ("sort", "first"),
    [("name", "a"), ("rate", "b"), ("errors", "c"), ("p50", "a"), ("p95", "a")],
)
def test_rows_come_in_the_asked_order(client: Client, sort: str, first: str) -> None:
    def one(n: int, name: str, duration: int, failed: bool = False) -> Trace:
        return make_trace(
            [
                {
                    "id": "01",
                    "service": name,
                    "duration": duration,
                    "kind": "server",
                    "tags": {"error": True} if failed else {},
                }
            ],
            f"{n + 1:032x}",
        )

    store(
        one(0, "a", 900_000),
        *(one(n, "b", 5_000) for n in range(1, 9)),
        *(one(n, "c", 9_000, failed=True) for n in range(10, 13)),
    )
    rows = client.get(f"/services.json?sort={sort}").json()["rows"]
    assert rows[0]["service"] == first
    other = client.get(
        f"/services.json?sort={sort}&order={'down' if sort == 'name' else 'up'}"
    )
    names = [row["service"] for row in other.json()["rows"]]
    assert names[-1] == first
    assert "aria-sort" in client.get(f"/services?sort={sort}").content.decode()


def test_a_filter_leaves_what_holds_it(client: Client) -> None:
    store(call(0))
    words = text_of(client.get("/services?q=SHO"))
    assert "1 in all." in words
    assert " shop " in words
    assert "Nothing in this window" in text_of(client.get("/services?q=none"))
    assert client.get("/services.json?q=buy&by=operation").json()["count"] == 1


@pytest.mark.parametrize(
    "query", ["sort=size", "by=pod", "order=left", "lookback=soon", "start=x"]
)
def test_bad_parameters_are_refused_in_words(client: Client, query: str) -> None:
    store(call(0))
    page = client.get(f"/services?{query}")
    assert page.status_code == 400
    assert 'role="alert"' in page.content.decode()
    assert client.get(f"/services.json?{query}").status_code == 400
    assert client.get("/services.json?colour=red").status_code == 400
    assert "colour" in client.get("/services?colour=red").content.decode()


def test_a_services_page_tells_callers_callees_and_errors(client: Client) -> None:
    store(
        *(call(n) for n in range(8)),
        *(call(n, failed=True) for n in range(8, 11)),
        call(11, failed=True, why="Refused"),
    )
    page = client.get("/services/shop")
    words = text_of(page)
    assert page.status_code == 200
    assert "12 requests" in words
    assert "33 % failed." in words
    called = words.split("Called by")[-1]
    assert called.index("web") < called.index("Errors by type")
    errors = words.split("Errors by type")[-1]
    assert errors.index("Timeout") < errors.index("Refused")
    assert "in its newest 4 failed traces" in errors
    web = text_of(client.get("/services/web"))
    assert "None failed." in web
    callees = web.split("Called by")[-1].split("Errors by type")[0]
    assert callees.startswith(" None in this window. Calls ")
    assert "shop" in callees


def test_versions_are_told_apart_only_beyond_chance(client: Client) -> None:
    store(
        *(call(n, 5_000 + n) for n in range(40)),
        *(call(n, 50_000 + n, version="v2") for n in range(40, 70)),
    )
    assert "v2 is slower than v1: p50" in text_of(client.get("/services/shop"))


def test_equal_versions_differ_by_no_more_than_chance(client: Client) -> None:
    store(*(call(n, 5_000 + n * 37 % 50, version=f"v{n % 2}") for n in range(80)))
    words = text_of(client.get("/services/shop"))
    assert "They differ by no more than chance." in words


def test_slower_than_yesterday_is_told_with_figures(client: Client) -> None:
    store(
        call(999, at=-9 * DAY_US),
        *(call(n, 5_000 + n, at=-DAY_US) for n in range(40)),
        *(call(n, 5_000 + n, at=-7 * DAY_US) for n in range(40, 80)),
        *(call(n, 60_000 + n) for n in range(100, 140)),
    )
    words = text_of(client.get("/services/shop"))
    assert "Against the same time yesterday: shop is" in words
    assert re.search(r"shop is 1\d\.\d times slower: p50 5\.\d ms before, 6", words)
    assert "Against the same time last week:" in words
    assert "shop is" in text_of(client.get("/services"))


def test_the_same_as_yesterday_claims_nothing(client: Client) -> None:
    store(
        call(999, at=-9 * DAY_US),
        *(call(n, 5_000 + n % 40, at=-DAY_US) for n in range(40)),
        *(call(n, 5_000 + n % 40) for n in range(100, 140)),
    )
    for page in ("/services", "/services/shop"):
        words = text_of(client.get(page))
        assert "Against the same time yesterday" not in words
        assert "Nothing differs from the same time yesterday" in words
        assert "last week" in words


def test_without_a_past_that_is_said(client: Client) -> None:
    store(*(call(n) for n in range(30)))
    words = text_of(client.get("/services"))
    assert "Nothing is stored of the same time yesterday." in words


def test_hostile_names_stay_text_and_have_pages(client: Client) -> None:
    store(*(call(n, callee=HOSTILE, operation=HOSTILE, failed=True, why=HOSTILE,
                 version=HOSTILE) for n in range(12)))  # fmt: skip
    listed = client.get("/services").content.decode()
    address = reverse("dashboard:service", args=[HOSTILE])
    assert f'href="{escape(address)}"' in listed
    for path in ("/services", "/services?by=operation", address, "/services/web"):
        page = client.get(path)
        html = page.content.decode()
        assert page.status_code == 200, path
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert " style=" not in html
    assert client.get("/services/nobody").status_code == 404
    assert (
        client.get(f"/services?q={quote(HOSTILE)}&by={quote(HOSTILE)}").status_code
        == 400
    )


def test_a_stranger_may_not_look(client: Client, settings: Any) -> None:
    store(call(0))
    settings.ALLOWED_HOSTS = ["traces.example"]
    stranger = Client(SERVER_NAME="traces.example", REMOTE_ADDR="10.9.8.7")
    for path in ("/services", "/services/shop", "/services.json"):
        assert stranger.get(path).status_code in (302, 401, 403)


def test_small_charts_hold_the_sums_of_the_window() -> None:
    store(*(call(n, at=-60_000_000 * n, failed=n % 3 == 0) for n in range(50)))
    last = int(time.time() // 60)
    first = last - 89
    table = read_window_sums(first, last, "", ("service",)).tables["service"]
    groups = group_keys(table, lambda words: words[0])
    chosen = [groups.names.index("shop"), groups.names.index("web")]
    series, steps = series_of(table, groups, chosen, first, last)
    assert steps <= POINTS
    sums = sums_of(table, groups)
    for place, number in enumerate(chosen):
        part = slice(place * steps, (place + 1) * steps)
        assert series.count[part].sum() == sums.count[number] == 50
        assert series.errors[part].sum() == sums.errors[number]


def test_a_line_breaks_where_nothing_was_called() -> None:
    assert line_of([5, 0, 9], [1, 0, 1], 10.0).count("M") == 2
    assert line_of([5, 7, 9], [1, 1, 1], 10.0).count("M") == 1
    assert line_of([], [], 10.0) == ""
