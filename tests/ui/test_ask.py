"""A search passed on to the backend: same rows, where they are from, faults in a line."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from django.utils import timezone

from dashboard.actions.ingest import ingest
from dashboard.models import Source, TraceRecord
from dashboard.traces.trace import Trace
from tests.factories import START_US, make_trace
from tests.store.test_pull_order import MINUTE_US, Backend, serve, source

__all__ = ["serve"]  # the fixture
pytestmark = pytest.mark.django_db(transaction=True)
EVIL = '<img src=x onerror="alert(1)">'


def old(number: int, service: str, days: int = 20, **more: Any) -> Trace:
    start = time.time_ns() // 1_000 - days * 1440 * MINUTE_US - START_US
    span = {"id": "01", "service": service, "kind": "server", "start": start, **more}
    return make_trace([span], f"{number:032x}")


def ask(client: Any, **conditions: str) -> str:
    answer = client.get(f"/search/ask?{urlencode(conditions)}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_what_is_not_stored_is_shown_like_what_is_and_says_where_it_is_from(
    client, serve
) -> None:
    traces = [old(n, "web", operation=f"op-{n}") for n in (1, 2, 3)]
    serve([*traces, old(9, "db")])
    ingest(source(), [traces[0]], replace=True)
    text = ask(client, service="web", lookback="30d")
    assert text.count('class="trace-row"') == 2
    assert f'href="/trace/{2:032x}"' in text
    assert f"/trace/{1:032x}" not in text
    assert "From Jaeger" in text
    assert "2 not stored here, from 20" in text
    assert "1 more are stored" in text
    assert TraceRecord.objects.count() == 1  # nothing was stored by asking
    # It opens, fetched when it is opened.
    assert client.get(f"/trace/{2:032x}").status_code == 200


def test_all_conditions_hold_on_the_spans_that_came(client, serve) -> None:
    tags = {"http.status_code": 503, "error": True}
    backend: Backend = serve(
        [
            old(1, "web", operation="buy", duration=5_000, tags=tags),
            old(2, "web", operation="buy", duration=5_000),
            old(3, "web", operation="look", duration=5_000, tags=tags),
            old(4, "web", operation="buy", duration=1, tags=tags),
        ]
    )
    source()
    text = ask(
        client,
        service="web",
        operation="buy",
        tags="http.status_code=503",
        minDuration="1ms",
        error="true",
        lookback="30d",
    )
    assert text.count('class="trace-row"') == 1
    assert f"/trace/{1:032x}" in text
    assert {name for name, _, _ in backend.asked} == {"web"}


def test_the_conditions_are_passed_on(serve) -> None:
    from dashboard.actions import pull
    from dashboard.sources.base import Asked

    backend: Backend = serve([old(1, "web")])
    told: list[httpx.QueryParams] = []

    def note(request: httpx.Request) -> None:
        told.append(request.url.params)

    client = pull.client_of(source())
    client.list_services()
    backend.fault = note
    asked = Asked("web", 1_000, 2_000, 7, "buy", (("a", "b c"),), 1_500, 9_000)
    client.search(asked)
    assert dict(told[0]) == {
        "service": "web",
        "start": "1000",
        "end": "2000",
        "limit": "7",
        "raw": "true",
        "operation": "buy",
        "tags": '{"a": "b c"}',
        "minDuration": "1500us",
        "maxDuration": "9000us",
    }
    client.api = "v3"
    backend.fault = lambda r: note(r) or httpx.Response(404, json={"error": {}})
    assert client.search(asked).traces == []
    assert told[1]["query.operationName"] == "buy"
    assert told[1]["query.attributes"] == '{"a": "b c"}'
    assert told[1]["query.durationMin"] == "1500us"
    assert told[1]["query.searchDepth"] == "7"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda r: httpx.Response(500, text="boom"), "status 500"),
        (lambda r: httpx.Response(200, html="<b>Sign in</b>"), "web page"),
        (lambda r: httpx.Response(429, headers={"Retry-After": "9"}), "pause of 9 s"),
        (lambda r: httpx.Response(200, text='{"data": ["a"'), "status 200"),
    ],
)
def test_a_backends_fault_is_told_in_a_line(client, serve, fault, words) -> None:
    backend: Backend = serve([old(1, "web")])
    source()
    from dashboard.actions import pull

    pull.client_of(source()).list_services()
    backend.fault = fault
    text = ask(client, service="web", lookback="30d")
    assert "Jaeger could not be asked" in text
    assert words in text or "unreadable" in text
    assert "<b>Sign in" not in text


def test_a_backend_that_backs_off_is_not_asked(client, serve) -> None:
    backend: Backend = serve([old(1, "web")])
    source()
    later = timezone.now() + timedelta(seconds=30)
    Source.objects.update(next_try_at=later, last_error="it is down")
    assert "it is down" in ask(client, service="web", lookback="30d")
    assert backend.asked == []


def test_hostile_content_is_only_text(client, serve) -> None:
    serve([old(1, "web", operation=EVIL, tags={"error": True})])
    source()
    text = ask(client, service="web", lookback="30d")
    assert EVIL not in text
    assert "&lt;img src=x" in text


def test_without_a_service_or_with_nonsense_it_says_what_is_needed(
    client, serve
) -> None:
    backend: Backend = serve([old(1, "web")])
    source()
    assert "Choose a service" in ask(client)
    assert 'role="alert"' in ask(client, service="web", minDuration="soon")
    assert backend.asked == []


def test_the_search_page_offers_it_and_asks_by_itself_before_what_is_stored(
    client, serve
) -> None:
    serve([old(1, "web")])

    def page(**conditions: str) -> str:
        return str(client.get(f"/search?{urlencode(conditions)}").content.decode())

    assert "data-ask-button" not in page(service="web")  # no backend at all
    source()
    ingest(source(), [old(2, "web", days=1)], replace=True)
    assert "data-ask-button" not in page()
    text = page(service="web", lookback="1h")
    assert "Ask Jaeger too" in text
    assert "data-ask-auto" not in text
    assert "data-ask-auto" in page(service="web", lookback="7d")


def test_a_share_is_said_on_search_and_graph(client, serve) -> None:
    serve([old(1, "web")])
    source()
    Source.objects.update(kept_share=0.1)
    for path in ("/search", "/graph"):
        text = client.get(path).content.decode()
        assert "10\u202f% of its traces are taken" in text
        assert "nothing sampled" not in text
