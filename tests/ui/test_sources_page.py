"""The sources page: states in words, forms that check, and cheap at any size."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.actions.arrivals import bucket_ms, bucket_of, tally
from dashboard.actions.asking import note_gap
from dashboard.actions.ingest import ingest
from dashboard.actions.sources import ensure_source, prepare_sources, upload_source
from dashboard.actions.windows import Window
from dashboard.models import BackFill, Gap, Source, SourceMinute
from dashboard.presenters.sources import source_rows
from tests.factories import make_trace
from webapp.env import Place, read_places

pytestmark = pytest.mark.django_db
EVIL = '<img src=x onerror="alert(1)">'


def jaeger(**fields: Any) -> Source:
    made = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    Source.objects.filter(pk=made.pk).update(**fields)
    return Source.objects.get(pk=made.pk)


def page(client: Client) -> str:
    answer = client.get("/sources")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"pace": "watched", "pause_s": 1.0}, "Asks every 1 s: somebody watches."),
        ({"pace": "idle", "pause_s": 10.0}, "Asks every 10 s: nobody watches."),
        ({"pace": "behind"}, "Asks without a pause: it catches up."),
        (
            {"pace": "slow", "pause_s": 8.0, "answer_ms": 1_200.0, "usual_ms": 100.0},
            "so it is spared",
        ),
        ({"clock_offset_s": -7_200.0}, "Its clock is 2\u202fh 00\u202fmin behind"),
        ({"kept_share": 0.1, "left_out": 42}, "42 were left out so far"),
        ({"enabled": False}, "It is not asked: it is switched off."),
    ],
)
def test_the_state_is_told_in_words(client, fields, words) -> None:
    jaeger(**fields)
    assert words in page(client)


def test_a_pause_that_was_asked_for_is_told(client) -> None:
    later = timezone.now() + timedelta(seconds=100)
    jaeger(pace="told", pause_s=120.0, next_try_at=later, failures=1, last_error="429")
    text = page(client)
    assert "It asked for a pause of 120 s." in text
    assert "Asks for a pause" in text


def test_rates_lag_and_numbers_come_from_counters(client) -> None:
    mine = jaeger()
    now_us = time.time_ns() // 1_000
    trace = make_trace([{"id": "01", "service": "web"}, {"id": "02", "parent": "01"}])
    trace.start_ns = trace.start_ns * 0 + (now_us - 2_000_000) * 1_000
    ingest(mine, [trace], replace=True)
    (row,) = source_rows()
    assert (row["traces"], row["newest_us"]) == (1, now_us - 2_000_000)
    assert row["lag_text"].startswith("p50 2.")
    tally()
    (row,) = source_rows()
    assert row["traces"] == 1
    assert SourceMinute.objects.filter(folded=True).count() == 1
    SourceMinute.objects.update(minute=int(time.time()) // 60 - 1)
    (row,) = source_rows()
    assert row["minute_text"].startswith("traces 1.0/min, spans 2.0/min")
    mine.traces.all().delete()
    tally()  # what was deleted is counted off
    (row,) = source_rows()
    assert row["traces"] == 0


def test_lags_fall_in_buckets_a_fifth_wide() -> None:
    for lag_ms in (2, 17, 450, 1_200, 90_000):
        top = bucket_ms(bucket_of(lag_ms))
        assert lag_ms <= top < 1.2 * lag_ms
    assert bucket_of(-5) == 0


def test_no_query_of_the_page_touches_traces(client) -> None:
    """At a million traces it costs what it costs at none."""
    jaeger()
    upload_source()
    page(client)
    with CaptureQueriesContext(
        connection,
    ) as told:
        page(client)
    touched = [q["sql"] for q in told if "tracerecord" in q["sql"]]
    assert touched == []
    assert len(told) < 20


def test_gaps_and_what_waits_are_listed_and_names_are_only_text(client) -> None:
    mine = jaeger(open_windows={EVIL: [[10**15, 10**15 + 10**6]]})
    note_gap(mine, EVIL, Window(10**15, 10**15 + 1_000), Gap.Reason.CUT)
    note_gap(mine, EVIL, Window(10**15, 10**15 + 1_000), Gap.Reason.CUT)
    text = page(client)
    assert "1 stretch of time could not be had in full" in text
    assert "1 stretch of time is still to be asked" in text
    assert "2001-09-09 01:46:40.000 UTC" in text
    assert EVIL not in text


def test_what_is_taken_is_set_and_checked(client) -> None:
    mine = jaeger()
    url = f"/sources/{mine.pk}/choice"
    form = {"include": "shop-*,\n web ", "exclude": "", "share": "12,5"}
    assert client.post(url, form).status_code == 302
    mine.refresh_from_db()
    assert (mine.include, mine.kept_share) == ("shop-*, web", 0.125)
    for share in ("101", "-1", "nan", "many", "1e999"):
        answer = client.post(url, {"include": "", "exclude": "", "share": share})
        assert answer.status_code == 400
        assert "from 0 to 100" in answer.content.decode()
    assert client.post(url, {**form, "include": "x" * 3_000}).status_code == 400
    mine.refresh_from_db()
    assert mine.include == "shop-*, web"
    assert client.post(url, {"include": "", "exclude": "", "share": "100"})
    mine.refresh_from_db()
    assert (mine.include, mine.kept_share) == ("", None)


def test_a_past_window_is_ordered_stopped_and_resumed(client) -> None:
    mine = jaeger()
    url = f"/sources/{mine.pk}/back-fill"
    start = timezone.now() - timedelta(days=2)
    form = {"from": f"{start:%Y-%m-%dT%H:%M}", "to": f"{timezone.now():%Y-%m-%dT%H:%M}"}
    assert client.post(url, form).status_code == 302
    fill = BackFill.objects.get()
    text = page(client)
    assert "<progress" in text
    assert "Waiting" in text
    client.post(f"/back-fills/{fill.pk}/stop")
    fill.refresh_from_db()
    assert fill.state == "stopped"
    client.post(f"/back-fills/{fill.pk}/resume")
    fill.refresh_from_db()
    assert fill.state == "waiting"
    for bad in ({"from": "x"}, {"from": form["to"], "to": form["from"]}, {}):
        answer = client.post(url, bad)
        assert answer.status_code == 400
        assert 'role="alert"' in answer.content.decode()
    assert (
        client.post(f"/sources/{upload_source().pk}/back-fill", form).status_code == 400
    )
    assert client.post("/sources/999/back-fill", form).status_code == 404
    assert client.get(url).status_code == 405
    assert BackFill.objects.count() == 1


def test_forms_of_other_sites_are_refused() -> None:
    mine = jaeger()
    strict = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
    for path in ("choice", "back-fill", "switch"):
        assert strict.post(f"/sources/{mine.pk}/{path}", {}).status_code == 403


def test_several_jaegers_each_with_its_own_state_and_secrets(settings) -> None:
    text = "shop=http://a:1/, http://b:2 ,bad one=https://c/x"
    settings.SPANBOARD_JAEGERS = read_places(text)
    assert (
        Place("shop", "http://a:1"),
        Place("", "http://b:2"),
        Place("bad one", "https://c/x"),
    ) == settings.SPANBOARD_JAEGERS
    assert settings.SPANBOARD_JAEGERS[2].word == "BAD_ONE"
    assert prepare_sources() is False
    names = dict(Source.objects.values_list("name", "url"))
    assert names == {
        "shop": "http://a:1",
        "Jaeger": "http://b:2",
        "bad one": "https://c/x",
    }
    # A new address keeps the name and its traces; one that is gone is switched off.
    settings.SPANBOARD_JAEGERS = read_places("shop=http://new:1")
    prepare_sources()
    assert Source.objects.get(name="shop").url == "http://new:1"
    assert list(Source.objects.filter(enabled=True).values_list("name", flat=True)) == [
        "shop"
    ]
    from dashboard.actions.sources import http_settings

    settings.SPANBOARD_JAEGER_TOKEN = "common"
    settings.SPANBOARD_JAEGER_OWN = {
        "http://new:1": dict.fromkeys(
            ("token", "user", "password", "headers", "ca_file"), ""
        )
        | {"token": "own", "headers": "X-A: 1\\nX-B: 2"}
    }
    found = http_settings(Source.objects.get(name="shop"))
    assert found.token == "own"
    assert found.headers == (("X-A", "1"), ("X-B", "2"))
    assert http_settings(Source.objects.get(name="Jaeger")).token == "common"
