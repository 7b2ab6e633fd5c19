"""The line of query on the page, its other view, and what may follow."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from dashboard.actions.ingest import ingest
from dashboard.actions.sources import ensure_source
from dashboard.reads import words
from tests.factories import make_trace

pytestmark = pytest.mark.django_db(transaction=True)
EVIL = '"><img src=x onerror="alert(1)">'


@pytest.fixture(autouse=True)
def stored() -> None:
    words._kept.clear()
    source = ensure_source("jaeger", "http://jaeger", "Jaeger")
    traces = [
        make_trace(
            [
                {"id": "1", "service": "web", "operation": "GET /", "duration": 900},
                {
                    "id": "2",
                    "parent": "1",
                    "service": "shop",
                    "operation": "buy a b",
                    "start": 5,
                    "duration": 100 * (number + 1),
                    "tags": {"http.status_code": 500 + number, "my key": EVIL},
                },
            ],
            f"{number + 1:032x}",
        )
        for number in range(3)
    ]
    ingest(source, traces, replace=True)


def found(client: Any, **parameters: str) -> int:
    answer = client.get(f"/search?{urlencode(parameters)}")
    assert answer.status_code == 200
    return str(answer.content.decode()).count('class="trace-row" href')


def offered(client: Any, text: str) -> list[str]:
    answer = client.get("/search/words", {"text": text, "at": len(text)}).json()
    return [item["text"] for item in answer["items"]]


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("service=shop duration>=200us", 2),
        ("service=web http.status_code=500", 0),
        ("service=web {http.status_code=500}", 1),
        ("web > shop", 3),
        ("shop > web", 0),
        ("web >> {service=shop http.status_code>500}", 2),
        ("-http.status_code=501", 2),
        ("trace.spans>2", 0),
        ("web !>> {duration>150us}", 1),
    ],
)
def test_a_line_finds_traces(client: Any, line: str, count: int) -> None:
    assert found(client, q=line) == count


def test_a_line_and_jaegers_parameters_are_one_search(client: Any) -> None:
    assert found(client, service="shop", q="duration>150us") == 2
    assert found(client, service="web", q="http.status_code=500") == 0
    page = client.get("/search", {"q": "service=shop http.status_code=502 web > shop"})
    text = page.content.decode()
    assert 'name="service" value="shop"' in text
    assert 'value="http.status_code=502"' in text
    assert 'value="web &gt; shop"' in text
    assert "data-live=" in text


def test_a_line_that_fails_is_kept_and_says_where(client: Any) -> None:
    answer = client.get("/search", {"q": "service=web oops error"})
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "Character 13: “oops” alone says nothing." in text
    assert "service=web oops error\n            ^</pre>" in text
    assert 'value="service=web oops error"' in text
    assert "data-live=" not in text  # nothing but what was asked
    assert "traces match" not in text  # nothing was looked for
    assert "Nothing matches" not in text


def test_the_other_view_of_a_search(client: Any) -> None:
    answer = client.get(
        "/search/line", {"q": "service=a error x=1 -b=2", "minDuration": "2ms"}
    ).json()
    assert answer["line"] == "service=a x=1 duration>=2ms error -b=2"
    assert answer["form"] == {
        "service": "a",
        "operation": "",
        "tags": "x=1",
        "minDuration": "2ms",
        "maxDuration": "",
        "error": "true",
        "q": "-b=2",
    }
    wrong = client.get("/search/line", {"q": "service=a {"})
    assert wrong.status_code == 400
    assert wrong.json()["caret"] == ["service=a {", "          ^"]
    assert client.get("/search/line", {"minDuration": "x"}).status_code == 400


def test_keys_and_values_come_from_what_is_stored(client: Any) -> None:
    assert offered(client, "ser") == ["service=", "trace.services>"]
    assert offered(client, "service=") == ["shop ", "web "]
    assert offered(client, "service=shop operation=") == ['"buy a b" ']
    assert "http.status_code=" in offered(client, "{service=shop ht")
    assert "http.status_code=" not in offered(client, "{service=web ht")
    assert sorted(offered(client, "http.status_code=50")) == ["500 ", "501 ", "502 "]
    assert '"my key"=' in offered(client, "-my")
    assert offered(client, '"my key"=') == ['"\\"><img src=x onerror=\\"alert(1)\\">" ']
    assert "trace.error " not in offered(client, "{tr")


def test_bad_places_and_lines_are_refused(client: Any) -> None:
    for query in ({"text": "x" * 3_000}, {"text": "a", "at": "x"}, {"at": "-1"}):
        assert client.get("/search/words", query).status_code == 400
    assert client.get("/search/words", {"text": "a", "at": "99"}).status_code == 200


def test_the_look_up_takes_a_line(client: Any) -> None:
    answer = client.get("/lookup", {"q": "duration>1s"})
    assert answer.status_code == 302
    assert answer["Location"] == "/search?q=duration%3E1s"
