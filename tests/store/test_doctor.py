"""The doctor over stored traces: found, kept, cleared, dismissed."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dashboard.access.person import LOCAL
from dashboard.actions import doctor
from dashboard.actions.ingest import ingest
from dashboard.actions.sources import receiver_source, upload_source
from dashboard.doctor_models import Diagnosis, DoctorState
from dashboard.models import Source, TraceRecord
from dashboard.traces.trace import Trace
from tests.peers.shop import Shop

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """Each test begins as a fresh process."""
    for kept in (doctor._kept, doctor._names, doctor._judged, doctor._growing):
        kept.clear()
    yield


def moved(traces: list[Trace], ago_s: float, prefix: str) -> list[Trace]:
    """The same traces under other ids, as if they began so long ago."""
    begin = min(int(trace.start_ns.min()) for trace in traces)
    shift = time.time_ns() - round(ago_s * 1e9) - begin
    for trace in traces:
        trace.start_ns = trace.start_ns + shift
        trace.trace_id = prefix + trace.trace_id[len(prefix) :]
    return traces


def broken(times: int = 3) -> list[Trace]:
    shop = Shop()
    for number in range(times):
        shop.broken(number * 1_000, f"g{number}", f"g{number}")
    return shop.traces


def whole(times: int) -> list[Trace]:
    shop = Shop()
    for number in range(times):
        shop.request(number * 500)
    return shop.traces


def store(source: Source, traces: list[Trace]) -> None:
    ingest(source, traces, replace=False)
    TraceRecord.objects.update(settled=True)


def test_a_forwarded_request_id_is_enough_while_traces_grow() -> None:
    source = receiver_source()
    ingest(source, moved(broken(), 5, "a"), replace=False)
    TraceRecord.objects.update(settled=False)
    assert doctor.check_growing() == 1
    assert doctor.check_growing() == 0
    found = Diagnosis.objects.get()
    assert (found.certainty, found.variant) == ("certain", "request-id-only")
    ingest(source, moved(broken(1), 4, "b"), replace=False)
    assert doctor.check_growing() == 0, "an open finding waits for what settles"
    TraceRecord.objects.update(settled=True)
    assert doctor.check_sources() == 1
    assert Diagnosis.objects.get().count == 4


def test_times_of_growing_traces_are_not_judged() -> None:
    source = receiver_source()
    choice, shop, at = random.Random(3), Shop(), 0
    for number in range(10):
        at += choice.randint(500, 4_000)
        shop.broken(at, f"in-{number}", f"out-{number}")
    ingest(source, moved(shop.traces, 60, "a"), replace=False)
    TraceRecord.objects.update(settled=False)
    assert doctor.check_growing() == doctor.check_sources() == 0
    assert not Diagnosis.objects.exists()


def test_growing_traces_are_not_judged() -> None:
    source = receiver_source()
    ingest(source, moved(broken(), 60, "a"), replace=False)
    TraceRecord.objects.update(settled=False)
    assert doctor.check_sources() == 0
    TraceRecord.objects.update(settled=True)
    assert doctor.check_sources() == 1
    found = Diagnosis.objects.get()
    assert (found.rule, found.service, found.version) == (
        "context-lost",
        "front.default",
        "v1",
    )
    assert (found.certainty, found.count, found.total) == ("certain", 3, 3)
    assert len(found.evidence["pairs"]) == 3
    assert found.first_us < found.last_us


def test_nothing_is_read_twice_and_a_second_run_changes_nothing(
    django_assert_max_num_queries: Any,
) -> None:
    source = receiver_source()
    store(source, moved(broken(), 60, "a"))
    assert doctor.check_sources() == 1
    before = Diagnosis.objects.values().get()
    with django_assert_max_num_queries(12) as asked:
        assert doctor.check_sources() == 0
    assert not any('"columns"' in query["sql"] for query in asked.captured_queries)
    assert Diagnosis.objects.values().get() == before


def test_a_fault_that_is_gone_clears_itself_and_comes_back() -> None:
    source = receiver_source()
    store(source, moved(broken(), 300, "a"))
    doctor.check_sources()
    store(source, moved(whole(10), 200, "b"))
    doctor.check_sources()
    assert Diagnosis.objects.get().cleared_at is None  # ten calls are too few
    store(source, moved(whole(15), 100, "c"))
    doctor.check_sources()
    assert Diagnosis.objects.get().cleared_at is not None
    doctor.check_sources()
    assert Diagnosis.objects.get().cleared_at is not None  # the window holds both
    store(source, moved(broken(), 10, "d"))
    doctor.check_sources()
    again = Diagnosis.objects.get()
    assert again.cleared_at is None
    assert again.last_us > time.time() * 1e6 - 60e6


def test_what_was_stored_before_is_judged_once_and_files_of_any_time() -> None:
    old, files = receiver_source(), upload_source()
    store(old, moved(broken(), 3 * 3600, "a"))
    store(old, moved(whole(2), 30, "b"))
    store(files, moved(broken(), 30 * 86_400, "c"))
    doctor.check_sources()
    past = Diagnosis.objects.get(source=old)
    assert past.cleared_at is not None  # nothing of it in the last minutes
    assert Diagnosis.objects.get(source=files).cleared_at is None
    state = DoctorState.objects.get(source=old)
    assert state.walked_to_us == 0
    assert doctor.check_sources() == 0


def test_old_traces_are_judged_where_nothing_came_of_late() -> None:
    assert doctor.check_sources() == 0
    source = receiver_source()
    assert doctor.check_sources() == 0
    store(source, moved(broken(), 3 * 3600, "a"))
    assert doctor.check_sources() == 1
    assert Diagnosis.objects.get().cleared_at is not None
    assert DoctorState.objects.get(source=source).walked_to_us == 0
    assert doctor.check_sources() == 0


def test_who_is_well_and_who_says_nothing_is_kept() -> None:
    source = receiver_source()
    store(source, moved(whole(4), 60, "a"))
    doctor.check_sources()
    state = DoctorState.objects.get()
    assert state.well == [["front.default", "v1"]]
    assert state.silent == [["back.default", "v1", "calls-nobody"]]
    assert (state.traces, Diagnosis.objects.count()) == (4, 0)


def test_a_dismissed_finding_stays_dismissed() -> None:
    source = receiver_source()
    store(source, moved(broken(), 60, "a"))
    doctor.check_sources()
    doctor.dismiss(Diagnosis.objects.get(), LOCAL, True)
    store(source, moved(broken(5), 20, "b"))
    doctor.check_sources()
    found = Diagnosis.objects.get()
    assert found.dismissed_at is not None
    assert found.dismissed_by == "local"
    assert found.count == 8
    doctor.dismiss(found, LOCAL, False)
    assert Diagnosis.objects.get().dismissed_at is None


def test_sources_are_judged_apart() -> None:
    store(receiver_source(), moved(broken(), 60, "a"))
    store(receiver_source(is_demo=True), moved(whole(30), 60, "b"))
    doctor.check_sources()
    assert Diagnosis.objects.get().source == receiver_source()
