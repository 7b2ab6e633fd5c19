"""Order, pace, limits and interruptions of pulls: nothing lost, nothing pressed."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.test import override_settings
from django.utils import timezone

from dashboard.actions import pull
from dashboard.actions.choice import is_kept
from dashboard.actions.sources import ensure_source
from dashboard.actions.watch import note_watched
from dashboard.actions.windows import joined, since, without
from dashboard.models import Gap, Source, TraceRecord, Watch
from dashboard.sources.http import HttpSettings
from dashboard.sources.jaeger.client import JaegerSource
from dashboard.sources.jaeger.export import trace_object
from dashboard.traces.moments import parse_moment
from dashboard.traces.trace import Trace
from tests.factories import START_US, make_trace

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE_US = 60_000_000
LIMITS = ("Min", "Max")


def one(number: int, service: str, ago_us: int, now_us: int = 0) -> Trace:
    """A trace of one span that started so long ago."""
    start = (now_us or time.time_ns() // 1_000) - ago_us - START_US
    span = {"id": "01", "service": service, "kind": "server", "start": start}
    return make_trace([span], f"{number:032x}")


class Backend:
    """A Jaeger of v1, or with trace-summaries, that notes what it is asked."""

    def __init__(self, traces: list[Trace]):
        self.traces = traces
        self.asked: list[tuple[str, int, int]] = []
        self.listed: list[str] = []
        self.fetched: list[str] = []
        self.summaries = False
        self.offset_s = 0.0  # of its clock
        self.fault: Callable[[httpx.Request], httpx.Response | None] = lambda r: None
        self.lock = threading.Lock()
        self.now = self.most = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            response = self.fault(request) or self._answer(request)
        finally:
            with self.lock:
                self.now -= 1
        at = time.gmtime(time.time() + self.offset_s)
        response.headers["Date"] = time.strftime("%a, %d %b %Y %H:%M:%S GMT", at)
        return response

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path, given = request.url.path, request.url.params
        if path == "/api/services":
            names = {t.services[int(t.service[0])] for t in self.traces}
            return httpx.Response(200, json={"data": sorted(names)})
        if path.startswith("/api/traces/"):
            self.fetched.append(path.rsplit("/", 1)[1])
            found = [t for t in self.traces if t.trace_id == self.fetched[-1]]
            return self._bodies(found)
        if path == "/api/v3/trace-summaries" and self.summaries:
            self.listed.append(given["query.serviceName"])
            rows = [
                {
                    "traceId": t.trace_id,
                    "spanCount": len(t),
                    "minStartTimeUnixNano": str(int(t.start_ns.min())),
                }
                for t in self._found(
                    given["query.serviceName"],
                    *(parse_moment(given[f"query.startTime{w}"]) for w in LIMITS),
                )
            ]
            return httpx.Response(200, json={"summaries": rows})
        if path.startswith("/api/v3/"):
            return httpx.Response(404)
        low, high = int(given["start"]), int(given["end"])
        self.asked.append((given["service"], low, high))
        found = self._found(given["service"], low, high)
        return self._bodies(found[: int(given["limit"])])

    def _found(self, service: str, low: int, high: int) -> list[Trace]:
        found = [
            t
            for t in self.traces
            if service in t.services and low <= t.start_ns.min() // 1_000 <= high
        ]
        return sorted(found, key=lambda t: -int(t.start_ns.min()))

    @staticmethod
    def _bodies(found: list[Trace]) -> httpx.Response:
        return httpx.Response(
            200, text=json.dumps({"data": [trace_object(t) for t in found]})
        )


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Backend]:
    """Makes a backend that all pulls of the test ask."""

    def make(traces: list[Trace], **more: Any) -> Backend:
        backend = Backend(traces)
        client = JaegerSource(
            HttpSettings("http://jaeger:16686", **more),
            httpx.MockTransport(backend.answer),
        )
        monkeypatch.setattr(pull, "client_of", lambda source: client)
        return backend

    return make


def source() -> Source:
    return ensure_source("jaeger", "http://jaeger:16686", "Jaeger")


def test_stretches_add_up_and_are_taken_away() -> None:
    assert joined([[5, 7], [1, 3], [3, 4], [6, 9], [8, 8]]) == [(1, 4), (5, 9)]
    assert without([(1, 4), (5, 9)], 3, 6) == [(1, 3), (6, 9)]
    assert without([(1, 9)], 3, 5) == [(1, 3), (5, 9)]
    assert since([(1, 4), (5, 9)], 2) == [(2, 4), (5, 9)]


def test_after_an_outage_all_services_are_asked_for_the_newest_first(serve) -> None:
    hours = 3 * 60 * MINUTE_US
    traces = [
        one(10 * n + m, name, ago)
        for n, name in enumerate(("a", "b", "c"), 1)
        for m, ago in enumerate((MINUTE_US // 4, 30 * MINUTE_US, hours - MINUTE_US))
    ]
    backend = serve(traces)
    mine = source()
    left = time.time_ns() // 1_000 - hours
    later = timezone.now() + timedelta(hours=1)
    Source.objects.update(
        cursors=dict.fromkeys("abc", left), next_sweep_at=later, services=list("abc")
    )
    with override_settings(SPANBOARD_PULL_CONCURRENCY=1):
        pull.pull_source(mine.pk)
    assert TraceRecord.objects.count() == 9
    ends = [high for _, _, high in backend.asked]
    assert ends == sorted(ends, reverse=True)
    assert {name for name, _, _ in backend.asked[:3]} == set("abc")
    # Each service's stretch was asked without a hole.
    for name in "abc":
        mine_asked = [w for w in backend.asked if w[0] == name]
        assert min(low for _, low, _ in mine_asked) <= left
        assert all(
            earlier[2] == later[1] for later, earlier in itertools.pairwise(mine_asked)
        )
    mine.refresh_from_db()
    assert mine.open_windows == {}
    assert not mine.behind


class Killed(BaseException):
    """What no handler catches, as a kill would not be."""


@pytest.mark.parametrize("at", [1, 2, 4, 6, 9, 11])
def test_a_catch_up_killed_midway_loses_nothing(serve, monkeypatch, at) -> None:
    """Killed after any number of answers; the next pull has the rest."""
    hours = 3 * 60 * MINUTE_US
    traces = [
        one(100 * n + m, name, m * 10 * MINUTE_US + MINUTE_US // 4)
        for n, name in enumerate(("a", "b"), 1)
        for m in range(17)
    ]
    serve(traces)
    mine = source()
    Source.objects.update(
        cursors=dict.fromkeys("ab", time.time_ns() // 1_000 - hours),
        next_sweep_at=timezone.now() + timedelta(hours=1),
        services=["a", "b"],
    )
    monkeypatch.setattr(pull, "KEEP_EVERY_S", -1.0)
    real, count = pull.Pull._tick, [0]

    def tick(self: pull.Pull) -> None:
        count[0] += 1
        if count[0] == at:
            monkeypatch.setattr(pull.Pull, "_keep", lambda self: None)
            raise Killed
        real(self)

    monkeypatch.setattr(pull.Pull, "_tick", tick)
    keep = pull.Pull._keep
    with pytest.raises(Killed), override_settings(SPANBOARD_PULL_CONCURRENCY=1):
        pull.pull_source(mine.pk)
    assert 0 < TraceRecord.objects.count() < len(traces)
    monkeypatch.setattr(pull.Pull, "_tick", real)
    monkeypatch.setattr(pull.Pull, "_keep", keep)
    Source.objects.update(busy_until=None)
    pull.pull_source(mine.pk)
    assert TraceRecord.objects.count() == len(traces)


def test_old_work_ends_in_time_and_goes_on_after_what_is_fresh(
    serve, monkeypatch
) -> None:
    hours = 3 * 60 * MINUTE_US
    traces = [one(n + 1, "a", n * 20 * MINUTE_US + 1_000_000) for n in range(9)]
    backend = serve(traces)
    mine = source()
    Source.objects.update(
        cursors={"a": time.time_ns() // 1_000 - hours},
        next_sweep_at=timezone.now() + timedelta(hours=1),
        services=["a"],
    )
    monkeypatch.setattr(pull, "OLD_WORK_S", -1e9)
    monkeypatch.setattr(pull.time, "monotonic", iter(range(10_000)).__next__)
    pull.pull_source(mine.pk)
    mine.refresh_from_db()
    assert mine.behind
    assert mine.pace == "behind"
    assert mine.open_windows["a"]
    pulls = 1
    while mine.behind:
        before = len(backend.asked)
        pull.pull_source(mine.pk)
        # The newest first, each time.
        first = backend.asked[before]
        assert first[2] == max(high for _, _, high in backend.asked[before:])
        mine.refresh_from_db()
        pulls += 1
        assert pulls < 50
    assert TraceRecord.objects.count() == 9


@pytest.mark.parametrize("days", [-1, 1])
def test_our_clock_jumps_and_nothing_is_lost(serve, monkeypatch, days) -> None:
    """Traces go on by the true clock, which the backend's answers tell."""
    backend = serve([one(1, "a", MINUTE_US // 4)])
    mine = source()
    pull.pull_source(mine.pk)
    real, jump_ns = time.time_ns, days * 86_400 * 10**9
    real_now = timezone.now
    for number in range(2, 6):  # while the clock is wrong, for several pulls
        monkeypatch.setattr(time, "time_ns", lambda: real() + jump_ns)
        monkeypatch.setattr(timezone, "now", lambda: real_now() + timedelta(days=days))
        monkeypatch.setattr(
            "dashboard.sources.http.time.time",
            lambda: (real() + jump_ns) / 1e9,
        )
        # The date that the backend sends is the true one.
        backend.offset_s = -days * 86_400.0
        backend.traces.append(one(number, "a", 1_000, real() // 1_000))
        Source.objects.update(busy_until=None)
        pull.pull_source(mine.pk)
        assert TraceRecord.objects.count() == number


def test_a_cursor_in_the_future_is_not_believed(serve) -> None:
    serve([one(1, "a", 20 * MINUTE_US)])
    mine = source()
    ahead = time.time_ns() // 1_000 + 86_400_000_000
    later = timezone.now() + timedelta(hours=1)
    Source.objects.update(cursors={"a": ahead}, next_sweep_at=later, services=["a"])
    pull.pull_source(mine.pk)
    assert TraceRecord.objects.count() == 1
    mine.refresh_from_db()
    assert mine.cursors["a"] < ahead


def test_never_more_questions_at_once_than_the_limit(serve) -> None:
    names = [f"s{n}" for n in range(12)]
    backend = serve([one(n + 1, name, 1_000) for n, name in enumerate(names)])
    gate = threading.Barrier(3)

    def meet(request: httpx.Request) -> None:
        if request.url.path == "/api/traces" and not gate.broken:
            try:
                gate.wait(2)
            except threading.BrokenBarrierError:
                return

    backend.fault = meet
    with override_settings(SPANBOARD_PULL_CONCURRENCY=3):
        pull.pull_source(source().pk)
    assert backend.most == 3
    assert TraceRecord.objects.count() == 12


def test_one_client_keeps_its_limit_for_all_who_ask(serve) -> None:
    backend = serve([one(1, "a", 1_000)], concurrency=2)
    client = pull.client_of(source())
    client.list_services()
    backend.most = 0
    backend.fault = lambda request: time.sleep(0.05)
    threads = [
        threading.Thread(target=client.get_trace, args=[f"{1:032x}"]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert backend.most == 2


def test_a_pause_that_is_asked_for_is_kept(serve) -> None:
    backend = serve([one(1, "a", 1_000)])
    mine = source()
    backend.fault = lambda r: httpx.Response(429, headers={"Retry-After": "120"})
    pull.pull_source(mine.pk)
    mine.refresh_from_db()
    assert mine.pace == "told"
    assert "asks for a pause of 120 s" in mine.last_error
    assert mine.failing_since is None
    assert mine.next_try_at is not None
    assert mine.next_try_at > timezone.now() + timedelta(seconds=110)
    assert mine.pk not in pull.due_sources()
    backend.fault = lambda r: None
    Source.objects.update(next_try_at=None)
    pull.pull_source(mine.pk)
    mine.refresh_from_db()
    assert (mine.failures, mine.last_error) == (0, "")
    assert mine.pace != "told"


def test_watched_is_fast_idle_is_slow_and_a_watcher_wakes_it(serve) -> None:
    serve([one(1, "a", 1_000)])
    mine = source()
    pull.pull_source(mine.pk)
    mine.refresh_from_db()
    assert (mine.pace, mine.pause_s) == ("idle", 10.0)
    assert mine.pk not in pull.due_sources()
    note_watched()
    assert mine.pk in pull.due_sources()
    pull.pull_source(mine.pk)
    mine.refresh_from_db()
    assert (mine.pace, mine.pause_s) == ("watched", 1.0)
    Watch.objects.update(seen_at=timezone.now() - timedelta(minutes=1))
    Source.objects.update(next_pull_at=None)
    pull.pull_source(mine.pk)
    mine.refresh_from_db()
    assert mine.pace == "idle"


def test_a_service_left_out_is_not_asked(serve) -> None:
    backend = serve([one(n, name, 1_000) for n, name in enumerate(("web", "db"), 1)])
    mine = source()
    Source.objects.update(include="w*, d*", exclude="db")
    pull.pull_source(mine.pk)
    assert {name for name, _, _ in backend.asked} == {"web"}
    assert TraceRecord.objects.count() == 1


@pytest.mark.parametrize("summaries", [False, True])
def test_a_share_is_the_same_for_all_and_what_is_left_out_is_counted(
    serve, summaries
) -> None:
    traces = [one(n + 1, "a", (n % 50 + 40) * 1_000_000) for n in range(400)]
    backend = serve(traces)
    backend.summaries = summaries
    mine = source()
    Source.objects.update(kept_share=0.25)
    with override_settings(SPANBOARD_PULL_LIMIT=1000):
        for _ in range(3):
            pull.pull_source(mine.pk)
    kept = {t.trace_id for t in traces if is_kept(t.trace_id, 0.25)}
    assert 60 < len(kept) < 140
    held = set(TraceRecord.objects.values_list("trace_id", flat=True))
    assert held == kept
    mine.refresh_from_db()
    assert mine.left_out == 400 - len(kept)


def test_summaries_tell_what_is_new_or_grown_and_only_that_is_fetched(serve) -> None:
    traces = [one(n + 1, "a", 1_000_000) for n in range(20)]
    backend = serve(traces)
    backend.summaries = True
    mine = source()
    pull.pull_source(mine.pk)
    assert TraceRecord.objects.count() == 20
    assert backend.listed
    backend.asked.clear()
    pull.pull_source(mine.pk)
    assert (backend.asked, backend.fetched) == ([], [])  # nothing new: no spans read
    spans = [
        {"id": "01", "service": "a", "kind": "server", "start": 29_000_000},
        {"id": "02", "service": "a", "parent": "01", "start": 29_000_000},
    ]
    backend.traces[3] = make_trace(spans, f"{4:032x}")
    pull.pull_source(mine.pk)
    assert backend.fetched == [f"{4:032x}"]
    assert backend.asked == []
    assert TraceRecord.objects.get(trace_id=f"{4:032x}").span_count == 2


def test_growth_that_could_not_be_fetched_is_fetched_later(serve) -> None:
    traces = [one(n + 1, "a", 1_000_000) for n in range(20)]
    backend = serve(traces)
    backend.summaries = True
    mine = source()
    pull.pull_source(mine.pk)
    spans = [
        {"id": "01", "service": "a", "kind": "server", "start": 29_000_000},
        {"id": "02", "service": "a", "parent": "01", "start": 29_000_000},
    ]
    backend.traces[3] = make_trace(spans, f"{4:032x}")
    broken = httpx.Response(500, text="not now")
    backend.fault = lambda r: broken if r.url.path.startswith("/api/traces/") else None
    pull.pull_source(mine.pk)
    backend.fault = lambda r: None
    Source.objects.update(next_try_at=None)
    pull.pull_source(mine.pk)
    assert TraceRecord.objects.get(trace_id=f"{4:032x}").span_count == 2


def test_a_trace_that_counts_more_there_is_not_fetched_again_and_again(serve) -> None:
    """Copies of a span are stored once; the backend counts them all."""
    spans = [{"id": "01", "service": "a", "start": 29_000_000}] * 2
    backend = serve([make_trace(spans, f"{1:032x}")])
    backend.summaries = True
    mine = source()
    pull.pull_source(mine.pk)
    assert TraceRecord.objects.get().span_count == 1
    backend.asked.clear()
    pull.pull_source(mine.pk)
    assert (backend.asked, backend.fetched) == ([], [f"{1:032x}"])
    pull.pull_source(mine.pk)
    assert backend.fetched == [f"{1:032x}"]


def test_what_could_not_be_had_is_told_by_service_and_time(serve) -> None:
    now = time.time_ns() // 1_000
    backend = serve([one(n + 1, "a", 5_000_000, now) for n in range(30)])
    mine = source()
    with override_settings(SPANBOARD_PULL_LIMIT=2):
        pull.pull_source(mine.pk)
        pull.pull_source(mine.pk)  # the same gap is not counted again
    gaps = list(Gap.objects.filter(source=mine))
    assert gaps
    assert {gap.service for gap in gaps} == {"a"}
    assert all(gap.end_us - gap.start_us <= 2_000 for gap in gaps)
    mine.refresh_from_db()
    assert mine.not_had == len(gaps) <= 3
    # Had after all, the gap is gone.
    Source.objects.update(next_sweep_at=None)
    with override_settings(SPANBOARD_PULL_LIMIT=100):
        pull.pull_source(mine.pk)
    assert not Gap.objects.exists()
    assert TraceRecord.objects.count() == 30
    assert backend.asked
