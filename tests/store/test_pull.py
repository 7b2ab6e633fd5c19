"""Pulling: both query APIs, splitting on the limit, and backends that misbehave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import override_settings

from dashboard.actions import pull
from dashboard.actions.sources import ensure_source
from dashboard.models import Source, TraceRecord
from dashboard.sources.http import HttpSettings
from dashboard.sources.jaeger.client import JaegerSource
from dashboard.sources.jaeger.export import trace_object
from dashboard.traces.errors import (
    SourceError,
    SourceTimeout,
    SourceUnavailable,
    TraceNotFound,
)
from tests.factories import START_US, make_trace

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures/jaeger-api"


def recorded(generation: str) -> httpx.MockTransport:
    """Answers recorded from a real server of a generation."""

    def answer(request: httpx.Request) -> httpx.Response:
        path, parameters = request.url.path, request.url.params
        name = {
            "/api/services": "v1-services",
            "/api/traces": "v1-traces",
            "/api/v3/services": "v3-services",
            "/api/v3/traces": "v3-traces",
            "/api/v3/trace-summaries": "v3-trace-summaries",
        }.get(path, "v1-unknown-path")
        if path == "/api/v3/traces" and "query.service_name" in parameters:
            name = "v3-traces-snake-case"
        if path.startswith("/api/traces/"):
            name = "v1-trace-unknown" if path.endswith("dead") else "v1-trace-raw"
        if path.startswith("/api/v3/traces/"):
            name = "v3-trace-unknown" if path.endswith("dead") else "v3-trace"
        head = (FIXTURES / generation / f"{name}.head").read_text()
        status = int(next(w for w in head.split() if w.isdigit() and len(w) == 3))
        html = "text/html" in head
        body = (FIXTURES / generation / f"{name}.body").read_bytes()
        if html:
            body = b"<!doctype html><title>Jaeger</title>"
        kind = "text/html" if html else "text/plain"
        return httpx.Response(status, content=body, headers={"Content-Type": kind})

    return httpx.MockTransport(answer)


@pytest.mark.parametrize(("generation", "api"), [("v2.13", "v1"), ("head", "v3")])
def test_each_generation_is_recognised_and_read(generation: str, api: str) -> None:
    source = JaegerSource(HttpSettings("http://jaeger:16686"), recorded(generation))
    assert source.list_services()
    assert source.api == api
    found = source.find_traces("frontend", 0, 10**15, 100)
    assert len(found.traces) == 6
    assert len(source.get_trace("a" * 32)) >= 7
    with pytest.raises(TraceNotFound):
        source.get_trace("dead")


def test_the_old_spelling_of_v3_is_found() -> None:
    source = JaegerSource(HttpSettings("http://jaeger:16686"), recorded("v2.13"))
    source.api = "v3"
    assert len(source.find_traces("frontend", 0, 10**15, 100).traces) == 6
    assert source.snake_case


BAD = [
    (httpx.Response(200, html="<html>sign in</html>"), SourceUnavailable, "web page"),
    (httpx.Response(500, text="boom"), SourceUnavailable, "status 500"),
    (httpx.Response(401, text="no"), SourceUnavailable, "refuses access"),
    (httpx.Response(200, text='{"data": ["a", '), SourceError, "cut off"),
    (
        httpx.Response(302, headers={"Location": "http://evil/"}),
        SourceUnavailable,
        "another host",
    ),
    (httpx.Response(200, content=b"x" * 5_000), SourceError, "more than"),
]


@pytest.mark.parametrize(("response", "error", "words"), BAD)
def test_a_backend_that_misbehaves_is_told(
    response: Any, error: Any, words: str
) -> None:
    transport = httpx.MockTransport(lambda request: response)
    source = JaegerSource(
        HttpSettings("http://jaeger:16686", max_bytes=4_000), transport
    )
    with pytest.raises(error, match=words):
        source.list_services()


def test_a_slow_backend_is_told() -> None:
    def slow(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    source = JaegerSource(
        HttpSettings("http://jaeger:16686"), httpx.MockTransport(slow)
    )
    with pytest.raises(SourceTimeout, match="did not answer"):
        source.list_services()


def test_secrets_are_in_no_text_form() -> None:
    settings = HttpSettings(
        "http://j", token="tok", password="pw", headers=(("X", "y"),)
    )
    assert "tok" not in repr(settings)
    assert "pw" not in repr(settings)


class Backend:
    """A Jaeger of v1 with many traces and a limit."""

    def __init__(self, count: int):
        self.traces = [
            make_trace(
                [{"id": "01", "service": "web", "kind": "server", "start": i * 900}],
                f"{i + 1:032x}",
            )
            for i in range(count)
        ]
        self.asked: list[int] = []
        self.fault: httpx.Response | None = None

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.fault is not None:
            return self.fault
        if request.url.path == "/api/services":
            return httpx.Response(200, json={"data": ["web"]})
        if request.url.path.startswith("/api/v3/"):
            return httpx.Response(404)
        low, high = (int(request.url.params[n]) for n in ("start", "end"))
        limit = int(request.url.params["limit"])
        found = [t for t in self.traces if low <= t.start_ns[0] // 1000 <= high]
        self.asked.append(len(found))
        found.sort(key=lambda t: -int(t.start_ns[0]))
        body = json.dumps({"data": [trace_object(t) for t in found[:limit]]})
        return httpx.Response(200, text=body)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    made = Backend(700)
    client = JaegerSource(
        HttpSettings("http://jaeger:16686"), httpx.MockTransport(made.answer)
    )
    monkeypatch.setattr(pull, "client_of", lambda source: client)
    return made


@pytest.mark.django_db(transaction=True)
def test_a_burst_beyond_the_limit_is_split_until_all_is_had(backend: Backend) -> None:
    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    assert START_US > 0
    with override_settings(SPANBOARD_PULL_LIMIT=50):
        done = pull.pull_source(source.pk)
    assert done.created == 700
    assert TraceRecord.objects.count() == 700
    again = pull.pull_source(source.pk)
    assert again.created + again.grown == 0


@pytest.mark.django_db(transaction=True)
def test_a_failure_is_noted_and_backed_off_and_what_was_missed_is_caught_up(
    backend: Backend,
) -> None:
    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    backend.fault = httpx.Response(503, text="down")
    pull.pull_source(source.pk)
    source.refresh_from_db()
    assert "status 503" in source.last_error
    assert source.failing_since is not None
    assert source.pk not in pull.due_sources()
    backend.fault = None
    Source.objects.update(next_try_at=None)
    pull.pull_source(source.pk)
    source.refresh_from_db()
    assert source.failing_since is None
    assert TraceRecord.objects.count() == 700


@pytest.mark.django_db(transaction=True)
def test_a_trace_is_not_asked_of_a_backend_that_backs_off(backend: Backend) -> None:
    from dashboard.actions.on_demand import fetch_trace

    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    backend.fault = httpx.Response(503, text="down")
    pull.pull_source(source.pk)
    found, problems = fetch_trace("ab" * 16)
    assert not found
    assert "status 503" in problems[0]


@pytest.mark.django_db(transaction=True)
def test_two_pulls_of_one_source_do_not_run_together(backend: Backend) -> None:
    from datetime import timedelta

    from django.utils import timezone

    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    Source.objects.update(busy_until=timezone.now() + timedelta(seconds=30))
    assert pull.pull_source(source.pk).created == 0
    assert not backend.asked
