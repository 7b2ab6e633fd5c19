"""What Prometheus is told, read by Prometheus's own parsers."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as open_metrics,
)
from prometheus_client.parser import text_string_to_metric_families

from dashboard import tasks
from dashboard.actions import arrivals, meters, queue
from dashboard.actions.spool import Spool
from dashboard.models import RollupDelta, Source, SourceMinute
from dashboard.presenters import metrics
from tests.peers.spans import HEADERS, body

pytestmark = pytest.mark.django_db(transaction=True)
US_PER_S = 1_000_000
HOSTILE = 'a "quoted" \\ name\nwith a line}'


@pytest.fixture(autouse=True)
def asked_anew() -> None:
    metrics.forget()


class Read:
    """The samples of one answer, by name and labels."""

    def __init__(self, client: Client, **headers: str):
        metrics.forget()
        self.answer = client.get("/metrics", headers=headers)
        assert self.answer.status_code == 200
        families = list(text_string_to_metric_families(self.answer.content.decode()))
        self.families = {family.name: family for family in families}
        assert len(self.families) == len(families)  # each is told once
        self.samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.samples.get((f"spanboard_{name}", tuple(sorted(labels.items()))))


def post(client: Client, content: bytes) -> Any:
    return client.post("/v1/traces", content, content_type=HEADERS["Content-Type"])


def test_the_format_is_prometheus_own(client: Client) -> None:
    found = Read(client)
    assert found.answer["Content-Type"].startswith("text/plain; version=0.0.4")
    for family in found.families.values():
        assert family.documentation
        assert family.type in ("counter", "gauge", "histogram")
        assert family.name.startswith(("spanboard_", "process_"))
    kind = "application/openmetrics-text; version=1.0.0"
    answer = client.get("/metrics", headers={"Accept": kind})
    assert answer["Content-Type"].startswith(kind)
    assert len(list(open_metrics(answer.content.decode()))) == len(found.families)
    assert client.post("/metrics").status_code == 405


def test_receivers_count_what_they_take_and_refuse(client: Client) -> None:
    before = Read(client)
    assert post(client, body(1, 3)).status_code == 200
    assert post(client, body(1, 4)).status_code == 200  # one span more
    bad = body(2).replace((2_000).to_bytes(8, "big"), bytes(8))  # id of zeros
    assert post(client, bad + body(3)).status_code == 200
    assert post(client, b"\xff").status_code == 400
    after = Read(client)

    def more(name: str, **labels: str) -> float:
        return (after(name, **labels) or 0) - (before(name, **labels) or 0)

    assert more("receiver_spans_total", receiver="otlp") == 8
    assert more("receiver_traces_total", receiver="otlp") == 3
    assert more("receiver_rejected_spans_total", receiver="otlp") == 1
    assert more("receiver_requests_total", receiver="otlp", status="200") == 3
    assert more("receiver_requests_total", receiver="otlp", status="400") == 1
    assert more("stored_traces_total", kind="otlp") == 2
    assert more("grown_traces_total", kind="otlp") == 1
    assert more("stored_spans_total", kind="otlp") == 5
    assert after("receiver_waiting_requests") == 0
    assert after("store_up") == 1
    assert after("source_traces", source="OTLP", kind="otlp") == 2
    assert after("growing_traces") == 1  # the other came whole, long after its end
    assert after("rollup_deltas_waiting") == RollupDelta.objects.count()
    assert (after("store_bytes") or 0) > 10_000


def test_sources_are_told_whatever_their_names(client: Client) -> None:
    now = timezone.now()
    now_us = int(now.timestamp()) * US_PER_S
    source = Source.objects.create(
        held=2,
        name=HOSTILE,
        kind=Source.Kind.JAEGER,
        last_success_at=now,
        cursors={"a": now_us - 60 * US_PER_S, "b": now_us},
        open_windows={"b": [[now_us - 90 * US_PER_S, now_us - 80 * US_PER_S]]},
        not_had=2,
    )
    SourceMinute.objects.create(
        source=source,
        minute=int(now.timestamp()) // 60 - 1,
        traces=3,
        newest_us=now_us,
        lags={str(arrivals.bucket_of(2_000)): 3},
    )
    Source.objects.create(
        name="错误", kind=Source.Kind.JAEGER, failing_since=now, failures=7
    )
    Source.objects.create(name="off", kind=Source.Kind.JAEGER, enabled=False)
    found = Read(client)
    here = {"source": HOSTILE, "kind": "jaeger"}
    assert found("source_failing", **here) == 0
    assert 90 <= (found("source_behind_seconds", **here) or 0) < 120
    assert found("source_gaps", **here) == 2
    told = found("source_last_success_timestamp_seconds", **here)
    assert told == pytest.approx(now.timestamp())
    lag = found("source_lag_seconds", **here, quantile="0.5")
    assert lag == pytest.approx(2, rel=0.2)
    assert found("source_traces_last_minute", **here) == 3
    assert found("source_newest_timestamp_seconds", **here) == now_us / 1e6
    assert found("source_traces", **here) == 5
    there = {"source": "错误", "kind": "jaeger"}
    assert found("source_failing", **there) == 1
    assert found("source_consecutive_failures", **there) == 7
    assert found("source_last_success_timestamp_seconds", **there) is None
    assert found("source_enabled", source="off", kind="jaeger") == 0
    assert found("source_failing", source="off", kind="jaeger") is None


def test_nothing_from_a_trace_becomes_a_label(client: Client) -> None:
    before = set(Read(client).samples)
    for number in range(1, 30):
        content = body(number).replace(b"\x01x", b"\x01" + bytes([96 + number % 26]))
        assert post(client, content).status_code == 200
    new = {labels for _, labels in set(Read(client).samples) - before}
    values = {value for labels in new for _, value in labels}
    assert values <= {"otlp", "OTLP", "200", "0.5", "0.95"}


def test_the_process_is_told_while_the_database_is_away(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Any:
        raise OperationalError("connection refused")

    monkeypatch.setattr(metrics, "_store", away)
    found = Read(client)
    assert found("store_up") == 0
    assert found("receiver_waiting_bytes") == 0


def test_tasks_sockets_and_the_queue_are_told(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, settings: Any
) -> None:
    before = Read(client)
    assert before("queue_files") is None  # it is off
    tasks.settle_traces()
    files = Spool(tmp_path / "queue", 2**20)
    monkeypatch.setattr(queue, "spool", lambda: files)
    monkeypatch.setattr(queue, "start", lambda: None)
    settings.SPANBOARD_QUEUE = True
    assert post(client, body(1)).status_code == 200
    with meters.sockets.labels("graph").track_inprogress():
        after = Read(client)
    name = "task_duration_seconds_count"
    count = after(name, task="settle_traces") or 0
    assert count - (before(name, task="settle_traces") or 0) == 1
    assert after("queue_files") == 1
    assert after("queue_bad_files") == 0
    assert 0 < (after("queue_bytes") or 0) <= (after("queue_bytes_limit") or 0)
    assert after("live_sockets", page="graph") == 1
    assert Read(client)("live_sockets", page="graph") == 0
