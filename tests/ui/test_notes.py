"""Notes, pins and threads: who may read and write, limits, what a share keeps."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from dashboard.access.person import LOCAL
from dashboard.actions import carry, notes, shares, threads
from dashboard.actions.erase import erase_trace
from dashboard.actions.ingest import ingest
from dashboard.actions.sources import upload_source
from dashboard.models import Note, ShareComment, ShareLink, Snapshot, TraceRecord
from dashboard.presenters.live_results import trace_state
from dashboard.views import notes as views
from tests.factories import make_trace
from tests.peers.aside import aside
from tests.ui import test_follow
from tests.ui.test_follow import closed, joined, told
from tests.ui.test_shares import AWAY, account

pytestmark = pytest.mark.django_db
SPAN = "a" * 16
SECRET = "hunter2-is-my-word"
as_person = test_follow.as_person


@pytest.fixture(autouse=True)
def far(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "traces.example"]
    cache.clear()


def store(*spans: dict[str, Any]) -> TraceRecord:
    ingest(upload_source(), [make_trace(list(spans))], replace=True)
    return TraceRecord.objects.get()


@pytest.fixture
def stored() -> TraceRecord:
    return store(
        {"id": SPAN, "tags": {"password": SECRET}}, {"id": "b" * 16, "parent": SPAN}
    )


def base(record: TraceRecord) -> str:
    return f"/trace/{record.trace_id}/notes"


def listed(client: Client, record: TraceRecord) -> list[dict[str, Any]]:
    return client.get(base(record)).json()["notes"]  # type: ignore[no-any-return]


def test_notes_and_pins_are_written_read_edited_and_deleted(
    client: Client, stored: TraceRecord
) -> None:
    before = trace_state(stored.trace_key)["notes"]
    url = f"{base(stored)}/new"
    assert client.post(url, {"text": "On **all** of it"}).status_code == 200
    service = client.get(f"/trace/{stored.trace_id}/span/0").json()["service"]
    place = {"span": SPAN, "service": service}
    assert client.post(url, {**place, "text": "slow here"}).status_code == 200
    pin = client.post(url, place).json()["id"]
    assert client.post(url, place).json()["id"] == pin  # a span is pinned once
    found = listed(client, stored)
    assert [(n["row"], n["is_pin"]) for n in found] == [
        (-1, False),
        (0, False),
        (0, True),
    ]
    assert found[0]["blocks"][0]["runs"][1] == {"text": "all", "bold": True}
    after = trace_state(stored.trace_key)["notes"]
    assert after != before
    number = found[1]["id"]
    assert client.post(f"/notes/{number}/edit", {"text": "fast"}).status_code == 200
    assert listed(client, stored)[1]["text"] == "fast"
    assert listed(client, stored)[1]["edited"]
    assert trace_state(stored.trace_key)["notes"] != after
    assert client.post(f"/notes/{number}/edit", {"text": " "}).status_code == 400
    assert client.post(f"/notes/{pin}/edit", {"text": "x"}).status_code == 400
    assert client.post(f"/notes/{pin}/delete").status_code == 200
    assert len(listed(client, stored)) == 2
    assert client.post(f"/notes/{pin}/delete").status_code == 404


def test_who_may_read_write_and_change(stored: TraceRecord) -> None:
    owner, ada = account("ada", "sharer")
    other, _ = account("bob", "sharer")
    viewer, _ = account("eve", "viewer")
    admin, _ = account("root", "admin")
    stranger = Client(**AWAY)
    url = f"{base(stored)}/new"
    number = owner.post(url, {"text": "mine"}).json()["id"]
    assert viewer.post(url, {"text": "x"}).status_code == 403
    assert stranger.post(url, {"text": "x"}).status_code == 401
    assert stranger.get(base(stored)).status_code == 401
    read = viewer.get(base(stored)).json()
    assert [n["text"] for n in read["notes"]] == ["mine"]
    assert not read["may_write"]
    for verb in ("edit", "delete"):
        form = {"text": "theirs"}
        assert other.post(f"/notes/{number}/{verb}", form).status_code == 404
        assert viewer.post(f"/notes/{number}/{verb}", form).status_code == 403
        assert stranger.post(f"/notes/{number}/{verb}", form).status_code == 401
    assert [n["may_change"] for n in listed(owner, stored)] == [True]
    assert [n["may_change"] for n in listed(other, stored)] == [False]
    assert owner.post(f"/notes/{number}/edit", {"text": "ours"}).status_code == 200
    assert admin.post(f"/notes/{number}/delete").status_code == 200
    assert not Note.objects.exists()
    assert ada.name == "ada"


def test_what_can_not_be_a_note_is_refused(
    client: Client, stored: TraceRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{base(stored)}/new"
    assert client.post(url, {"text": "  "}).status_code == 400
    assert client.post(url, {"text": "x" * 4_001}).status_code == 400
    assert client.post(url, {"text": "x", "span": "f" * 16}).status_code == 404
    assert client.post("/trace/zz/notes/new", {"text": "x"}).status_code == 404
    assert client.get(url).status_code == 405
    assert client.post(url, {"text": "zero \0 byte"}).status_code == 200
    monkeypatch.setattr(notes, "MOST_NOTES", 1)
    assert client.post(url, {"text": "one more"}).status_code == 400
    monkeypatch.setattr(views, "NOTE_RATE", "1/m")
    answers = [client.post(url, {"text": "x"}).status_code for _ in range(3)]
    assert answers[-1] == 429
    assert Note.objects.count() == 1


def test_a_note_stays_with_its_span_while_the_trace_grows(
    client: Client, stored: TraceRecord
) -> None:
    client.post(f"{base(stored)}/new", {"span": "b" * 16, "text": "here"})
    assert listed(client, stored)[0]["row"] == 1
    store(
        {"id": "c" * 16, "start_us": -100},
        {"id": SPAN, "parent": "c" * 16},
        {"id": "b" * 16, "parent": SPAN},
    )
    grown = listed(client, TraceRecord.objects.get())[0]
    shown = client.get(f"/trace/{stored.trace_id}/span/{grown['row']}").json()
    assert shown["span_id"] == "b" * 16


def test_a_share_keeps_notes_without_secrets(
    client: Client, stored: TraceRecord
) -> None:
    url = f"{base(stored)}/new"
    client.post(
        url,
        {
            "span": SPAN,
            "text": f"the word is {SECRET}, ask jdoe@example.org, token=abc123def456",
        },
    )
    client.post(url, {"text": "plain"})
    client.post(url, {"span": SPAN})
    answer = client.get("/shares/preview", {"trace": stored.trace_id}).json()
    assert "notes: 2, pins: 1" in answer["notes_text"]
    example = next(e for e in answer["examples"] if e["field"] == "note")
    assert SECRET in example["before"]["text"]
    assert SECRET not in example["after"]["text"]
    _, token = shares.create_snapshot_share(stored, days=1, audience="anyone")
    held = json.dumps(Snapshot.objects.get().notes)
    for secret in (SECRET, "jdoe@example.org", "abc123def456"):
        assert secret not in held
    assert Snapshot.objects.get().redaction["total"] == answer["total"]
    stranger = Client(**AWAY)
    found = stranger.get(f"/s/{token}/notes")
    assert found["Cache-Control"] == "no-store"
    rows = found.json()["notes"]
    assert [(n["row"], n["is_pin"], n["may_change"]) for n in rows] == [
        (0, False, False),
        (-1, False, False),
        (0, True, False),
    ]
    # A note that is written later is none of the copy's; deleting keeps the copy's.
    client.post(url, {"text": "later"})
    Note.objects.all().delete()
    assert len(stranger.get(f"/s/{token}/notes").json()["notes"]) == 3
    shares.revoke_share(ShareLink.objects.get())
    assert Snapshot.objects.get().notes == []
    assert stranger.get(f"/s/{token}/notes").status_code == 404


def test_notes_travel_with_a_snapshots_file(
    client: Client, stored: TraceRecord
) -> None:
    url = f"{base(stored)}/new"
    client.post(url, {"span": SPAN, "text": "look **here**"})
    client.post(url, {"span": "b" * 16})
    link, _ = shares.create_snapshot_share(stored, days=1)
    for known in (True, False):
        body = carry.snapshot_file(link, names_author=known)
        made, token = carry.import_snapshot(
            body, max_bytes=2**20, days=1, audience="signed-in", person=LOCAL
        )
        rows = client.get(f"/s/{token}/notes").json()["notes"]
        assert [(n["row"], n["text"], n["is_pin"]) for n in rows] == [
            (0, "look **here**", False),
            (1, "", True),
        ]
        assert {n["author"] for n in rows} == {"local" if known else ""}
        assert made.snapshot_id != link.snapshot_id


def test_notes_are_in_no_export(client: Client, stored: TraceRecord) -> None:
    client.post(f"{base(stored)}/new", {"span": SPAN, "text": "wrote-this-note"})
    for kind in ("jaeger", "otlp", "zipkin", "csv"):
        answer = client.get(f"/trace/{stored.trace_id}/download?format={kind}")
        assert answer.status_code == 200
        body = b"".join(answer) if answer.streaming else answer.content
        assert b"wrote-this-note" not in body


def test_notes_go_with_erasing_and_long_after_their_trace(
    client: Client, stored: TraceRecord
) -> None:
    client.post(f"{base(stored)}/new", {"text": "one"})
    Note.objects.update(created_at=timezone.now() - timedelta(days=40))
    assert notes.sweep_notes() == 0  # its trace is still here
    Note.objects.create(
        trace_key="1" * 32, text="x", created_at=timezone.now() - timedelta(days=40)
    )
    Note.objects.create(trace_key="2" * 32, text="x", created_at=timezone.now())
    assert notes.sweep_notes() == 1
    erase_trace(stored.trace_id, clear=False)
    assert [n.trace_key for n in Note.objects.all()] == ["2" * 32]


def test_the_thread_of_a_share(stored: TraceRecord) -> None:
    owner, ada = account("ada", "sharer")
    member, _ = account("eve", "viewer")
    other, _ = account("bob", "sharer")
    admin, _ = account("root", "admin")
    stranger = Client(**AWAY)
    _, token = shares.create_snapshot_share(
        stored, days=1, person=ada, audience="anyone"
    )
    url = f"/s/{token}/thread"
    assert stranger.post(f"{url}/new", {"text": "x"}).status_code == 403
    ids = [
        member.post(f"{url}/new", {"text": f"<b>{n}</b>"}).json()["id"]
        for n in range(3)
    ]
    read = stranger.get(url).json()
    assert not read["may_write"]
    assert [c["author"] for c in read["comments"]] == ["eve"] * 3
    assert read["comments"][0]["blocks"][0]["runs"] == [{"text": "<b>0</b>"}]
    assert other.post(f"{url}/{ids[0]}/delete").status_code == 404
    assert stranger.post(f"{url}/{ids[0]}/delete").status_code == 404
    for client, number in zip((member, owner, admin), ids, strict=True):
        assert client.post(f"{url}/{number}/delete").status_code == 200
    assert not ShareComment.objects.exists()
    assert member.post(f"{url}/new", {"text": ""}).status_code == 400
    assert member.post(f"{url}/new", {"text": "x" * 2_001}).status_code == 400
    assert member.get(f"{url}/new").status_code == 405


def test_a_thread_is_its_shares_own(
    stored: TraceRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    member, _ = account("eve", "viewer")
    link, token = shares.create_snapshot_share(stored, days=1, audience="signed-in")
    _, second = shares.create_snapshot_share(stored, days=1, audience="anyone")
    number = member.post(f"/s/{token}/thread/new", {"text": "here"}).json()["id"]
    assert member.get(f"/s/{second}/thread").json()["comments"] == []
    assert member.post(f"/s/{second}/thread/{number}/delete").status_code == 404
    stranger = Client(**AWAY)
    assert stranger.get(f"/s/{token}/thread").status_code == 404
    assert stranger.post(f"/s/{token}/thread/new", {"text": "x"}).status_code == 404
    # Another link to the same snapshot leads to the same thread.
    _, again = shares.renew_share(link, account("root", "admin")[1])
    assert len(member.get(f"/s/{again}/thread").json()["comments"]) == 1
    monkeypatch.setattr(threads, "MOST_COMMENTS", 1)
    assert member.post(f"/s/{token}/thread/new", {"text": "x"}).status_code == 400
    monkeypatch.setattr(views, "COMMENT_RATE", "1/m")
    url = f"/s/{token}/thread/new"
    answers = [member.post(url, {"text": "x"}).status_code for _ in range(3)]
    assert answers[-1] == 429
    for held in ShareLink.objects.filter(snapshot=link.snapshot):
        shares.revoke_share(held)
    assert not ShareComment.objects.exists()


def test_a_shared_graph_has_a_thread_and_no_notes(
    client: Client, stored: TraceRecord
) -> None:
    made = client.post("/shares/graph/new", {"state": "", "audience": "anyone"})
    path = "/s/" + made.json()["url"].rsplit("/", 1)[1]
    assert client.post(f"{path}/thread/new", {"text": "hm"}).status_code == 200
    assert len(Client(**AWAY).get(f"{path}/thread").json()["comments"]) == 1
    assert Client(**AWAY).get(f"{path}/notes").status_code == 404


@pytest.mark.django_db(transaction=True)
@aside
async def test_the_page_of_a_share_hears_its_thread_only(
    transactional_db: Any, as_person: Any
) -> None:
    from channels.db import database_sync_to_async

    from dashboard.access.person import NOBODY

    def two() -> list[tuple[ShareLink, str]]:
        record = store({"id": SPAN})
        return [
            shares.create_snapshot_share(record, days=1, audience="anyone")
            for _ in range(2)
        ]

    (one, first), (_two, second) = await database_sync_to_async(two)()
    as_person(NOBODY)
    here, there = (
        await joined(f"ws/s/{first}/thread"),
        await joined(f"ws/s/{second}/thread"),
    )
    await told(here, "changed")
    await told(there, "changed")
    await database_sync_to_async(threads.add_comment)(one, LOCAL, "hello")
    await told(here, "changed")
    assert await there.receive_nothing(0.3)
    assert await closed(await joined("ws/s/unknown/thread")) == 4403
    for page in (here, there):
        await page.disconnect()
