"""Pages: what they say, and that nothing of a trace becomes markup."""

from __future__ import annotations

import gzip
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings

from dashboard.actions.ingest import ingest
from dashboard.actions.shares import create_snapshot_share, expire_shares, hash_token
from dashboard.actions.sources import ensure_source, receiver_source
from dashboard.models import ShareLink, Snapshot, TraceRecord
from dashboard.presenters.text import WARNING_CODES, warning_text
from dashboard.reads.traces import find_record
from dashboard.sources.jaeger.export import to_jaeger_json
from tests.factories import TRACE_ID, make_trace

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}\u202e'
SPANS: list[dict[str, Any]] = [
    {
        "id": "01",
        "service": "web",
        "kind": "server",
        "duration": 900,
        "tags": {"url": "javascript:alert(1)", "user.email": "ann@example.com"},
    },
    {
        "id": "02",
        "parent": "01",
        "service": f"shop{HOSTILE}",
        "operation": HOSTILE,
        "start": 20,
        "duration": 400,
        "tags": {"error": True, "error.message": HOSTILE, HOSTILE: HOSTILE},
    },
]


class Elements(HTMLParser):
    """Every element of a page with its attributes, as a browser reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def stored() -> TraceRecord:
    ingest(receiver_source(), [make_trace(SPANS)], replace=False)
    record = find_record(TRACE_ID)
    assert record is not None
    return record


def pages() -> list[str]:
    return [
        "/",
        "/search?service=web",
        f"/trace/{TRACE_ID}",
        "/graph",
        "/graph?view=table",
        "/shares",
        "/sources",
        "/nothing",
    ]


@pytest.mark.parametrize("path", pages())
def test_a_hostile_value_is_text_on_every_page(
    client: Client, stored: TraceRecord, path: str
) -> None:
    answer = client.get(path)
    text = answer.content.decode()
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    policy = answer["Content-Security-Policy"]
    assert "unsafe-eval" not in policy
    assert re.search(r"script-src 'self'(;|$)", policy)
    assert "default-src 'none'" in policy
    seen = Elements()
    seen.feed(text)
    for name, attributes in seen.found:
        assert name != "style"
        assert not any(a.startswith("on") or a == "style" for a in attributes)
        if name == "script":
            assert "src" in attributes or attributes.get("type") == "application/json"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_the_first_rows_are_in_the_html(client: Client, stored: TraceRecord) -> None:
    text = client.get("/").content.decode()
    assert f'href="/trace/{TRACE_ID}"' in text
    trace = client.get(f"/trace/{TRACE_ID}").content.decode()
    assert trace.count('class="span-row"') == 2
    assert "The error is in" in trace or "The error began in" in trace


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/trace/zzz!", 400, "no trace id"),
        (f"/trace/{'9' * 32}", 404, "is not here"),
        ("/search?minDuration=5", 400, "no duration"),
        ("/search?limit=-1", 400, "no number from 1 to 1500"),
        ("/search?tags=%7Bbroken", 400, "not understood"),
        ("/search?start=yesterday", 400, "no time"),
        ("/graph?lookback=long", 400, "no duration"),
        ("/graph.json?what=1", 400, "no parameter"),
        (f"/trace/{TRACE_ID}/download?format=xml", 400, "no such format"),
        ("/s/unknown-token", 404, "does not open anything"),
        ("/search?utm_source=chat", 200, "Ignored"),
        ("/search?service=nobody", 200, "Nothing matches"),
    ],
)
def test_bad_input_is_told_where_the_user_looks(
    client: Client, stored: TraceRecord, path: str, status: int, words: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert words in answer.content.decode()


def test_an_id_in_another_spelling_leads_to_the_stored_one(
    client: Client, stored: TraceRecord
) -> None:
    answer = client.get(f"/trace/{TRACE_ID.upper()}?uiFind=x")
    assert answer["Location"] == f"/trace/{TRACE_ID}?uiFind=x"
    assert client.get("/lookup", {"q": TRACE_ID})["Location"] == f"/trace/{TRACE_ID}"


def test_an_empty_store_says_how_to_get_traces(client: Client) -> None:
    text = client.get("/").content.decode()
    assert "--jaeger http://localhost:16686" in text
    assert "No calls in this window" in client.get("/graph").content.decode()


def upload(client: Client, body: bytes) -> Any:
    return client.post("/upload", {"file": SimpleUploadedFile("t.json", body)})


def test_an_upload_leads_to_its_trace(client: Client) -> None:
    answer = upload(client, gzip.compress(to_jaeger_json([make_trace(SPANS)])))
    assert answer.json()["url"] == f"/trace/{TRACE_ID}"
    assert TraceRecord.objects.count() == 1


def test_a_bad_upload_is_refused_and_stores_nothing(client: Client) -> None:
    answer = upload(client, b"<html>")
    assert (answer.status_code, "web page" in answer.json()["error"]) == (400, True)
    with override_settings(SPANBOARD_UPLOAD_MAX_BYTES=10):
        assert upload(client, b'{"data": [1,2,3,4]}').status_code == 413
    assert TraceRecord.objects.count() == 0


def test_an_upload_from_another_site_is_refused() -> None:
    strict = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
    assert upload(strict, b"{}").status_code == 403


def otlp(
    client: Client, body: bytes, kind: str = "application/json", **headers: str
) -> Any:
    return client.post("/v1/traces", data=body, content_type=kind, headers=headers)


def test_the_receiver_answers_as_the_specification_says(client: Client) -> None:
    spans = [
        {
            "traceId": "ab" * 16,
            "spanId": "01" * 8,
            "name": "x",
            "startTimeUnixNano": "1790000000000000000",
            "endTimeUnixNano": "1790000000000000400",
        },
        {"spanId": "zz"},
    ]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    answer = otlp(client, gzip.compress(body), **{"Content-Encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert TraceRecord.objects.count() == 1
    assert otlp(client, b"hello").status_code == 400
    assert otlp(client, b"\xff\xff", "application/x-protobuf").status_code == 400
    assert otlp(client, b"x", "text/plain").status_code == 415
    assert client.get("/v1/traces").status_code == 405
    assert otlp(client, b"x", **{"Content-Encoding": "gzip"}).status_code == 400
    with override_settings(SPANBOARD_OTLP_MAX_INFLATED_BYTES=100):
        assert (
            otlp(
                client, gzip.compress(b" " * 5000), **{"Content-Encoding": "gzip"}
            ).status_code
            == 413
        )


def test_a_share_opens_without_the_trace_and_leaks_no_secret(
    client: Client, stored: TraceRecord
) -> None:
    made = client.post("/shares/new", {"trace": TRACE_ID, "days": 7}).json()
    path = "/s/" + made["url"].rsplit("/s/", 1)[1]
    assert made["redaction"]["rules"]["e-mail"] == 1
    TraceRecord.objects.all().delete()
    page = client.get(path)
    assert page.status_code == 200
    assert page["Referrer-Policy"] == "no-referrer"
    assert page["Cache-Control"] == "no-store"
    assert "noindex" in page["X-Robots-Tag"]
    everything = (
        page.content
        + client.get(f"{path}/payload").content
        + client.get(f"{path}/span/0").content
    )
    assert b"ann@example.com" not in everything
    assert client.get(f"{path}/find?q=web").json()["rows"] == [0]
    token = path.removeprefix("/s/")
    assert len(token) >= 22
    assert not ShareLink.objects.filter(token_hash=token).exists()
    assert ShareLink.objects.get().token_hash == hash_token(token)


def test_a_revoked_an_expired_and_an_unknown_share_look_the_same(
    client: Client, stored: TraceRecord
) -> None:
    link, token = create_snapshot_share(stored, days=1)
    client.post(f"/shares/{link.pk}/revoke")
    revoked = client.get(f"/s/{token}")
    unknown = client.get("/s/" + "x" * len(token))
    assert revoked.status_code == unknown.status_code == 404
    assert revoked.content == unknown.content
    _, second = create_snapshot_share(stored, days=1)
    ShareLink.objects.filter(token_hash=hash_token(second)).update(
        expires_at="2020-01-01T00:00:00Z"
    )
    assert client.get(f"/s/{second}").content == unknown.content
    expire_shares()
    assert not any(bytes(s.columns) for s in Snapshot.objects.all())


def test_a_share_lasts_within_the_limit_and_get_makes_none(
    client: Client, stored: TraceRecord
) -> None:
    assert (
        client.post("/shares/new", {"trace": TRACE_ID, "days": 9999}).status_code == 400
    )
    assert client.get("/shares/new").status_code == 405
    assert ShareLink.objects.count() == 0


def test_the_payload_is_what_is_stored(client: Client, stored: TraceRecord) -> None:
    body = client.get(f"/trace/{TRACE_ID}/payload").content
    length = int.from_bytes(body[:4], "little")
    header = json.loads(body[4 : 4 + length])
    assert header["spans"] == 2
    columns = {
        name: (kind, offset, count) for name, kind, offset, count in header["columns"]
    }
    _, offset, count = columns["duration"]
    import numpy as np

    found = np.frombuffer(body, "<u4", count, 4 + length + offset) * header["unit_ns"]
    assert found.tolist() == [900_000, 400_000]
    tag = client.get(f"/trace/{TRACE_ID}/payload")["ETag"]
    again = client.get(f"/trace/{TRACE_ID}/payload", headers={"If-None-Match": tag})
    assert again.status_code == 304


def test_a_failing_source_is_told_on_every_page(
    client: Client, stored: TraceRecord
) -> None:
    from dashboard.actions.sources import note_failure

    source = ensure_source("jaeger", "http://jaeger:16686", "Jaeger")
    note_failure(source, Exception("http://jaeger:16686 can not be reached"))
    for path in ("/", "/graph", "/sources"):
        text = client.get(path).content.decode()
        assert "Jaeger does not answer" in text
        assert "can not be reached" in text


def test_jaegers_dependencies_are_served(client: Client, stored: TraceRecord) -> None:
    answer = client.get("/api/dependencies?lookback=3600000").json()
    assert [(e["parent"], e["callCount"]) for e in answer["data"]] == [("web", 1)]
    assert client.get("/api/dependencies?lookback=x").status_code == 400


@pytest.mark.parametrize("code", WARNING_CODES)
def test_every_warning_has_a_sentence(code: str) -> None:
    assert warning_text(code, {}) != code


def test_every_warning_code_of_the_core_is_known() -> None:
    from pathlib import Path

    root = Path(__file__).resolve().parent.parent.parent / "dashboard"
    found = set()
    for path in [
        *root.glob("adjusters/*.py"),
        *root.glob("sources/*/*.py"),
        *root.glob("traces/*.py"),
        root / "actions/ingest.py",
    ]:
        text = path.read_text()
        found |= set(re.findall(r'(?:Warning|\.warn)\(\s*"([a-z-]+)"', text))
    assert found <= set(WARNING_CODES), found - set(WARNING_CODES)


def test_only_the_demo_can_be_removed(client: Client, stored: TraceRecord) -> None:
    assert client.post(f"/sources/{stored.source_id}/remove").status_code == 404
    assert TraceRecord.objects.count() == 1
    demo = receiver_source(is_demo=True)
    assert client.post(f"/sources/{demo.pk}/remove").status_code == 302


def test_a_service_that_went_on_is_not_told_as_failed() -> None:
    from dashboard.adjusters.standard import adjust
    from dashboard.analysis.analyse import analyse
    from dashboard.analysis.summary import describe_error
    from dashboard.presenters.sentences import error_sentence
    from tests.factories import make_trace

    spans = [
        {"id": "1", "service": "reviews", "kind": "server"},
        {"id": "2", "parent": "1", "service": "reviews", "kind": "client"},
        {"id": "3", "parent": "2", "service": "ratings", "kind": "server"},
    ]
    for span in spans[1:]:
        span["tags"] = {"error": True}  # type: ignore[assignment]  # a mixed dictionary
    trace = adjust(make_trace(spans))
    first = describe_error(trace, analyse(trace).first_error)
    (told,) = error_sentence(trace, {"first_error": first})
    assert "stopped at reviews" in told["text"]
    assert "failed reviews" not in told["text"]
