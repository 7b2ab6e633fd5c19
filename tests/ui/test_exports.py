"""A trace that leaves: every format, of a stored trace and of a share."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from dashboard.models import TraceRecord
from dashboard.presenters import trace_file
from dashboard.sources.jaeger.parse import parse_v1
from dashboard.sources.otlp.parse import parse_json
from dashboard.sources.zipkin.parse import parse_v2
from tests.factories import START_US, TRACE_ID, make_trace
from tests.ui.test_trace_views import store

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = '</style><script>alert(1)</script><img src="//evil/x">{{7*7}}\u202e'
SPANS: list[dict[str, Any]] = [
    {"id": "01", "service": "web", "kind": "server", "duration": 900},
    {
        "id": "02",
        "parent": "01",
        "service": HOSTILE,
        "operation": HOSTILE,
        "start": 20,
        "duration": 400,
        "tags": {"error": True, "text": HOSTILE, "user.email": "ann@example.com"},
    },
]


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


@pytest.mark.parametrize(
    ("name", "parse"),
    [("jaeger", parse_v1), ("otlp", parse_json), ("zipkin", parse_v2)],
)
def test_a_json_download_can_be_read_again(
    client: Client, base: str, name: str, parse: Any
) -> None:
    answer = client.get(f"{base}/download?format={name}")
    assert answer["Content-Type"] == "application/json"
    assert answer["Content-Disposition"].startswith('attachment; filename="trace-')
    (trace,) = parse(answer.content).traces
    assert len(trace) == 2
    assert trace.duration_ns.tolist() == [900_000, 400_000]
    private = answer.get("Cache-Control") == "no-store"
    assert private == base.startswith("/s/")
    assert (b"ann@example.com" in answer.content) != private


class Parts(HTMLParser):
    """Elements and attributes of a page, as a browser reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs


def test_the_html_file_needs_nothing_and_shows_hostile_values_as_text(
    client: Client, base: str
) -> None:
    answer = client.get(f"{base}/download?format=html")
    assert answer["Content-Disposition"].startswith("attachment")
    text = answer.content.decode()
    parts = Parts()
    parts.feed(text)
    assert not {"img", "link", "iframe", "a", "form"} & set(parts.names)
    assert parts.names.count("script") == 1  # our own, see test_offline_file.py
    names = {name for name, _ in parts.attributes}
    assert not {"href", "src", "style"} & names
    assert not any(name.startswith("on") for name in names)
    assert "url(" not in text
    assert "@import" not in text
    assert text.count('<details class="row"') == 2
    assert "&lt;script&gt;alert(1)" in text
    assert "default-src &#x27;none&#x27;" in text or "default-src 'none'" in text
    assert ("ann@example.com" in text) == base.startswith("/trace")


def test_a_long_trace_says_what_the_html_file_leaves_out(
    client: Client, stored: TraceRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_file, "MAX_ROWS", 1)
    text = client.get(f"/trace/{TRACE_ID}/download?format=html").content.decode()
    assert "The first 1 of 2 spans" in text
    assert text.count('<details class="row"') == 1


def test_the_page_as_json_has_the_figures_of_the_page(
    client: Client, stored: TraceRecord
) -> None:
    found = client.get(f"/trace/{TRACE_ID}.json").json()
    assert found["trace_id"] == TRACE_ID
    assert found["duration_ns"] == 900_000
    assert found["start_ns"] == str(START_US * 1_000)
    assert [span["parent_row"] for span in found["spans"]] == [None, 0]
    assert [span["self_ns"] for span in found["spans"]] == [500_000, 400_000]
    assert sum(span["critical_ns"] for span in found["spans"]) == 900_000
    assert [span["failed"] for span in found["spans"]] == [False, True]
    assert any("error" in one["text"].lower() for one in found["sentences"])
    assert client.get(f"/trace/{TRACE_ID}.json?x=1").status_code == 400
    assert client.get(f"/trace/{'9' * 32}.json").status_code == 404


def test_a_raw_span_is_told_as_received(client: Client, base: str) -> None:
    answer = client.get(f"{base}/span/1/raw")
    assert answer.content.startswith(b'{\n  "traceID"')
    span = answer.json()
    assert span["spanID"] == "02"
    assert span["references"][0]["spanID"] == "01"
    assert span["startTime"] == START_US + 20
    tags = {tag["key"]: tag["value"] for tag in span["tags"]}
    assert tags["error"] is True
    otlp = client.get(f"{base}/span/1/raw?format=otlp").json()
    (block,) = otlp["resourceSpans"]
    (one,) = block["scopeSpans"][0]["spans"]
    assert one["startTimeUnixNano"] == str((START_US + 20) * 1_000)
    assert client.get(f"{base}/span/7/raw").status_code == 404
    assert client.get(f"{base}/span/1/raw?format=xml").status_code == 400


def test_an_unknown_format_is_refused_in_words(client: Client, base: str) -> None:
    answer = client.get(f"{base}/download?format=xml")
    assert answer.status_code == 400
    assert "csv, html" in answer.content.decode()


def test_a_raw_span_keeps_great_numbers(client: Client) -> None:
    store(make_trace([{"id": "01", "tags": {"n": 2**62 + 1}}]))
    body = client.get(f"/trace/{TRACE_ID}/span/0/raw").content
    tags = json.loads(body)["tags"]
    assert tags[0]["value"] == 2**62 + 1
