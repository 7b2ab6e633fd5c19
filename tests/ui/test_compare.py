"""The compare page: what it says, what it refuses, and that nothing becomes markup."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.test import Client

from dashboard.actions.ingest import ingest
from dashboard.actions.sources import receiver_source
from dashboard.traces.trace import Trace
from tests.factories import START_US, make_trace

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}\u202e'


def trace_id(number: int) -> str:
    return f"{number + 1:032x}"


def shop(number: int, slow_us: int, version: str = "v1", **tags: Any) -> Trace:
    """web calls ratings, which takes ``slow_us``."""
    return make_trace(
        [
            {
                "id": "01",
                "service": "web",
                "operation": "GET /",
                "kind": "server",
                "start": number * 1_000,
                "duration": slow_us + 1_000,
            },
            {
                "id": "02",
                "parent": "01",
                "service": "ratings",
                "operation": "rate",
                "kind": "server",
                "start": number * 1_000 + 100,
                "duration": slow_us,
                "process": {"service.version": version},
                "tags": tags,
            },
        ],
        trace_id(number),
    )


def store(*traces: Trace) -> None:
    ingest(receiver_source(), list(traces), replace=False)


def text_of(response: Any) -> str:
    words = re.sub(
        r"<script.*?</script>|<[^>]+>", " ", response.content.decode(), flags=re.S
    )
    return re.sub(r"\s+", " ", words.replace("\u202f", " "))


@pytest.fixture
def groups() -> dict[str, str]:
    """30 fast traces of v1 and 20 slow ones of v2."""
    store(
        *(shop(n, 5_000 + n, "v1", zone="x") for n in range(30)),
        *(shop(n, 90_000 + n, "v2", zone="x") for n in range(30, 50)),
    )
    return {
        "a": "service=ratings&maxDuration=50ms",
        "b": "service=ratings&minDuration=50ms",
    }


def test_two_traces_say_where_the_difference_is(client: Client) -> None:
    store(shop(0, 5_000), shop(1, 105_000))
    page = client.get(f"/trace/{trace_id(0)}...{trace_id(1)}")
    words = text_of(page)
    assert page.status_code == 200
    assert "B took 106 ms, 100 ms longer than A (6.0 ms)." in words
    assert "web waits 100 ms longer for ratings v1: 100 % of the difference." in words
    assert 'role="treegrid"' in page.content.decode()
    assert words.count("slower in B") == 2  # the legend and one call


def test_three_traces_are_compared_in_turn(client: Client) -> None:
    store(shop(0, 5_000), shop(1, 105_000), shop(2, 305_000))
    address = f"/trace/{trace_id(0)}...{trace_id(1)}...{trace_id(2)}"
    assert "100 ms longer" in text_of(client.get(address))
    assert "300 ms longer" in text_of(client.get(f"{address}?with=2"))
    cohort = f"/trace/{trace_id(0)}...{trace_id(1)}?cohort={trace_id(2)}"
    assert "Compare with A" in text_of(client.get(cohort))
    assert client.get(f"{address}?with=9").status_code == 200


def test_groups_name_the_version_that_is_slow(
    client: Client, groups: dict[str, str]
) -> None:
    first = client.get("/compare", groups)
    assert first.status_code == 302  # to absolute times
    page = client.get(first["Location"])
    assert page.status_code == 200
    words = text_of(page)
    assert "longer than those of A" in words
    assert "web waits 85.0 ms longer for ratings v2: 100 % of the difference." in words
    # Named once as the most telling; v1 is its mirror image.
    assert (
        "What tells them apart most: service.version=v2 of ratings, in 100 % of B "
        "and 0 % of A." in words
    )
    assert "All 30 traces." in words
    assert "All 20 traces." in words


def test_without_a_difference_nothing_is_claimed(client: Client) -> None:
    store(*(shop(n, 5_000 + n * 37 % 20, zone="xy"[n * 7 % 3 % 2]) for n in range(60)))
    middle = START_US + 30_000 - 1
    page = client.get(
        "/compare",
        {"a": f"service=web&end={middle}", "b": f"service=web&start={middle + 1}"},
        follow=True,
    )
    words = text_of(page)
    assert "That is no more than chance." in words
    assert "No attribute explains the difference by more than chance." in words
    assert words.count("slower in B") == words.count("faster in B") == 1  # the legend


def test_lines_of_query_make_groups_and_their_tags_explain_nothing(
    client: Client, groups: dict[str, str]
) -> None:
    lines = {
        "line_a": "service=ratings service.version=v1",
        "line_b": "service=ratings service.version=v2 trace.duration>50ms",
        "lookback": "1d",
    }
    page = client.get("/compare", lines, follow=True)
    words = text_of(page)
    assert page.status_code == 200
    assert "85.0 ms longer" in words
    assert "trace.duration&gt;50ms" in words
    assert "What tells them apart" not in words
    bad = client.get("/compare", lines | {"line_b": "duration>much"}, follow=True)
    assert bad.status_code == 400
    assert 'value="duration&gt;much"' in bad.content.decode()


def test_what_both_searches_find_counts_for_b_alone(
    client: Client, groups: dict[str, str]
) -> None:
    page = client.get("/compare", {**groups, "a": "service=ratings"}, follow=True)
    assert "20 that B holds too are left out." in text_of(page)


def test_chosen_traces_make_groups_and_small_ones_are_not_judged(
    client: Client, groups: dict[str, str]
) -> None:
    def chosen(first: int, last: int) -> str:
        return "&".join(f"traceID={trace_id(n)}" for n in range(first, last))

    pair = {"a": chosen(0, 10), "b": chosen(30, 40)}
    words = text_of(client.get("/compare", pair, follow=True))
    assert "10 chosen traces" in words
    assert "85.0 ms longer" in words
    assert "too small" not in words
    few = {"a": chosen(0, 3), "b": chosen(30, 33)}
    words = text_of(client.get("/compare", few, follow=True))
    assert "The groups are too small to judge" in words
    assert "These are too few to say that they differ." in words


def test_a_limit_is_told(client: Client, groups: dict[str, str]) -> None:
    page = client.get("/compare", {**groups, "limit": "7"}, follow=True)
    assert text_of(page).count("Newest 7 ") == 2


def test_presets_make_fixed_searches(client: Client, groups: dict[str, str]) -> None:
    slow = client.get("/compare", {"preset": "slow", "service": "ratings"})
    assert slow.status_code == 302
    assert "minDuration" in slow["Location"]
    assert "lookback" not in slow["Location"]
    assert client.get(slow["Location"]).status_code == 200
    versions = {
        "preset": "version",
        "service": "ratings",
        "version": "v2",
        "base_version": "v1",
    }
    page = client.get("/compare", versions, follow=True)
    assert "85.0 ms longer" in text_of(page)
    moment = {"preset": "moment", "service": "web", "at": START_US + 30_000}
    page = client.get("/compare", moment, follow=True)
    assert "85.0 ms longer" in text_of(page)
    failed = client.get("/compare", {"preset": "failed"}, follow=True)
    assert "No stored trace matches B." in text_of(failed)


@pytest.mark.parametrize(
    "query",
    [
        {"a": "service=web"},
        {"a": "minDuration=much", "b": "service=web"},
        {"a": "service=web", "b": "service=x", "limit": "0"},
        {"a": "service=web", "b": "service=x", "limit": "-1"},
        {"preset": "nonsense"},
        {"preset": "slow"},
        {"preset": "slow", "service": "nobody"},
        {"preset": "version", "service": "web", "version": "1", "base_version": "1"},
        {"preset": "version", "service": "web", "version": "1", "base_version": "2"},
        {"preset": "moment", "at": "yesterday"},
        {"preset": "moment", "at": "5"},
        {"preset": "failed", "lookback": "long"},
        {"preset": "failed", "start": "x"},
        {"first": "zz", "second": "1"},
    ],
    ids=str,
)
def test_bad_choices_are_refused_in_words(
    client: Client, query: dict[str, str]
) -> None:
    page = client.get("/compare", query)
    assert page.status_code == 400
    assert 'role="alert"' in page.content.decode()


def test_bad_ids_are_refused(client: Client) -> None:
    store(shop(0, 5_000))
    assert client.get(f"/trace/{trace_id(0)}...zz").status_code == 400
    assert client.get(f"/trace/{trace_id(0)}...{'f' * 32}").status_code == 404
    many = "...".join(trace_id(n) for n in range(20))
    assert client.get(f"/trace/{many}").status_code == 400
    # Jaeger's links to a comparison that is still empty.
    assert client.get("/trace/...").status_code == 302
    half = client.get(f"/trace/{trace_id(0)}...", follow=True)
    assert trace_id(0) in half.content.decode()


def test_hostile_names_stay_text(client: Client) -> None:
    def hostile(number: int, value: str) -> Trace:
        return make_trace(
            [
                {
                    "id": "01",
                    "service": f"shop{HOSTILE}",
                    "operation": HOSTILE,
                    "start": number,
                    "process": {"service.version": HOSTILE},
                    "tags": {HOSTILE: value, "error": True},
                }
            ],
            trace_id(number),
        )

    store(
        *(hostile(n, HOSTILE) for n in range(10)),
        *(hostile(n, f"{HOSTILE}2") for n in range(10, 20)),
    )
    middle = START_US + 10
    searches = {"a": f"end={middle - 1}", "b": f"start={middle}"}
    for page in (
        client.get(f"/trace/{trace_id(0)}...{trace_id(15)}"),
        client.get(f"/trace/{trace_id(0)}...{trace_id(15)}?view=table"),
        client.get("/compare", searches, follow=True),
        client.get(
            "/compare", {"a": HOSTILE, "b": f"tags={quote(HOSTILE)}"}, follow=True
        ),
        client.get("/compare", {"preset": HOSTILE, "service": HOSTILE}),
        client.get(f"/trace/{trace_id(0)}/alike"),
        client.get(f"/trace/{trace_id(0)}"),
    ):
        html = page.content.decode()
        assert page.status_code in (200, 400)
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert " style=" not in html


def test_traces_alike_and_the_fastest_of_the_shape(client: Client) -> None:
    other = make_trace(
        [{"id": "01", "service": "web", "operation": "GET /", "kind": "server"}],
        trace_id(9),
    )
    store(shop(0, 50_000), shop(1, 9_000), shop(2, 5_000), other)
    words = text_of(client.get(f"/trace/{trace_id(0)}/alike"))
    assert "3 stored traces with the same root were looked at." in words
    assert words.index("100 %") < words.index("50 %")
    fastest = client.get(f"/trace/{trace_id(0)}/fastest")
    assert fastest["Location"] == f"/trace/{trace_id(2)}...{trace_id(0)}"
    assert client.get(f"/trace/{trace_id(2)}/fastest").status_code == 404
    assert client.get(f"/trace/{trace_id(77)}/alike").status_code == 404


def test_a_stranger_may_not_compare(client: Client, settings: Any) -> None:
    store(shop(0, 5_000), shop(1, 9_000))
    settings.ALLOWED_HOSTS = ["traces.example"]
    stranger = Client(SERVER_NAME="traces.example", REMOTE_ADDR="10.9.8.7")
    for path in (
        f"/trace/{trace_id(0)}...{trace_id(1)}",
        f"/compare?{urlencode({'a': 'service=web', 'b': 'service=web'})}",
        f"/trace/{trace_id(0)}/alike",
        f"/trace/{trace_id(0)}/fastest",
    ):
        assert stranger.get(path).status_code in (302, 401, 403)
        assert "web" not in stranger.get(path).content.decode().split("<main")[-1]
