"""The traps of other tools' share links, one test each, named after the trap.

docs/sharing.md has the table of them. What a trap does elsewhere is in each name.
"""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard import urls
from dashboard.actions import shares
from dashboard.actions.erase import erase_trace
from dashboard.actions.ingest import ingest
from dashboard.actions.retention import _bury
from dashboard.actions.sources import upload_source
from dashboard.models import Source, TraceRecord
from dashboard.presenters.absolute import absolute
from dashboard.share_models import ShareEvent, ShareLink, Snapshot
from tests.factories import make_trace
from tests.ui.test_access import opened as opened_socket
from tests.ui.test_shares import AWAY, account

pytestmark = pytest.mark.django_db
SECRET = "ann.smith@planted.example"
NAMES = {
    "span/0",
    "span/0/more?part=tags",
    "span/0/value?at=tags.0",
    "span/0/raw",
    "payload",
    "find?q=a",
    "statistics",
    'rows?tags={"note": "x"}',
    "graph",
    "logs",
    "spans.csv",
    "events?frames=0",
    "notes",
    "thread",
    "picture.svg",
    "picture.png",
    *(
        f"download?format={kind}"
        for kind in ("jaeger", "otlp", "zipkin", "csv", "html", "spanboard")
    ),
}


@pytest.fixture(autouse=True)
def far(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "traces.example"]
    cache.clear()


def stored_trace(**first: Any) -> TraceRecord:
    tags = {"note": f"for {SECRET}", "db.statement": "SELECT 1 WHERE pin = 774411"}
    root = {"id": "a" * 16, "operation": f"GET /u/{SECRET}", "tags": tags, **first}
    below = {"id": "b" * 16, "parent": "a" * 16, "start": 100, "duration": 400}
    ingest(upload_source(), [make_trace([root, below])], replace=True)
    return TraceRecord.objects.get()


@pytest.fixture
def stored() -> TraceRecord:
    return stored_trace()


def shared(record: TraceRecord, **more: Any) -> tuple[ShareLink, str]:
    return shares.create_snapshot_share(
        record, **{"days": 1, "audience": "anyone", **more}
    )


def stranger() -> Client:
    return Client(**AWAY)


NOW_US = 1_790_000_000_000_000


@pytest.mark.parametrize("path", ["/search?lookback=1h&service=a", "/graph", "/search"])
def test_relative_times_show_the_receiver_other_data(path: str) -> None:
    found = absolute(path, NOW_US)
    assert f"end={NOW_US}" in found
    assert "lookback" not in found


def test_a_link_without_its_window_finds_only_recent_traces(
    client: Client, stored: TraceRecord
) -> None:
    """A trace's address and a snapshot's need no time at all: their id is enough."""
    TraceRecord.objects.update(start_us=1)
    assert client.get(f"/trace/{stored.trace_id}").status_code == 200
    _, token = shared(stored)
    assert stranger().get(f"/s/{token}").status_code == 200


def test_shares_that_never_expire_by_default(
    client: Client, stored: TraceRecord, settings: Any
) -> None:
    form = {"trace": stored.trace_id}
    assert client.post("/shares/new", form).status_code == 200
    link = ShareLink.objects.get()
    wanted = timedelta(days=settings.SPANBOARD_SHARE_DAYS)
    assert link.expires_at - link.created_at == wanted
    for days in ("0", "-1", "401", "99999999999"):
        answer = client.post("/shares/new", {**form, "days": days})
        assert answer.status_code == 400
    assert ShareLink.objects.count() == 1


@pytest.mark.parametrize("name", sorted(NAMES))
def test_an_expiry_that_only_the_page_honours(stored: TraceRecord, name: str) -> None:
    link, token = shared(stored)
    assert stranger().get(f"/s/{token}/{name}").status_code == 200
    ShareLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    for who in (stranger(), Client(SERVER_NAME="localhost")):
        assert who.get(f"/s/{token}/{name}").status_code == 404
    assert stranger().post(f"/s/{token}/seen").status_code == 404
    link.refresh_from_db()
    assert link.opened_count == 0


def test_every_address_behind_a_token_is_among_those_tested() -> None:
    """A new address of a share has to be added above."""
    known = {name.partition("?")[0].replace("/0", "/<int:row>") for name in NAMES}
    found = {
        str(one.pattern).removeprefix("s/<str:token>/")
        for one in urls.urlpatterns
        if str(one.pattern).startswith("s/<str:token>/")
    }
    assert known <= found
    assert found - known <= OTHER_VERBS


# Ways of writing, and what snapshots of a graph have.
OTHER_VERBS = {
    "seen",
    "thread/new",
    "thread/<int:comment_id>/delete",
    "panel.json",
}


def test_a_life_that_looking_makes_longer_keeps_personal_data(
    client: Client, stored: TraceRecord
) -> None:
    link, token = shared(stored)
    for _ in range(3):
        client.get(f"/s/{token}")
        client.post(f"/s/{token}/seen")
        client.get(f"/trace/{stored.trace_id}")
    held = ShareLink.objects.get()
    assert (held.opened_count, held.expires_at) == (3, link.expires_at)
    assert _bury([stored.pk]) == 1  # looked at, and gone all the same


def test_a_life_that_ends_for_want_of_looks(stored: TraceRecord) -> None:
    _, token = shared(stored, days=400)
    with_age = timezone.now() - timedelta(days=399)
    ShareLink.objects.update(created_at=with_age)
    Snapshot.objects.update(captured_at=with_age)
    shares.expire_shares()
    assert stranger().get(f"/s/{token}").status_code == 200


def test_an_archive_that_anybody_on_the_network_writes_to(stored: TraceRecord) -> None:
    form = {"trace": stored.trace_id, "days": "1"}
    assert stranger().post("/shares/new", form).status_code == 401
    assert stranger().post("/shares/import").status_code == 401
    assert not Snapshot.objects.exists()


def test_viewers_who_can_share_publicly(stored: TraceRecord) -> None:
    viewer, _ = account("eve", "viewer")
    form = {"trace": stored.trace_id, "days": "1", "audience": "anyone"}
    for path in ("/shares/new", "/shares/import"):
        assert viewer.post(path, form).status_code == 403
    assert viewer.get("/shares").status_code == 403
    page = viewer.get(f"/trace/{stored.trace_id}").content.decode()
    assert "data-share-dialog" not in page
    assert not Snapshot.objects.exists()


def test_other_sites_that_write_by_a_form(stored: TraceRecord) -> None:
    """No answer allows another origin, and writing asks for the page's own mark."""
    careful = Client(SERVER_NAME="localhost", enforce_csrf_checks=True)
    for path in ("/shares/new", "/shares/import", "/shares/1/revoke"):
        answer = careful.post(path, {"trace": stored.trace_id})
        assert answer.status_code == 403
    _, token = shared(stored)
    for name in ("", "/payload", "/download?format=jaeger"):
        answer = stranger().get(f"/s/{token}{name}", headers={"Origin": "https://x.y"})
        assert "Access-Control-Allow-Origin" not in answer


def test_a_partial_trace_archived_as_complete(stored: TraceRecord) -> None:
    TraceRecord.objects.update(settled=False)  # it may still grow
    stored.refresh_from_db()
    link, token = shared(stored)
    assert not link.snapshot.complete
    page = stranger().get(f"/s/{token}").content.decode()
    assert re.search(r'data-growth[^>]*>(?!<span class="dot">)Incomplete', page)
    TraceRecord.objects.update(settled=True)
    stored.refresh_from_db()
    whole, _ = shared(stored)
    assert whole.snapshot.complete


def test_what_somebody_typed_leaks_with_the_view(stored: TraceRecord) -> None:
    """A search for a secret tells it, even where the secret itself is redacted."""
    state = f"view=table&q={SECRET}&uiFind=774411&from=5"
    link, token = shared(stored, state=state)
    assert link.state == "view=table&from=5"
    assert stranger().get(f"/s/{token}")["Location"].endswith("?view=table&from=5")


def test_queries_that_were_run_leak(stored: TraceRecord) -> None:
    _, token = shared(stored)
    for name in ("span/0", "span/0/raw", "download?format=jaeger", "find?q=774411"):
        answer = stranger().get(f"/s/{token}/{name}")
        assert answer.status_code == 200
        assert b"774411" not in answer.content


def test_a_public_page_that_asks_the_source(stored: TraceRecord) -> None:
    """It asks for no trace, no figure and no source: these may all be gone."""
    _, token = shared(stored)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        for name in ("", *(f"/{name}" for name in NAMES)):
            stranger().get(f"/s/{token}{name}")
    tables = {
        table
        for query in asked.captured_queries
        for table in re.findall(r'"dashboard_(\w+)"', query["sql"])
    }
    assert {"sharelink", "snapshot"} <= tables
    assert not tables & {"tracerecord", "source", "rollupblock", "rollupdelta"}
    before = stranger().get(f"/s/{token}/payload").content
    Source.objects.all().delete()
    assert stranger().get(f"/s/{token}/payload").content == before


def test_derived_data_absent_in_the_copy(client: Client, stored: TraceRecord) -> None:
    """Self times, the critical path and what is known of operations are in it."""
    here = client.get(f"/trace/{stored.trace_id}/statistics").json()
    _, token = shared(stored)
    copy = stranger().get(f"/s/{token}/statistics").json()
    assert copy["self_ns"] == here["self_ns"] > 0
    assert len(copy["groups"]) == len(here["groups"])
    span = stranger().get(f"/s/{token}/span/0").json()
    own = client.get(f"/trace/{stored.trace_id}/span/0").json()
    for key in ("self_ns", "critical_ns", "duration_ns"):
        assert span[key] == own[key]
    page = stranger().get(f"/s/{token}").content.decode()
    assert "Where the time went" in page


def test_a_copy_that_nobody_says_is_one(stored: TraceRecord) -> None:
    _, token = shared(stored)
    page = html.unescape(stranger().get(f"/s/{token}").content.decode())
    assert "Captured " in page
    assert "Opens until " in page
    assert "values were taken out" in page or "value was taken out" in page


def test_links_without_a_switch_for_the_whole_site(
    stored: TraceRecord, settings: Any
) -> None:
    _, token = shared(stored)
    settings.SPANBOARD_SHARE_ANYONE = False
    assert stranger().get(f"/s/{token}").status_code == 404
    assert stranger().get(f"/s/{token}/picture.png").status_code == 404


def test_a_link_that_only_takes_guessing(stored: TraceRecord, settings: Any) -> None:
    settings.SPANBOARD_LINK_RATE = "3/m"
    tokens = {shared(stored)[1] for _ in range(5)}
    assert len(tokens) == 5
    assert all(len(token) >= 32 for token in tokens)  # 192 bits as base64
    held = json.dumps([*ShareLink.objects.values()], default=str)
    assert not any(token in held for token in tokens)
    guesser = stranger()
    found = [guesser.get(f"/s/{n}{'x' * 31}").status_code for n in range(5)]
    assert found[-1] == 429


def test_unguessable_taken_for_allowed(stored: TraceRecord) -> None:
    """Who has the address of a link for signed-in people has to sign in."""
    _, token = shared(stored, audience="signed-in")
    for name in ("", *(f"/{name}" for name in NAMES)):
        assert stranger().get(f"/s/{token}{name}").status_code == 404
    assert account("ada", "viewer")[0].get(f"/s/{token}").status_code == 200


def test_an_answer_that_tells_expired_from_unknown(stored: TraceRecord) -> None:
    link, token = shared(stored)
    revoked, other = shared(stored)
    _, closed = shared(stored, audience="signed-in")
    ShareLink.objects.filter(pk=link.pk).update(expires_at=timezone.now())
    shares.revoke_share(revoked)
    for name in ("", "/payload", "/span/0", "/download?format=html", "/picture.png"):
        found = [
            stranger().get(f"/s/{one}{name}")
            for one in (token, other, closed, "x" * len(token))
        ]
        assert {answer.status_code for answer in found} == {404}
        contents = {re.sub(rb"x{32}", b"", answer.content) for answer in found}
        assert len(contents) == 1
        assert len({tuple(sorted(a.headers.items())) for a in found}) == 1


@pytest.mark.parametrize("name", ["", *sorted(f"/{name}" for name in NAMES)])
def test_a_token_in_the_path_leaks_by_referer_cache_and_index(
    stored: TraceRecord, name: str
) -> None:
    _, token = shared(stored)
    for one in (token, "unknown"):
        for ask in (stranger().get, stranger().head):
            answer = ask(f"/s/{one}{name}", headers={"Accept-Encoding": "br, gzip"})
            assert answer["Cache-Control"] == "no-store"
            assert answer["Referrer-Policy"] == "no-referrer"
            assert "noindex" in answer["X-Robots-Tag"]
        assert answer.content == b"" or answer.status_code != 200
    tag = stranger().get(f"/s/{token}{name}").headers.get("ETag", '"x"')
    again = stranger().get(f"/s/{token}{name}", headers={"If-None-Match": tag})
    assert again["Cache-Control"] == "no-store"


def test_third_parties_that_see_the_token(stored: TraceRecord) -> None:
    _, token = shared(stored)
    answer = stranger().get(f"/s/{token}")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert not re.search(r"https?:|\*", policy)
    page = answer.content.decode()
    asked = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert asked
    assert all(not re.match(r"(https?:)?//", address) for address in asked)


def test_preview_bots_that_use_a_link_up(stored: TraceRecord) -> None:
    link, token = shared(stored)
    bot = {"User-Agent": "Slackbot-LinkExpanding 1.0"}
    for name in ("", *(f"/{name}" for name in NAMES)):
        stranger().get(f"/s/{token}{name}", headers=bot)
        stranger().head(f"/s/{token}{name}", headers=bot)
    held = ShareLink.objects.get()
    assert (held.opened_count, held.last_opened_at) == (0, None)
    assert held.expires_at == link.expires_at
    assert [event.what for event in ShareEvent.objects.all()] == ["created"]


def meta(page: bytes) -> dict[str, str]:
    found = re.findall(
        r'<meta (?:property|name)="([\w:]+)" content="([^"]*)"', page.decode()
    )
    return {name: html.unescape(value) for name, value in found}


def test_preview_bots_that_tell_more_than_the_audience_may_see(
    client: Client, stored: TraceRecord
) -> None:
    _, token = shared(stored)
    told = meta(stranger().get(f"/s/{token}").content)
    assert told["og:title"] == "a GET /u/[e-mail 1] · Spanboard"
    assert "2 spans" in told["og:description"]
    picture = told["og:image"].removeprefix("http://traces.example")
    assert picture == f"/s/{token}/picture.png"
    assert stranger().get(picture)["Content-Type"] == "image/png"
    _, closed = shared(stored, audience="signed-in", note="a secret note")
    nothing = meta(stranger().get(f"/s/{closed}").content)
    assert nothing == meta(stranger().get("/s/unknown").content)
    assert nothing["og:title"] == "Shared with Spanboard"
    assert nothing["og:image"].endswith("/dashboard/share.png")
    # Also for who may open it: some programs read the page of who pastes the link.
    mine = meta(client.get(f"/s/{closed}").content)
    assert mine["og:title"] == nothing["og:title"]
    assert mine["og:image"].endswith("/dashboard/share.png")


def test_a_preview_when_links_for_anyone_are_off(
    client: Client, stored: TraceRecord, settings: Any
) -> None:
    _, token = shared(stored)
    settings.SPANBOARD_SHARE_ANYONE = False
    told = meta(client.get(f"/s/{token}").content)
    assert told["og:title"] == "Shared with Spanboard"


def test_redaction_when_it_is_shown_and_not_when_it_is_stored(
    stored: TraceRecord,
) -> None:
    link, _ = shared(stored)
    snapshot = link.snapshot
    from tests.e2e.test_leaks import unpacked

    held = unpacked(bytes(snapshot.columns))
    assert b"[e-mail 1]" in held
    for blob in (snapshot.columns, snapshot.details):
        assert SECRET.encode() not in unpacked(bytes(blob))
        assert b"774411" not in unpacked(bytes(blob))
    told = json.dumps([snapshot.summary, snapshot.redaction, snapshot.title])
    assert SECRET not in told


def test_names_of_spans_that_nobody_redacts(stored: TraceRecord) -> None:
    link, token = shared(stored)
    assert SECRET not in link.snapshot.title
    assert SECRET.encode() not in stranger().get(f"/s/{token}").content


@pytest.mark.django_db(transaction=True)
async def test_a_live_channel_with_the_readers_rights() -> None:
    """A page of a share opens no channel of the trace, and none opens for it."""
    from asgiref.sync import sync_to_async

    stored = await sync_to_async(stored_trace)()
    _, token = await sync_to_async(shared)(stored)
    page = await sync_to_async(lambda: stranger().get(f"/s/{token}").content)()
    assert b'data-live=""' in page
    trace_id = stored.trace_id
    for path in (
        "/ws/sources",
        "/ws/search",
        "/ws/graph",
        f"/ws/trace/{trace_id}",
    ):
        socket = await opened_socket(path, "10.9.8.7")
        assert (await socket.receive_output(10))["type"] == "websocket.close"
        await socket.send_input({"type": "websocket.disconnect", "code": 1000})


def test_a_log_that_holds_values_of_the_trace(stored: TraceRecord) -> None:
    link, token = shared(stored, note=f"about {SECRET}")
    stranger().post(f"/s/{token}/seen")
    shares.revoke_share(link)
    told = json.dumps([*ShareEvent.objects.values()], default=str)
    assert len(ShareEvent.objects.all()) == 3
    for value in (SECRET, "GET /u", token, "about"):
        assert value not in told


def test_an_erasure_that_forgets_the_copies(
    client: Client, stored: TraceRecord
) -> None:
    shared(stored)
    shared(stored, audience="signed-in")
    short = stored.trace_id.lstrip("0").upper()
    page = client.get("/shares", {"all": "1", "trace": short}).content
    assert page.count(b'class="share-row"') == 2
    assert erase_trace(stored.trace_id, shares=True, clear=False).snapshots == 2
    assert not Snapshot.objects.exists()
    assert not ShareLink.objects.exists()


def test_payloads_that_stay_when_their_rows_are_over(stored: TraceRecord) -> None:
    shared(stored)
    ShareLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    shares.expire_shares()
    held = Snapshot.objects.get()
    assert (bytes(held.columns), bytes(held.details), held.summary) == (b"", b"", {})


def test_a_frame_on_another_site_that_lends_the_readers_session(
    stored: TraceRecord,
) -> None:
    _, token = shared(stored)
    answer = stranger().get(f"/s/{token}")
    policy = dict(
        part.strip().partition(" ")[::2]
        for part in answer["Content-Security-Policy"].split(";")
    )
    assert policy["frame-ancestors"] in ("'self'", "'none'")
