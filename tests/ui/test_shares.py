"""Shares: who may open, change and list them; what a look leaves behind."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from dashboard.access.person import RIGHTS_OF_ROLE, Person
from dashboard.actions import people, shares
from dashboard.actions.ingest import ingest
from dashboard.actions.sources import upload_source
from dashboard.models import TraceRecord
from dashboard.presenters.absolute import absolute
from dashboard.share_models import SavedLink, ShareEvent, ShareLink, Snapshot
from dashboard.views import share
from tests.factories import make_trace

pytestmark = pytest.mark.django_db
AWAY = {"SERVER_NAME": "traces.example", "REMOTE_ADDR": "10.9.8.7"}
PASSWORD = "lorry-mildew-42"


@pytest.fixture(autouse=True)
def far(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "traces.example"]
    cache.clear()


@pytest.fixture
def stored() -> TraceRecord:
    ingest(
        upload_source(),
        [
            make_trace(
                [
                    {"id": "a" * 16, "tags": {"team": "blue"}},
                    {"id": "b" * 16, "parent": "a" * 16},
                ]
            )
        ],
        replace=True,
    )
    return TraceRecord.objects.get()


def account(name: str, role: str) -> tuple[Client, Person]:
    user = people.add_user(name, PASSWORD, role)
    client = Client(**AWAY)
    client.force_login(user)
    return client, Person("user", name, RIGHTS_OF_ROLE[role], user.pk, role)


def test_a_link_for_signed_in_people_looks_like_none_to_a_stranger(
    stored: TraceRecord,
) -> None:
    _, token = shares.create_snapshot_share(stored, days=1, audience="signed-in")
    stranger = Client(**AWAY)
    closed = stranger.get(f"/s/{token}")
    unknown = stranger.get("/s/" + "x" * len(token))
    assert closed.status_code == unknown.status_code == 404
    assert closed.content == unknown.content
    for part in (
        "payload",
        "span/0",
        "find?q=a",
        "download?format=jaeger",
        "spans.csv",
    ):
        assert stranger.get(f"/s/{token}/{part}").status_code == 404
    member, _ = account("ada", "viewer")
    assert member.get(f"/s/{token}").status_code == 200


def test_anyone_opens_a_link_for_anyone_until_the_setting_forbids(
    stored: TraceRecord, settings: Any
) -> None:
    _, token = shares.create_snapshot_share(stored, days=1, audience="anyone")
    stranger = Client(**AWAY)
    assert stranger.get(f"/s/{token}").status_code == 200
    assert stranger.get(f"/s/{token}/payload").status_code == 200
    settings.SPANBOARD_SHARE_ANYONE = False
    assert stranger.get(f"/s/{token}").status_code == 404
    with pytest.raises(ValueError, match="switched off"):
        shares.create_snapshot_share(stored, days=1, audience="anyone")


def test_the_owner_and_admins_change_a_link_and_nobody_else(
    stored: TraceRecord,
) -> None:
    owner, ada = account("ada", "sharer")
    other, _ = account("bob", "sharer")
    viewer, _ = account("eve", "viewer")
    admin, _ = account("root", "admin")
    link, _ = shares.create_snapshot_share(stored, days=1, person=ada)
    for verb in ("revoke", "extend", "delete", "renew"):
        form = {"days": "7"}
        assert other.post(f"/shares/{link.pk}/{verb}", form).status_code == 404
        assert viewer.post(f"/shares/{link.pk}/{verb}", form).status_code == 403
        assert Client(**AWAY).post(f"/shares/{link.pk}/{verb}").status_code == 401
    assert other.get("/shares?all=1").content.count(b"share-row") == 0
    assert owner.get("/shares").content.count(b"share-row") == 1
    assert admin.get("/shares").content.count(b"share-row") == 0
    assert admin.get("/shares?all=1").content.count(b"share-row") == 1
    assert owner.post(f"/shares/{link.pk}/extend", {"days": "30"}).status_code == 302
    link.refresh_from_db()
    assert link.expires_at > timezone.now() + timedelta(days=29)
    assert admin.post(f"/shares/{link.pk}/revoke").status_code == 302
    assert owner.post(f"/shares/{link.pk}/extend", {"days": "30"}).status_code == 400


@pytest.mark.parametrize("days", ["", "-1", "0", "x", "99999999", "401"])
def test_a_link_can_not_be_extended_beyond_the_limit(
    client: Client, stored: TraceRecord, days: str
) -> None:
    link, _ = shares.create_snapshot_share(stored, days=1)
    answer = client.post(f"/shares/{link.pk}/extend", {"days": days})
    assert answer.status_code == 400
    held = ShareLink.objects.get()
    assert held.expires_at == link.expires_at


def test_a_new_link_opens_the_same_snapshot_and_outlives_the_old_one(
    client: Client, stored: TraceRecord
) -> None:
    link, old = shares.create_snapshot_share(stored, days=5, note="look")
    url = client.post(f"/shares/{link.pk}/renew").json()["url"]
    new = url.rsplit("/", 1)[1]
    assert new != old
    client.post(f"/shares/{link.pk}/revoke")
    assert client.get(f"/s/{old}").status_code == 404
    assert client.get(f"/s/{new}").status_code == 200
    assert Snapshot.objects.count() == 1
    second = ShareLink.objects.exclude(pk=link.pk).get()
    client.post(f"/shares/{second.pk}/revoke")
    assert not bytes(Snapshot.objects.get().columns)


def test_looking_by_get_changes_nothing_and_the_page_tells_once(
    client: Client, stored: TraceRecord
) -> None:
    link, token = shares.create_snapshot_share(stored, days=1)
    for _ in range(3):
        client.get(f"/s/{token}")
        client.head(f"/s/{token}")
    link.refresh_from_db()
    assert (link.opened_count, link.last_opened_at) == (0, None)
    assert client.get(f"/s/{token}/seen").status_code == 405
    assert client.post(f"/s/{token}/seen").status_code == 204
    link.refresh_from_db()
    assert link.opened_count == 1
    assert client.post("/s/unknown/seen").status_code == 404


def test_nobody_fills_the_log_by_looking(
    client: Client, stored: TraceRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "SEEN_RATE", "2/m")
    link, token = shares.create_snapshot_share(stored, days=1)
    _, other = shares.create_snapshot_share(stored, days=1)
    statuses = [client.post(f"/s/{token}/seen").status_code for _ in range(5)]
    assert (statuses[0], statuses[-1]) == (204, 429)
    link.refresh_from_db()
    assert link.opened_count == statuses.count(204)
    assert ShareEvent.objects.filter(what="opened").count() == link.opened_count
    assert client.post(f"/s/{other}/seen").status_code == 204


def test_the_log_tells_who_did_what_and_no_value_of_the_trace(
    client: Client, stored: TraceRecord
) -> None:
    link, token = shares.create_snapshot_share(stored, days=1, note="secret note")
    client.post(f"/s/{token}/seen")
    client.post(f"/shares/{link.pk}/extend", {"days": "3"})
    client.post(f"/shares/{link.pk}/renew")
    client.post(f"/shares/{link.pk}/revoke")
    client.post(f"/shares/{link.pk}/delete")
    events = list(ShareEvent.objects.order_by("pk"))
    assert [e.what for e in events] == [
        "created",
        "opened",
        "extended",
        "renewed",
        "revoked",
        "deleted",
    ]
    assert {e.who for e in events} == {"local"}
    held = json.dumps(list(ShareEvent.objects.values()), default=str)
    assert "secret note" not in held
    assert stored.root_operation not in held
    page = client.get("/shares?all=1").content.decode()
    assert "Extended" in page


def test_guessing_at_links_ends_soon(stored: TraceRecord, settings: Any) -> None:
    settings.SPANBOARD_LINK_RATE = "5/m"
    _, token = shares.create_snapshot_share(stored, days=1, audience="anyone")
    guesser = Client(**AWAY)
    found = [guesser.get(f"/s/guess-{n}").status_code for n in range(8)]
    assert found[:5] == [404] * 5
    assert found[-1] == 429
    assert guesser.get(f"/s/{token}").status_code == 429
    assert guesser.get(f"/s/{token}/payload").status_code == 404
    other = Client(SERVER_NAME="traces.example", REMOTE_ADDR="10.1.1.1")
    assert [other.get(f"/s/{token}").status_code for _ in range(9)] == [200] * 9


def test_the_sweep_empties_ended_shares_and_later_removes_their_rows(
    stored: TraceRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares.create_snapshot_share(stored, days=1)
    begin = timezone.now()
    monkeypatch.setattr(shares.timezone, "now", lambda: begin + timedelta(days=2))
    assert shares.expire_shares() == 1
    held = Snapshot.objects.get()
    assert not bytes(held.columns)
    assert not bytes(held.details)
    assert (held.summary, held.redaction, held.title) == ({}, {}, "")
    monkeypatch.setattr(shares.timezone, "now", lambda: begin + timedelta(days=40))
    shares.expire_shares()
    assert not ShareLink.objects.exists()
    assert not Snapshot.objects.exists()
    assert ShareEvent.objects.exists()


def test_all_snapshots_of_a_trace_can_be_found_and_deleted(
    client: Client, stored: TraceRecord
) -> None:
    member, ada = account("ada", "sharer")
    shares.create_snapshot_share(stored, days=1, person=ada)
    shares.create_snapshot_share(stored, days=1)
    page = client.get("/shares", {"all": "1", "trace": stored.trace_id})
    assert page.content.count(b"share-row") == 2
    form = {"trace": stored.trace_id.upper()}
    assert member.post("/shares/erase", form).status_code == 403
    assert client.post("/shares/erase", form).status_code == 302
    assert not Snapshot.objects.exists()
    assert not ShareLink.objects.exists()
    assert client.post("/shares/erase", {"trace": "zz"}).status_code == 400


def test_a_link_opens_with_the_state_it_was_made_with(
    client: Client, stored: TraceRecord
) -> None:
    _, token = shares.create_snapshot_share(stored, days=1, state="view=flame&span=ab")
    first = client.get(f"/s/{token}")
    assert (first.status_code, first["Location"]) == (
        302,
        f"/s/{token}?view=flame&span=ab",
    )
    assert first["Cache-Control"] == "no-store"
    assert client.get(first["Location"]).status_code == 200


def test_a_short_link_leads_to_its_page_and_is_made_once(client: Client) -> None:
    form = {"path": "/graph?start=1&end=2&level=version"}
    url = client.post("/links/new", form).json()["url"]
    assert client.post("/links/new", form).json()["url"] == url
    assert SavedLink.objects.count() == 1
    answer = client.get(url)
    assert (answer.status_code, answer["Location"]) == (302, form["path"])
    assert Client(**AWAY).get(url).status_code == 401
    assert client.get("/l/unknown").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "",
        "//evil.example/graph",
        "https://evil.example/",
        "/nowhere",
        "/s/token",
        "/api/services",
        "/graph?" + "x" * 9_000,
    ],
)
def test_a_short_link_leads_to_nothing_else(client: Client, path: str) -> None:
    answer = client.post("/links/new", {"path": path})
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert not SavedLink.objects.exists()


def test_the_preview_tells_what_goes_and_stores_nothing(
    client: Client, stored: TraceRecord
) -> None:
    answer = client.get("/shares/preview", {"trace": stored.trace_id})
    assert answer["Cache-Control"] == "no-store"
    found = answer.json()
    assert any(rule["rule"] == "by-hand" for rule in found["rules"]) is False
    form = {"trace": stored.trace_id, "field": ["team"]}
    found = client.get("/shares/preview", form).json()
    assert {r["rule"]: r["count"] for r in found["rules"]}["by-hand"] == 1
    example = next(e for e in found["examples"] if e["field"] == "team")
    assert (example["before"]["text"], example["where"]) == ("blue", "1 span of a")
    assert not Snapshot.objects.exists()
    made = client.post("/shares/new", {**form, "days": "1"}).json()
    token = made["url"].rsplit("/", 1)[1]
    assert b"blue" not in client.get(f"/s/{token}/span/0").content
    assert client.get("/shares/preview", {"trace": "zz"}).status_code == 400
    assert client.get("/shares/preview", {"trace": "ab"}).status_code == 404
    viewer, _ = account("eve", "viewer")
    assert viewer.get("/shares/preview", form).status_code == 403


NOW_US = 1_790_000_000_000_000


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (
            "/search?service=a&lookback=1h",
            f"service=a&start={NOW_US - 3600 * 10**6}&end={NOW_US}",
        ),
        ("/search?service=a", f"service=a&end={NOW_US}"),
        ("/graph", f"start={NOW_US - 1800 * 10**6}&end={NOW_US}"),
        (
            "/graph?level=version&lookback=1h",
            f"level=version&start={NOW_US - 3600 * 10**6}&end={NOW_US}",
        ),
        ("/graph?start=1&end=2", "start=1&end=2"),
        ("/graph?at=7&lookback=5m", "at=7&lookback=5m"),
        ("/search?lookback=soon", "lookback=soon"),
        ("/trace/ab?span=1&from=2", "span=1&from=2"),
    ],
)
def test_a_links_times_are_absolute(path: str, wanted: str) -> None:
    assert absolute(path, NOW_US).partition("?")[2] == wanted
