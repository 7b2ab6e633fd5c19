"""What a backend must do, against a real Jaeger, recorded ones, and Spanboard itself.

``SPANBOARD_TEST_JAEGER_URL`` runs the same against any other real one (read only;
it must hold traces of the last day). Answers of ``head`` (after v2.20, with
trace-summaries and without v1's search) are replayed, since it can not be built
here: see tests/fixtures/README.md.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dashboard.demo.traffic import send
from dashboard.sources.base import Asked, TraceSource
from dashboard.sources.http import HttpSettings
from dashboard.sources.jaeger.client import JaegerSource
from dashboard.traces.errors import TraceNotFound
from tests.peers.jaeger import Jaeger
from tests.peers.need import until
from tests.peers.running import RunningSpanboard
from tests.store.test_pull import recorded

DAY_US = 86_400_000_000
PEERS = ["replayed v2.13", "replayed head", "jaeger", "spanboard", "url"]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    """A real Jaeger with 40 traces."""
    server = Jaeger(tmp_path_factory.mktemp("jaeger"))
    try:
        server.start()
        send(server.otlp, 40, seed=21)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def board(real: Jaeger) -> Iterator[RunningSpanboard]:
    """A Spanboard that pulls it, and so serves the same by Jaeger's API."""
    made = RunningSpanboard("--jaeger", real.url)
    try:
        made.start()
        ours = JaegerSource(HttpSettings(made.url))
        theirs = JaegerSource(HttpSettings(real.url))

        def same() -> bool:
            return sizes(ours) == sizes(theirs)

        until(same, "the same traces in Spanboard", 30)
        yield made
    finally:
        made.stop()


def sizes(client: TraceSource) -> dict[str, int]:
    """Span counts by trace id, of all services, by searches."""
    now = time.time_ns() // 1_000
    found: dict[str, int] = {}
    for service in client.list_services():
        some = client.find_traces(service, now - DAY_US, now + 10**6, 1_000)
        found |= {trace.trace_id: len(trace) for trace in some.traces}
    return found


@pytest.fixture(params=PEERS)
def client(request: pytest.FixtureRequest) -> JaegerSource:
    """A client of each peer."""
    name: str = request.param
    if name.startswith("replayed"):
        return JaegerSource(HttpSettings("http://jaeger:16686"), recorded(name[9:]))
    if name == "url":
        url = os.environ.get("SPANBOARD_TEST_JAEGER_URL", "")
        if not url:
            pytest.skip("SPANBOARD_TEST_JAEGER_URL names no further Jaeger")
        return JaegerSource(HttpSettings(url))
    fixture = {"jaeger": "real", "spanboard": "board"}[name]
    return JaegerSource(HttpSettings(request.getfixturevalue(fixture).url))


def some_service(client: JaegerSource) -> tuple[str, list[Any]]:
    """A service with traces, and those."""
    now = time.time_ns() // 1_000
    names = client.list_services()
    assert names == sorted(set(names))
    for name in ["frontend", *names]:
        if name in names:
            found = client.find_traces(name, now - DAY_US, now + 10**6, 50)
            if found.traces:
                return name, found.traces
    raise AssertionError(f"no service of {names} has traces")


def test_what_is_found_can_be_got_and_holds_the_service(client: JaegerSource) -> None:
    service, traces = some_service(client)
    assert all(service in trace.services for trace in traces)
    assert len({trace.trace_id for trace in traces}) == len(traces)
    if client.http.settings.url != "http://jaeger:16686":  # replayed: one answer
        for trace in traces[:5]:
            assert len(client.get_trace(trace.trace_id)) == len(trace)
    with pytest.raises(TraceNotFound):
        client.get_trace("dead")


def test_what_is_listed_is_what_is_found(client: JaegerSource) -> None:
    service, traces = some_service(client)
    now = time.time_ns() // 1_000
    listing = client.list_traces(service, now - DAY_US, now + 10**6, 50)
    if listing is None:  # before 2.19
        assert client.summaries is False
        return
    assert {t.trace_id: t.span_count for t in listing.traces} == {
        trace.trace_id: len(trace) for trace in traces
    }
    for listed in listing.traces:
        assert listed.start_us > 0


def test_the_limit_is_told(client: JaegerSource) -> None:
    if client.http.settings.url == "http://jaeger:16686":
        pytest.skip("a recorded answer has one length")
    service, traces = some_service(client)
    now = time.time_ns() // 1_000
    window = (now - DAY_US, now + 10**6)
    assert client.find_traces(service, *window, 2).full is (len(traces) >= 2)
    assert not client.find_traces(service, *window, 1_000).full
    assert client.find_traces(service, 10**12, 10**12 + 1_000, 5).traces == []


def test_a_search_narrows(client: JaegerSource) -> None:
    if client.http.settings.url == "http://jaeger:16686":
        pytest.skip("a recorded answer is the same for all questions")
    service, traces = some_service(client)
    now = time.time_ns() // 1_000
    trace = traces[0]
    row = next(n for n in range(len(trace)) if trace.service_name(n) == service)
    operation = trace.operation_name(row)
    asked = Asked(service, now - DAY_US, now + 10**6, 50, operation)
    found = client.search(asked).traces
    assert found
    for trace in found:
        pairs = {
            (trace.service_name(n), trace.operation_name(n)) for n in range(len(trace))
        }
        assert (service, operation) in pairs
    nothing = Asked(service, now - DAY_US, now + 10**6, 50, "no such operation")
    assert client.search(nothing).traces == []


def test_its_clock_is_told(client: JaegerSource) -> None:
    client.list_services()
    if client.http.settings.url != "http://jaeger:16686":
        assert abs(client.clock_offset_s()) < 60
    assert client.mean_answer_ms() > 0
    assert client.mean_answer_ms() == 0.0


def test_spanboard_pulls_spanboard_by_what_it_lists(
    board: RunningSpanboard, real: Jaeger
) -> None:
    """A second one copies the first: same traces, same graph, few bytes."""
    second = RunningSpanboard("--jaeger", board.url)
    try:
        second.start()
        ours = JaegerSource(HttpSettings(second.url))
        theirs = JaegerSource(HttpSettings(real.url))
        until(lambda: sizes(ours) == sizes(theirs), "the same traces in the second", 40)
        assert ours.list_traces("productpage", 0, 10, 5) is not None
        assert "Traceback" not in second.text()
    finally:
        second.stop()
