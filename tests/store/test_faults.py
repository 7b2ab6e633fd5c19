"""Faults that were once there: in counts, in pulling, in pushing, in search."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta

import httpx
import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from dashboard.actions import pull
from dashboard.actions import verify as vmod
from dashboard.actions.ingest import ingest
from dashboard.actions.retention import enforce_retention
from dashboard.actions.sources import receiver_source
from dashboard.actions.verify import verify
from dashboard.models import Source, Tombstone, TraceRecord
from dashboard.reads.traces import find_record, find_traces, load
from dashboard.sources.http import HttpSettings
from dashboard.sources.jaeger.client import JaegerSource
from dashboard.sources.jaeger.export import trace_object
from dashboard.traces.errors import SourceUnavailable
from dashboard.traces.query import TraceQuery
from tests.factories import make_trace
from tests.store.test_ingest import EDGES, PIECES, edges, jaeger

pytestmark = pytest.mark.django_db(transaction=True)


def only_v1(answer):
    return lambda r: (
        httpx.Response(404) if r.url.path.startswith("/api/v3/") else answer(r)
    )


def fake(monkeypatch, answer):
    transport = httpx.MockTransport(only_v1(answer))
    c = JaegerSource(HttpSettings("http://jaeger:16686"), transport)
    monkeypatch.setattr(pull, "client_of", lambda s: c)
    return c


def test_one_bad_service_does_not_stop_the_others(monkeypatch):
    def answer(r):
        if r.url.path == "/api/services":
            return httpx.Response(200, json={"data": ["aaa", "web"]})
        if r.url.params["service"] == "aaa":
            return httpx.Response(
                500, json={"data": None, "errors": [{"code": 500, "msg": "NaN"}]}
            )
        return httpx.Response(
            200, text=json.dumps({"data": [trace_object(make_trace(PIECES))]})
        )

    fake(monkeypatch, answer)
    pull.pull_source(jaeger().pk)
    assert TraceRecord.objects.count() == 1


@pytest.mark.parametrize("bad", [False, True])
def test_limit_with_one_unreadable_trace_still_splits(monkeypatch, bad):
    ts = [
        make_trace([{"id": "01", "service": "web", "start": i * 900}], f"{i + 1:032x}")
        for i in range(60)
    ]

    def answer(r):
        if r.url.path == "/api/services":
            return httpx.Response(200, json={"data": ["web"]})
        lo, hi, n = (int(r.url.params[k]) for k in ("start", "end", "limit"))
        f = sorted(
            [t for t in ts if lo <= t.start_ns[0] // 1000 <= hi],
            key=lambda t: -int(t.start_ns[0]),
        )[:n]
        out = [trace_object(t) for t in f]
        if bad:
            for t, o in zip(f, out, strict=True):
                if t is ts[-1]:
                    o["traceID"] = "zz"
                    for s in o["spans"]:
                        s["traceID"] = "zz"
        return httpx.Response(200, text=json.dumps({"data": out}))

    fake(monkeypatch, answer)
    with override_settings(SPANBOARD_PULL_LIMIT=20):
        pull.pull_source(jaeger().pk)
    assert TraceRecord.objects.count() >= 59


def test_too_large_answer_is_split(monkeypatch):
    ts = [
        make_trace([{"id": "01", "service": "web", "start": i * 900}], f"{i + 1:032x}")
        for i in range(60)
    ]

    def answer(r):
        if r.url.path == "/api/services":
            return httpx.Response(200, json={"data": ["web"]})
        lo, hi, n = (int(r.url.params[k]) for k in ("start", "end", "limit"))
        f = [t for t in ts if lo <= t.start_ns[0] // 1000 <= hi][:n]
        return httpx.Response(
            200, text=json.dumps({"data": [trace_object(t) for t in f]})
        )

    c = JaegerSource(
        HttpSettings("http://jaeger:16686", max_bytes=10_000),
        httpx.MockTransport(only_v1(answer)),
    )
    monkeypatch.setattr(pull, "client_of", lambda s: c)
    pull.pull_source(jaeger().pk)
    assert TraceRecord.objects.count() == 60


def test_missing_ca_file_is_a_source_state(settings):
    settings.SPANBOARD_JAEGER_CA = "/nonexistent/ca.pem"
    pull._clients.clear()
    s = jaeger()
    try:
        pull.pull_source(s.pk)
    finally:
        pull._clients.clear()
    s.refresh_from_db()
    assert s.last_error


def test_outage_longer_than_lookback_leaves_no_silent_gap(monkeypatch):
    asked = []

    def answer(r):
        if r.url.path == "/api/services":
            return httpx.Response(200, json={"data": ["web"]})
        asked.append(int(r.url.params["start"]))
        return httpx.Response(200, json={"data": []})

    fake(monkeypatch, answer)
    s = jaeger()
    old = int((timezone.now() - timedelta(hours=3)).timestamp() * 1e6)
    Source.objects.filter(pk=s.pk).update(cursors={"web": old})
    pull.pull_source(s.pk)
    s.refresh_from_db()
    assert min(asked) <= old or s.not_had


def test_verify_stays_clean_after_stones_are_dropped():
    ingest(jaeger(), [make_trace(PIECES)], replace=True)
    TraceRecord.objects.update(arrived_at=timezone.now() - timedelta(days=8))
    enforce_retention()
    Tombstone.objects.update(deleted_at=timezone.now() - timedelta(days=4))
    enforce_retention()
    assert edges() == EDGES
    v = verify(repair=True)
    assert (v.differences, edges()) == ([], EDGES)


def test_verify_holds_a_source_still_while_it_compares(monkeypatch):
    ingest(jaeger(), [make_trace(PIECES)], replace=True)
    held = []
    real = vmod._difference

    def watched(*arguments):
        held.append(connection.in_atomic_block)
        return real(*arguments)

    monkeypatch.setattr(vmod, "_difference", watched)
    assert not verify(repair=True).differences
    assert held
    assert all(held)


def test_copy_left_after_retention_counts_once_and_shows():
    ingest(jaeger(), [make_trace(PIECES)], replace=True)
    ingest(receiver_source(), [make_trace(PIECES[:3])], replace=False)
    TraceRecord.objects.filter(source__name="Jaeger").update(
        arrived_at=timezone.now() - timedelta(days=30)
    )
    enforce_retention()
    assert edges() == EDGES
    ingest(
        receiver_source(),
        [make_trace([{"id": "09", "parent": "01", "service": "web"}])],
        replace=False,
    )
    assert edges() == EDGES


def test_copy_left_after_retention_is_found():
    ingest(jaeger(), [make_trace(PIECES)], replace=True)
    ingest(receiver_source(), [make_trace(PIECES[:3])], replace=False)
    TraceRecord.objects.filter(source__name="Jaeger").update(
        arrived_at=timezone.now() - timedelta(days=30)
    )
    enforce_retention()
    assert find_traces(TraceQuery()).matched == 1


def test_repushed_span_with_new_operation_wins():
    p = [{"id": "01", "service": "web", "operation": "old-name"}]
    ingest(receiver_source(), [make_trace(p)], replace=False)
    ingest(
        receiver_source(),
        [make_trace([{**p[0], "operation": "GET /a/much/longer/name"}])],
        replace=False,
    )
    assert load(find_record("4bf92f3577b34da6a3ce929d0e0e4736")).trace.operations == [
        "GET /a/much/longer/name"
    ]


def test_repushed_span_with_new_service_wins():
    p = [{"id": "01", "service": "web"}]
    ingest(receiver_source(), [make_trace(p)], replace=False)
    ingest(
        receiver_source(), [make_trace([{**p[0], "service": "other"}])], replace=False
    )
    assert load(find_record("4bf92f3577b34da6a3ce929d0e0e4736")).trace.services == [
        "other"
    ]


def test_service_and_error_hold_on_one_span():
    ingest(jaeger(), [make_trace(PIECES[:3])], replace=True)  # only shop failed
    assert find_traces(TraceQuery(service="shop", error=True)).matched == 1
    assert find_traces(TraceQuery(service="web", error=True)).matched == 0


def test_gzip_of_two_members(client):
    def body(i):
        return json.dumps(
            {
                "resourceSpans": [
                    {
                        "resource": {
                            "attributes": [
                                {"key": "service.name", "value": {"stringValue": "x"}}
                            ]
                        },
                        "scopeSpans": [
                            {
                                "spans": [
                                    {
                                        "traceId": f"{i:032x}",
                                        "spanId": f"{i:016x}",
                                        "name": "n",
                                        "startTimeUnixNano": str(
                                            int(timezone.now().timestamp() * 1e9)
                                        ),
                                        "endTimeUnixNano": str(
                                            int(timezone.now().timestamp() * 1e9) + 5
                                        ),
                                    }
                                ]
                            }
                        ],
                    }
                ]
            }
        ).encode()

    b = body(1)
    half = len(b) // 2
    r = client.post(
        "/v1/traces",
        gzip.compress(b[:half]) + gzip.compress(b[half:]),
        content_type="application/json",
        headers={"Content-Encoding": "gzip"},
    )
    assert (r.status_code, TraceRecord.objects.count()) == (200, 1), r.content


def test_one_500_does_not_change_the_spelling_for_good():
    n = {"n": 0}
    seen = []

    def answer(r):
        if r.url.path == "/api/services":
            return httpx.Response(404, text="404")
        if r.url.path == "/api/v3/services":
            return httpx.Response(200, json={"services": ["web"]})
        seen.append("camel" if "query.serviceName" in r.url.params else "snake")
        n["n"] += 1
        return httpx.Response(
            500 if n["n"] <= 2 else 200,
            json={"result": {"resourceSpans": []}}
            if n["n"] > 2
            else {"error": {"httpCode": 500, "message": "x"}},
        )

    c = JaegerSource(HttpSettings("http://j:1"), httpx.MockTransport(answer))
    c.list_services()
    with pytest.raises(SourceUnavailable):
        c.find_traces("web", 1, 2, 10)
    c.find_traces("web", 1, 2, 10)
    assert seen[2] == "camel"
