"""Snapshots as files: out of one Spanboard, into another, and what is refused."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from dashboard.access.person import LOCAL
from dashboard.actions import carry, shares
from dashboard.actions.ingest import ingest
from dashboard.actions.sources import upload_source
from dashboard.models import TraceRecord
from dashboard.redaction.own import read_rules
from dashboard.share_models import ShareEvent, ShareLink, Snapshot
from dashboard.sources.detect import decode
from dashboard.traces.portable import BadFile
from tests.factories import make_trace
from tests.ground.test_commands import run
from tests.peers.rich import rich_trace
from tests.ui.test_shares import AWAY, account

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def far(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "traces.example"]
    cache.clear()


@pytest.fixture
def stored() -> TraceRecord:
    found = rich_trace()
    note = {"key": "note", "type": "string", "value": "for jdoe@example.org"}
    found["spans"][0]["tags"].append(note)
    body = json.dumps({"data": [found]}).encode()
    ingest(upload_source(), decode(body).traces, replace=True)
    return TraceRecord.objects.get()


def shared(record: TraceRecord, **more: Any) -> tuple[ShareLink, str]:
    return shares.create_snapshot_share(record, days=3, note="look here", **more)


def file_of(client: Client, token: str) -> bytes:
    answer = client.get(f"/s/{token}/download", {"format": "spanboard"})
    assert answer.status_code == 200
    assert answer["Content-Disposition"].endswith('.spanboard.json.gz"')
    assert answer["Cache-Control"] == "no-store"
    return answer.content


def content_of(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(body))
    return found


def sent(client: Client, body: bytes, **form: str) -> Any:
    file = SimpleUploadedFile("trace.spanboard.json.gz", body)
    return client.post("/shares/import", {"file": file, **form})


def taken_in(client: Client, body: bytes, **form: str) -> str:
    answer = sent(client, body, **form)
    assert answer.status_code == 200, answer.content
    return str(answer.json()["url"]).rsplit("/", 1)[1]


def test_a_snapshot_taken_in_answers_as_the_one_it_came_from(
    client: Client, stored: TraceRecord
) -> None:
    link, token = shared(stored, state="view=table&from=0")
    body = file_of(client, token)
    before = {name: client.get(f"/s/{token}/{name}").content for name in PARTS}
    raw = bytes(Snapshot.objects.get().columns), bytes(Snapshot.objects.get().details)
    shares.delete_share(link, LOCAL)
    stored.delete()
    other = taken_in(client, body)
    assert client.get(f"/s/{other}")["Location"] == f"/s/{other}?view=table&from=0"
    for name, content in before.items():
        assert client.get(f"/s/{other}/{name}").content == content, name
    held = Snapshot.objects.get()
    assert (bytes(held.columns), bytes(held.details)) == raw
    assert file_of(client, other) == body


PARTS = (
    "payload",
    "span/0",
    "span/3",
    "span/1/raw",
    "find?q=a",
    "statistics",
    "rows",
    "graph",
    "logs",
    "spans.csv",
    "events?frames=0",
    "download?format=jaeger",
    "download?format=otlp",
    "download?format=zipkin",
)


def test_the_page_and_the_list_say_where_it_came_from(
    client: Client, stored: TraceRecord
) -> None:
    _, token = shared(stored)
    body = file_of(client, token)
    other = taken_in(client, body, audience="anyone", days="30")
    page = client.get(f"/s/{other}").content.decode()
    assert "Taken in from a file" in page
    assert "look here" in page
    first, second = Snapshot.objects.order_by("pk")
    assert (second.source_name, second.captured_by) == ("Uploads", "local")
    assert abs(second.captured_at - first.captured_at).total_seconds() < 0.001
    assert second.redaction == first.redaction
    assert second.imported_at is not None
    link = ShareLink.objects.get(snapshot=second)
    assert (link.audience, link.owner_name) == ("anyone", "local")
    assert ShareEvent.objects.order_by("-pk").first().what == "imported"
    listed = client.get("/shares?all=1").content.decode()
    assert "taken in from a file, captured from Uploads" in listed
    assert "Imported" in listed


def test_the_file_names_its_author_only_to_people_with_an_account(
    client: Client, stored: TraceRecord
) -> None:
    _, ada = account("ada", "sharer")
    _, token = shared(stored, person=ada, audience="anyone")
    assert content_of(file_of(client, token))["captured_by"] == "ada"
    away = file_of(Client(**AWAY), token)
    assert content_of(away)["captured_by"] == ""
    assert b"jdoe" not in gzip.decompress(away)


def test_who_may_share_takes_in_and_owns_it(stored: TraceRecord) -> None:
    member, ada = account("ada", "sharer")
    viewer, _ = account("eve", "viewer")
    _, token = shared(stored, audience="anyone")
    body = file_of(member, token)
    assert sent(viewer, body).status_code == 403
    assert sent(Client(**AWAY), body).status_code == 401
    assert Snapshot.objects.count() == 1
    other = taken_in(member, body)
    assert shares.find_share(other).owner_id == ada.user_id
    assert Client(**AWAY).get(f"/s/{other}").status_code == 404  # signed-in by default


def test_the_rules_of_this_spanboard_run_once_more(
    client: Client, stored: TraceRecord, settings: Any
) -> None:
    _, token = shared(stored)
    content = content_of(file_of(client, token))
    tag = {"key": "note", "type": "string", "value": "mail eve@example.org, CUST-123"}
    content["trace"]["details"][0]["tags"].append(tag)
    content["trace"]["operations"][0] = "GET /u/eve@example.org"
    content["source"] = "eve@example.org"
    content["state"] = "q=eve@example.org&from=0"
    rules = '[{"name": "customer", "pattern": "CUST-[0-9]+"}]'
    settings.SPANBOARD_REDACT_RULES = read_rules(rules)
    other = taken_in(client, json.dumps(content).encode())
    held = content_of(file_of(client, other))
    assert "eve@" not in json.dumps(held)
    assert "CUST-123" not in json.dumps(held)
    assert held["state"] == "from=0"
    assert held["redaction"]["rules"]["customer"] == 1
    assert held["redaction"]["own"] == ["customer"]


def test_markup_in_a_file_is_text(client: Client, stored: TraceRecord) -> None:
    _, token = shared(stored)
    content = content_of(file_of(client, token))
    evil = '"><img src=x onerror=alert(1)>'
    content["note"] = content["source"] = evil
    content["trace"]["services"] = [evil] * len(content["trace"]["services"])
    content["redaction"]["rules"][evil] = 3
    other = taken_in(client, json.dumps(content).encode())
    for page in (f"/s/{other}", "/shares?all=1"):
        assert "<img src=x" not in client.get(page).content.decode()


def changed(**parts: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content.update(parts)


def columns(**parts: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["trace"].update(parts)


def cell(column: str, row: int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["trace"][column][row] = value

    return change


HOSTILE: dict[str, Callable[[dict[str, Any]], None]] = {
    "another format": changed(format="jaeger"),
    "a later version": changed(version=2),
    "another kind": changed(kind="graph"),
    "no trace": changed(trace=None),
    "a wrong type": changed(captured_at_us="yesterday"),
    "a year 300000": changed(captured_at_us=10**19),
    "a long note": changed(note="x" * 3_000),
    "a negative count": changed(redaction={"total": -1}),
    "no span": columns(span_ids=[]),
    "no id": columns(trace_id="x' OR 1"),
    "another case of the id": columns(trace_id="AB" * 16),
    "a short column": columns(start_ns=[1]),
    "few details": columns(details=[]),
    "a service that is not there": cell("service", 0, 10**6),
    "a negative operation": cell("operation", 0, -1),
    "a process that is not there": cell("process", 1, 99_999),
    "a kind that is none": cell("kind", 0, 9),
    "flags that are none": cell("flags", 0, 65_536),
    "a start before the epoch": cell("start_ns", 0, -5),
    "a start beyond 64 bits": cell("start_ns", 0, 2**64),
    "a start of 2**63-1": cell("start_ns", 0, 2**63 - 1),
    "a negative duration": cell("duration_ns", 0, -1),
    "a float": cell("duration_ns", 0, 1.5),
    "a circle": cell("parent", 0, 1),
    "its own parent": cell("parent", 2, 2),
    "a parent elsewhere": cell("parent", 1, 10**6),
    "a second root in the midst": cell("parent", 3, -1),
    "an id with a line break": cell("span_ids", 0, "a\nb"),
    "a fact that is not there": columns(facts={"version": [0]}),
    "a warning of no row": columns(warnings=[{"code": "x", "row": 10**6}]),
    "a warning of an age": columns(
        warnings=[{"code": "clock-skew", "values": {"delta_us": 10**300}}]
    ),
    "a reference of no row": columns(references=[{"row": -1, "references": []}]),
    "half of what is known": columns(known={"known_window": [1, 2]}),
}


def refused(client: Client, body: bytes, status: int = 400) -> str:
    """The sentence; nothing was written."""
    before = Snapshot.objects.count(), ShareLink.objects.count()
    events = ShareEvent.objects.count()
    answer = sent(client, body)
    assert answer.status_code == status, answer.content
    assert answer["Cache-Control"] == "no-store"
    assert (Snapshot.objects.count(), ShareLink.objects.count()) == before
    assert ShareEvent.objects.count() == events
    sentence = str(answer.json()["error"])
    assert sentence.endswith("."), sentence
    return sentence


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_file_is_refused_with_a_sentence(
    client: Client, stored: TraceRecord, name: str
) -> None:
    _, token = shared(stored)
    content = content_of(file_of(client, token))
    HOSTILE[name](content)
    refused(client, gzip.compress(json.dumps(content).encode()))


def test_what_is_no_snapshot_is_refused(client: Client, stored: TraceRecord) -> None:
    _, token = shared(stored)
    body = file_of(client, token)
    plain = gzip.decompress(body)
    assert "cut off" in refused(client, body[: len(body) // 2])
    assert "cut off" in refused(client, plain[: len(plain) // 2])
    assert "broken" in refused(client, body[:40] + b"\xff" * 40 + body[80:])
    for foreign in (
        b"",
        b"PK\x03\x04zip",
        b"<html>",
        b"\x28\xb5\x2f\xfd",
        b"[1]",
        b"7",
    ):
        assert "no snapshot" in refused(client, foreign)
    jaeger = client.get(f"/s/{token}/download", {"format": "jaeger"}).content
    assert "no snapshot" in refused(client, jaeger)
    deep = b'{"format": "spanboard-snapshot", "a": ' + b"[" * 200_000
    refused(client, gzip.compress(deep))
    assert client.post("/shares/import").status_code == 400
    assert client.get("/shares/import").status_code == 405


def test_large_files_and_bombs_are_refused(
    client: Client, stored: TraceRecord, settings: Any
) -> None:
    _, token = shared(stored)
    body = file_of(client, token)
    settings.SPANBOARD_UPLOAD_MAX_BYTES = 2**20
    refused(client, gzip.compress(b" " * (64 * 2**20)), 413)
    twice = gzip.compress(b" " * 2**20) * 3
    refused(client, twice, 413)
    refused(client, b"{" + b" " * 2**20, 413)
    settings.SPANBOARD_UPLOAD_MAX_BYTES = len(body)
    refused(client, body + b"\0", 413)


@pytest.mark.parametrize("form", [{"days": "0"}, {"days": "401"}, {"days": "x"}])
def test_the_link_to_what_is_taken_in_has_its_limits(
    client: Client, stored: TraceRecord, form: dict[str, str]
) -> None:
    _, token = shared(stored)
    assert sent(client, file_of(client, token), **form).status_code == 400
    assert Snapshot.objects.count() == 1


def test_links_for_anyone_can_be_forbidden(
    client: Client, stored: TraceRecord, settings: Any
) -> None:
    _, token = shared(stored)
    body = file_of(client, token)
    settings.SPANBOARD_SHARE_ANYONE = False
    answer = sent(client, body, audience="anyone")
    assert answer.status_code == 400
    assert re.search("switched off", answer.json()["error"])


def test_a_snapshot_of_one_span_and_of_a_long_chain_are_carried(
    client: Client,
) -> None:
    chain = [{"id": f"{n:016x}", "parent": f"{n - 1:016x}"} for n in range(2, 20_000)]
    for number, spans in enumerate(([], chain), 1):
        trace = make_trace([{"id": f"{1:016x}"}, *spans], f"{number:032x}")
        ingest(upload_source(), [trace], replace=True)
        record = TraceRecord.objects.get(trace_id=f"{number:032x}")
        _, token = shares.create_snapshot_share(record, days=1)
        other = taken_in(client, file_of(client, token))
        assert (
            client.get(f"/s/{other}/payload").content
            == client.get(f"/s/{token}/payload").content
        )


def test_a_file_of_an_emptied_snapshot_is_not_made(stored: TraceRecord) -> None:
    link, _ = shared(stored)
    Snapshot.objects.update(kind="graph", content=b"x")
    link = ShareLink.objects.select_related("snapshot").get()
    with pytest.raises(BadFile, match="Only snapshots of traces"):
        carry.snapshot_file(link, names_author=False)


def test_the_command_takes_a_file_into_another_spanboard(
    client: Client, stored: TraceRecord, tmp_path: Path
) -> None:
    _, token = shared(stored)
    path = tmp_path / "trace.spanboard.json.gz"
    path.write_bytes(file_of(client, token))
    done = run(tmp_path, "share", "import", str(path), "--anyone", "--days", "2")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rb"/s/[\w-]{30,}\n", done.stdout)
    path.write_bytes(path.read_bytes()[:500])
    done = run(tmp_path, "share", "import", str(path))
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"cut off" in done.stderr
    done = run(tmp_path, "share", "import", str(tmp_path / "nothing"))
    assert done.returncode == 1
