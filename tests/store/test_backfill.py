"""Back-fills: all of a window, through stops, crashes and faults."""

from __future__ import annotations

import io
import time
from datetime import timedelta

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from dashboard.actions import backfill
from dashboard.actions.retention import enforce_retention
from dashboard.actions.verify import verify
from dashboard.models import BackFill, Source, TraceRecord
from dashboard.traces.moments import parse_moment
from tests.store.test_pull_order import MINUTE_US, Backend, one, serve, source

__all__ = ["serve"]  # the fixture
pytestmark = pytest.mark.django_db(transaction=True)
DAY_US = 1440 * MINUTE_US


def past(count: int, services: str = "ab") -> list:
    """Traces spread over the day before yesterday."""
    return [
        one(n + 1, services[n % len(services)], DAY_US + n * DAY_US // count + 1_000)
        for n in range(count)
    ]


def order(mine: Source) -> BackFill:
    now = time.time_ns() // 1_000
    return backfill.begin(mine, now - 2 * DAY_US, now - DAY_US)


def finish(fill: BackFill, slice_s: float = 60.0) -> BackFill:
    for _ in range(200):
        BackFill.objects.filter(pk=fill.pk).update(next_try_at=None)
        for pk in backfill.due():
            backfill.run(pk, slice_s)
        fill.refresh_from_db()
        if fill.state not in backfill.GOING:
            return fill
    raise AssertionError(f"it does not end: {fill.state} {fill.problem}")


def test_a_window_is_had_whole_and_counts_in_the_graph(serve) -> None:
    serve(past(60))
    mine = source()
    fill = finish(order(mine))
    assert fill.state == BackFill.State.DONE
    assert fill.windows_done == fill.windows > 40
    assert (fill.stored, fill.spans, fill.problem) == (60, 60, "")
    assert TraceRecord.objects.count() == 60
    enforce_retention()  # age counts from arrival
    assert TraceRecord.objects.count() == 60
    assert verify(repair=False).differences == []
    again = finish(order(mine))
    assert (again.stored, TraceRecord.objects.count()) == (0, 60)


def test_slices_go_on_where_the_last_one_ended(serve) -> None:
    backend = serve(past(60))
    fill = order(source())
    seen = [0]
    while fill.state in backfill.GOING:
        backfill.run(fill.pk, slice_s=-1.0)  # nothing at all: only plans
        fill.refresh_from_db()
        assert fill.windows_done == seen[-1]
        backfill.run(fill.pk, slice_s=0.02)
        fill.refresh_from_db()
        seen.append(fill.windows_done)
        assert len(seen) < 500
    assert seen == sorted(seen)
    assert TraceRecord.objects.count() == 60
    asked = [(name, low, high) for name, low, high in backend.asked]
    assert len(set(asked)) == len(asked)  # no window twice


class Killed(BaseException):
    """What no handler catches."""


def test_killed_in_the_middle_it_loses_nothing(serve, monkeypatch) -> None:
    serve(past(60))
    fill = order(source())
    monkeypatch.setattr(backfill, "KEEP_EVERY_S", -1.0)
    keep, calls = backfill.Slice.keep, [0]

    def dies(self: backfill.Slice) -> None:
        calls[0] += 1
        if calls[0] == 20:
            raise Killed
        keep(self)

    monkeypatch.setattr(backfill.Slice, "keep", dies)
    with pytest.raises(Killed):
        backfill.run(fill.pk, 60.0)
    fill.refresh_from_db()
    assert fill.state == BackFill.State.RUNNING
    assert 0 < fill.windows_done < fill.windows
    assert backfill.due() == []  # its holder could live
    later = timezone.now() - timedelta(seconds=1)
    BackFill.objects.update(busy_until=later)
    monkeypatch.setattr(backfill.Slice, "keep", keep)
    assert finish(fill).state == BackFill.State.DONE
    assert TraceRecord.objects.count() == 60


def test_stopped_by_somebody_it_stops_and_goes_on_later(serve, monkeypatch) -> None:
    serve(past(60))
    fill = order(source())
    monkeypatch.setattr(backfill, "KEEP_EVERY_S", -1.0)
    keep, calls = backfill.Slice.keep, [0]

    def stops(self: backfill.Slice) -> None:
        calls[0] += 1
        if calls[0] == 10:
            backfill.stop(fill)
        keep(self)

    monkeypatch.setattr(backfill.Slice, "keep", stops)
    backfill.run(fill.pk, 60.0)
    fill.refresh_from_db()
    assert fill.state == BackFill.State.STOPPED
    assert fill.windows_done < fill.windows
    assert backfill.due() == []
    monkeypatch.setattr(backfill.Slice, "keep", keep)
    backfill.resume(fill)
    assert finish(fill).state == BackFill.State.DONE
    assert TraceRecord.objects.count() == 60


def test_a_backend_that_fails_is_asked_later_and_at_last_no_more(serve) -> None:
    backend = serve(past(20))
    fill = order(source())
    backend.fault = lambda r: httpx.Response(500, text="down")
    backfill.run(fill.pk)
    fill.refresh_from_db()
    assert (fill.state, fill.failures) == (BackFill.State.RUNNING, 1)
    assert "status 500" in fill.problem
    assert backfill.due() == []  # it waits
    assert finish(fill).state == BackFill.State.STOPPED
    backend.fault = lambda r: None
    backfill.resume(fill)
    assert finish(fill).state == BackFill.State.DONE
    assert TraceRecord.objects.count() == 20


def test_what_was_deleted_here_is_told(serve) -> None:
    serve(past(20))
    mine = source()
    finish(order(mine))
    TraceRecord.objects.update(arrived_at=timezone.now() - timedelta(days=30))
    enforce_retention()
    fill = finish(order(mine))
    assert (fill.stored, fill.buried) == (0, 20)


@pytest.mark.parametrize(
    ("start_s", "end_s", "code"),
    [(0, 0, "order"), (10, -10, "order"), (-10, 9_999, "future"), (-4e7, 0, "long")],
)
def test_windows_that_make_no_sense_are_refused(start_s, end_s, code) -> None:
    now = time.time_ns() // 1_000
    with pytest.raises(backfill.BadWindow) as caught:
        backfill.begin(source(), now + int(start_s * 1e6), now + int(end_s * 1e6))
    assert caught.value.code == code
    assert not BackFill.objects.exists()


def test_the_command_fetches_a_window_and_tells(serve) -> None:
    serve(past(20))
    mine = source()
    out = io.StringIO()
    now = timezone.now() + timedelta(seconds=2)
    words = [f"{now - timedelta(days=d):%Y-%m-%dT%H:%M:%S}" for d in (2, 1)]
    call_command("pull", "--from", words[0], "--to", words[1], stdout=out)
    assert "20 traces stored" in out.getvalue()
    with pytest.raises(CommandError, match="no time"):
        call_command("pull", "--from", "yesterday")
    with pytest.raises(CommandError, match="before the end"):
        call_command("pull", "--from", words[1], "--to", words[0])
    with pytest.raises(CommandError, match="No source"):
        call_command("pull", "--source", "nobody")
    assert mine.name == "Jaeger"


def test_a_share_holds_for_the_past_as_well(serve) -> None:
    backend: Backend = serve(past(200))
    mine = source()
    Source.objects.update(kept_share=0.5)
    fill = finish(order(Source.objects.get(pk=mine.pk)))
    assert 60 < fill.stored < 140
    assert backend.asked


def test_moments_are_read_as_people_write_them() -> None:
    second = 1_764_072_000
    for text in (
        "2025-11-25T12:00",
        "2025-11-25T12:00:00Z",
        "2025-11-25T13:00+01:00",
        "2025-11-25 12:00",
        str(second),
        f"{second}000",
        f"{second}000000",
        f"{second}000000000",
    ):
        assert parse_moment(text) == second * 1_000_000
    for text in ("", "now", "1", "2025-13-01", "9" * 400):
        with pytest.raises(ValueError, match="no time"):
            parse_moment(text)


def test_the_limit_is_split_in_the_past_as_well(serve) -> None:
    serve(past(300, "a"))
    with override_settings(SPANBOARD_PULL_LIMIT=4):
        fill = finish(order(source()))
    assert fill.stored == 300
    assert fill.windows_done == fill.windows
