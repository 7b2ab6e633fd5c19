"""What the views of a trace ask the server for, of a stored trace and of a share."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.test import Client

from dashboard.actions.ingest import ingest
from dashboard.actions.sources import receiver_source
from dashboard.models import TraceRecord
from dashboard.presenters import trace_statistics
from dashboard.presenters.spans_csv import safe
from dashboard.reads.traces import find_record
from dashboard.sources.jaeger.parse import parse_v1
from tests.factories import TRACE_ID, make_trace

pytestmark = pytest.mark.django_db(transaction=True)
FORMULA = '=HYPERLINK("http://evil";"x"),\n"quoted"'
SPANS: list[dict[str, Any]] = [
    {"id": "01", "service": "web", "kind": "server", "duration": 900},
    {
        "id": "02",
        "parent": "01",
        "service": "shop",
        "operation": FORMULA,
        "start": 20,
        "duration": 400,
        "tags": {"error": True, "http.method": "GET"},
    },
    {
        "id": "03",
        "parent": "01",
        "service": "shop",
        "operation": "list",
        "start": 430,
        "duration": 100,
        "tags": {"http.method": "PUT", "user.email": "ann@example.com"},
    },
]


def store(trace: Any) -> TraceRecord:
    ingest(receiver_source(), [trace], replace=False)
    record = find_record(trace.trace_id)
    assert record is not None
    return record


@pytest.fixture
def stored() -> TraceRecord:
    return store(make_trace(SPANS))


@pytest.fixture(params=["trace", "share"])
def base(request: Any, client: Client, stored: TraceRecord) -> str:
    """Where the trace's data is, stored or shared."""
    if request.param == "trace":
        return f"/trace/{TRACE_ID}"
    made = client.post("/shares/new", {"trace": TRACE_ID, "days": 7}).json()
    return "/s/" + str(made["url"]).rsplit("/s/", 1)[1]


def test_statistics_by_service_and_within_by_a_tag(client: Client, base: str) -> None:
    found = client.get(f"{base}/statistics?by=service&then=http.method").json()
    groups = {group["name"]: group for group in found["groups"]}
    assert (groups["shop"]["count"], groups["shop"]["errors"]) == (2, 1)
    assert groups["web"]["self"] == 400_000
    assert groups["web"]["share"] == round(400 / 900, 5)
    assert groups["shop"]["total"] == 500_000
    within = {group["name"]: group["count"] for group in groups["shop"]["groups"]}
    assert within == {"GET": 1, "PUT": 1}
    assert [group["name"] for group in groups["web"]["groups"]] == [None]
    assert "http.method" in found["keys"]
    assert sum(group["share"] for group in found["groups"]) == pytest.approx(
        1, abs=1e-4
    )


def test_of_very_many_groups_those_with_most_self_time_are_told(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_statistics, "MAX_GROUPS", 3)
    store(
        make_trace(
            [
                {"id": f"{n:02d}", "duration": 1 + n % 7, "tags": {"url": f"/{n}"}}
                for n in range(1, 20)
            ]
        )
    )
    found = client.get(f"/trace/{TRACE_ID}/statistics?by=url&then=service").json()
    assert [group["name"] for group in found["groups"]] == ["/13", "/6", "/5"]
    assert [len(group["groups"]) for group in found["groups"]] == [1, 1, 1]
    assert found["left_off"] == 32


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("statistics?by=nothing", "has the tag nothing"),
        ("statistics?by=service&then=nothing", "has the tag nothing"),
        ("statistics?what=1", "no parameter what"),
        ("rows?tags=[1]", "no JSON object"),
        ("rows?tags={broken", "no JSON object"),
        ("rows", "one to 5 tags"),
        ('rows?tags={"nothing":"x"}', "has the tag nothing"),
        ("graph?by=colour", "path or operation"),
        ("logs?x=1", "no parameter x"),
        ("spans.csv?x=1", "no parameter x"),
        ("spans.csv?path=99", "no such span"),
        ("spans.csv?path=²", "no such span"),
        ("spans.csv?tags={", "no JSON object"),
    ],
)
def test_bad_input_is_refused_in_words(
    client: Client, base: str, query: str, words: str
) -> None:
    answer = client.get(f"{base}/{query}")
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_rows_have_exactly_the_value(client: Client, base: str) -> None:
    def rows(**tags: Any) -> Any:
        return client.get(f"{base}/rows", {"tags": json.dumps(tags)}).json()["rows"]

    assert rows(**{"http.method": "PUT"}) == [2]
    assert rows(**{"http.method": "PU"}) == []
    assert rows(**{"http.method": None}) == [0]
    assert rows(**{"http.method": "GET", "service": "shop"}) == [1]


def test_the_graph_merges_by_path_and_by_operation(client: Client, base: str) -> None:
    for by in ("path", "operation"):
        found = client.get(f"{base}/graph?by={by}").json()
        assert [node["service"] for node in found["nodes"]] == ["web", "shop", "shop"]
        assert [(e["caller"], e["callee"], e["errors"]) for e in found["edges"]] == [
            (0, 1, 1),
            (0, 2, 0),
        ]
        assert found["nodes"][0]["x"] < found["nodes"][1]["x"]


def test_a_csv_is_quoted_and_holds_no_formula(client: Client, base: str) -> None:
    answer = client.get(f"{base}/spans.csv")
    assert answer["Content-Type"].startswith("text/csv")
    body = answer.content
    assert body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    assert [row["service"] for row in rows] == ["web", "shop", "shop"]
    assert rows[1]["operation"].startswith("'=")
    assert rows[1]["failed"] == "true"
    assert rows[1]["duration_ns"] == "400000"
    assert sum(int(row["critical_ns"]) for row in rows) == 900_000
    assert body.count(b"\r\n") == 4


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("service=shop&failed=1", 1),
        ("operation=list", 1),
        ("service=nobody", 0),
        ("q=http.method", 2),
        ('tags={"http.method":"PUT"}', 1),
        ("path=1", 1),
        ("path=0", 1),
    ],
)
def test_a_csv_holds_what_the_table_shows(
    client: Client, base: str, query: str, lines: int
) -> None:
    found = client.get(f"{base}/spans.csv?{query}").content
    assert found.count(b"\r\n") == lines + 1


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " ="])
def test_every_begin_of_a_formula_is_made_text(start: str) -> None:
    assert safe(f"{start}1+1") == f"'{start}1+1"
    assert safe(f"a{start}") == f"a{start}"


def test_logs_of_all_spans_are_told_in_order_of_time(client: Client) -> None:
    start = 1_790_000_000_000_000
    fields = [
        {"key": "event", "type": "string", "value": "retry"},
        {"key": "why", "type": "string", "value": "<b>late</b>"},
    ]
    spans = [
        {
            "traceID": "ab" * 16,
            "spanID": f"{number:016x}",
            "operationName": "op",
            "startTime": start + number,
            "duration": 100,
            "processID": "p1",
            "logs": [{"timestamp": start + 50 - number, "fields": fields[:number]}],
        }
        for number in (1, 2)
    ]
    document = {
        "traceID": "ab" * 16,
        "spans": spans,
        "processes": {"p1": {"serviceName": "web"}},
    }
    (trace,) = parse_v1(json.dumps({"data": [document]}).encode()).traces
    store(trace)
    found = client.get(f"/trace/{'ab' * 16}/logs").json()
    assert found["logs"] == [
        [1, 47_000, "retry", "why=<b>late</b>"],
        [0, 48_000, "retry", ""],
    ]
    assert client.get(f"/trace/{'ab' * 16}/logs?q=LATE").json()["total"] == 1


def test_a_shares_views_leak_no_secret_and_are_private(
    client: Client, stored: TraceRecord
) -> None:
    made = client.post("/shares/new", {"trace": TRACE_ID, "days": 7}).json()
    path = "/s/" + made["url"].rsplit("/s/", 1)[1]
    for name in ("statistics?by=user.email", "graph", "logs", "spans.csv"):
        answer = client.get(f"{path}/{name}")
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "no-store"
        assert b"ann@example.com" not in answer.content


def test_rows_of_a_version_that_is_gone_are_refused(
    client: Client, stored: TraceRecord
) -> None:
    assert client.get(f"/trace/{TRACE_ID}/graph?v={stored.version}").status_code == 200
    assert client.get(f"/trace/{TRACE_ID}/graph?v=999").status_code == 409
