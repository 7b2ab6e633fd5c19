"""Who may pull: claims that expire, are renewed, and fence off who lost them."""

from __future__ import annotations

import sqlite3
import time
from datetime import timedelta

import httpx
import pytest
from django.db import OperationalError
from django.utils import timezone

from dashboard import storing, tasks
from dashboard.actions import locks, pull
from dashboard.actions.locks import Claim, ClaimLost, alone
from dashboard.models import Source
from tests.peers.need import until
from tests.store.test_faults import fake
from tests.store.test_ingest import jaeger

pytestmark = pytest.mark.django_db(transaction=True)


def expire(source: Source) -> None:
    """As if the holder had stood still for too long."""
    past = timezone.now() - timedelta(seconds=1)
    Source.objects.filter(pk=source.pk).update(busy_until=past)


def test_one_claim_at_a_time_and_free_again_after_it():
    source = jaeger()
    claim = Claim.take(source.pk)
    assert claim is not None
    with claim:
        assert Claim.take(source.pk) is None
        assert pull.due_sources() == []
    assert pull.due_sources() == [source.pk]


def test_a_worker_that_stood_still_writes_nothing_and_frees_nothing():
    source = jaeger()
    stale = Claim.take(source.pk)
    assert stale is not None
    with stale:
        expire(source)
        fresh = Claim.take(source.pk)
        assert fresh is not None
        with pytest.raises(ClaimLost):
            stale.renew()
        with pytest.raises(ClaimLost), stale.held():
            pytest.fail("a lost claim let something be written")
    source.refresh_from_db()
    assert source.busy_until == fresh.until
    with fresh.held():
        pass


def test_a_pull_that_lost_its_claim_leaves_the_state_to_the_other(monkeypatch):
    source = jaeger()

    def answer(request):
        if request.url.path == "/api/services":
            expire(source)
            other = Claim.take(source.pk)
            assert other is not None
            return httpx.Response(200, json={"data": ["web"]})
        return httpx.Response(200, json={"data": []})

    fake(monkeypatch, answer)
    pull.pull_source(source.pk)
    source.refresh_from_db()
    assert source.last_success_at is None
    assert source.cursors == {}
    assert source.busy_until is not None


def test_a_living_holder_renews_its_claim(monkeypatch):
    monkeypatch.setattr(locks, "RENEW_S", 0.05)
    source = jaeger()
    claim = Claim.take(source.pk)
    assert claim is not None
    first = claim.until
    with claim:
        until(lambda: claim.until > first, "a renewal", 20, 0.05)
    source.refresh_from_db()
    assert source.busy_until is None


def test_a_clock_that_was_set_back_blocks_no_source(monkeypatch):
    asked = []

    def answer(request):
        if request.url.path == "/api/services":
            return httpx.Response(200, json={"data": ["web"]})
        asked.append(tuple(int(request.url.params[k]) for k in ("start", "end")))
        return httpx.Response(200, json={"data": []})

    fake(monkeypatch, answer)
    source = jaeger()
    ahead = timezone.now() + timedelta(days=1)
    Source.objects.filter(pk=source.pk).update(
        busy_until=ahead,
        next_try_at=ahead,
        next_sweep_at=ahead,
        cursors={"web": int(ahead.timestamp() * 1e6)},
    )
    assert pull.due_sources() == [source.pk]
    pull.pull_source(source.pk)
    now_us = time.time_ns() // 1000
    assert any(start <= now_us - 60_000_000 <= end for start, end in asked)
    source.refresh_from_db()
    assert source.cursors["web"] <= now_us


def test_maintenance_is_done_by_one():
    with alone("fold") as mine, alone("fold") as other:
        assert (mine, other) == (True, False)
    with alone("fold") as again:
        assert again


def full() -> OperationalError:
    """What SQLite says when its disk is full."""
    cause = sqlite3.OperationalError("database or disk is full")
    cause.sqlite_errorname = "SQLITE_FULL"
    problem = OperationalError("database or disk is full")
    problem.__cause__ = cause
    return problem


def test_a_full_disk_is_told_on_pages_and_logged_once(client, monkeypatch, caplog):
    def fail() -> None:
        raise full()

    monkeypatch.setattr(tasks.rollups, "fold_rollups", fail)
    caplog.set_level("WARNING", "dashboard.tasks")
    try:
        tasks.fold_rollups()
        tasks.fold_rollups()
        assert len(caplog.records) == 1
        assert "The disk of the database is full" in client.get("/search").text
        assert "disk" in client.get("/readyz").json()["storing"]
    finally:
        storing.note_stored()
    assert "The disk of the database is full" not in client.get("/search").text


@pytest.mark.parametrize("path", ["/search", "/graph.json", "/api/traces?service=x"])
def test_a_database_that_can_not_be_used_is_503(path, client, monkeypatch):
    from django.db.models.sql.compiler import SQLCompiler

    def fail(*args, **kwargs):
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(SQLCompiler, "execute_sql", fail)
    answer = client.get(path)
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text
    assert answer.headers["Retry-After"]


def test_a_fault_of_ours_is_told_from_one_of_the_database():
    cause = sqlite3.OperationalError("no such table: x")
    cause.sqlite_errorname = "SQLITE_ERROR"
    problem = OperationalError("no such table: x")
    problem.__cause__ = cause
    assert storing.trouble_of(problem) is None
    assert storing.trouble_of(full()) == storing.FULL
    assert storing.trouble_of(ValueError("x")) is None
