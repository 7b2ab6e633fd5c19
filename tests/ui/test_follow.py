"""Follow me's rooms: who may present and follow, what goes on, and what never does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from dashboard.access import sockets
from dashboard.access.person import GUEST, LOCAL, NOBODY, RIGHTS_OF_ROLE, Person
from dashboard.actions import shares
from dashboard.actions.ingest import ingest
from dashboard.actions.sources import upload_source
from dashboard.live import following, rooms
from dashboard.live.following import LONGEST_VALUE, checked_state
from dashboard.models import TraceRecord
from tests.factories import make_trace
from tests.peers.aside import aside
from tests.ui.test_live import WAIT_S, Page

ADA = Person("user", "ada", RIGHTS_OF_ROLE["viewer"], 7, "viewer")
TRACE = "ws/follow/" + "a" * 32
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def as_person(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Who connects from now on."""

    def become(person: Person) -> None:
        monkeypatch.setattr(sockets, "at_once", lambda asked, right: person)

    become(LOCAL)
    return become


async def joined(path: str) -> Page:
    page = Page(f"/{path}")
    assert await page.connect()
    return page


async def told(page: Page, kind: str) -> dict[str, Any]:
    """The next message of a kind."""
    while True:
        found = json.loads((await page.receive_output(WAIT_S))["text"])
        if found["type"] == kind:
            return dict(found)


async def closed(page: Page) -> int:
    """The code with which the server ends the connection."""
    while True:
        found = await page.receive_output(WAIT_S)
        if found["type"] == "websocket.close":
            return int(found["code"])


async def said(page: Page, **content: Any) -> None:
    await page.send(json.dumps(content))


def test_names_of_the_state_are_those_of_the_page() -> None:
    script = (ROOT / "static/dashboard/js/trace/state.js").read_text()
    found = re.findall(r"^(?:export )?const (?:VIEW_)?NAMES = \[(.*)\];", script, re.M)
    names = set(re.findall(r'"(\w+)"', " ".join(found)))
    assert names == following.STATE_NAMES


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"state": []},
        {"state": {"evil": "1"}},
        {"state": {"span": 1}},
        {"state": {"span": ["a"]}},
        {"state": {"__proto__": "x"}},
        {"state": {"span": "a" * (LONGEST_VALUE + 1)}},
        {"state": {}, "place": -1},
        {"state": {}, "place": "1"},
        {"state": {}, "place": True},
        {"state": {}, "place": float("nan")},
        {"state": {}, "place": 1e300},
        {"state": {}, "n": None},
        {"state": {"query": "evil=1"}},
        {"state": {"query": "level=service&" * 200}},
        {"state": {"query": "level=service"}, "view": [1, 2]},
        {"state": {}, "view": [1, 2, float("inf")]},
        {"state": {}, "view": "1 2 3"},
    ],
)
def test_what_is_no_state_goes_to_nobody(message: dict[str, Any]) -> None:
    assert checked_state(message) is None


def test_a_state_keeps_only_what_is_known() -> None:
    found = checked_state(
        {"type": "state", "state": {"span": "ab"}, "place": 2.5, "html": "<b>"}
    )
    assert found == {"state": {"span": "ab"}, "place": 2.5, "spans": 0, "n": 0}


def test_the_state_of_the_graph_is_its_query_and_its_middle() -> None:
    found = checked_state({"state": {"query": "level=version"}, "view": [1, -2, 0.5]})
    assert found is not None
    assert (found["state"], found["view"]) == (
        {"query": "level=version"},
        [1, -2, 0.5],
    )


@pytest.mark.parametrize("text", ["", "[", "[]", "7", "x" * 20_000, "[" * 9_000])
def test_unreadable_messages_are_no_messages(text: str) -> None:
    assert following.read_message(text) is None


@aside
async def test_others_see_the_presenter_until_he_leaves(as_person: Any) -> None:
    presenter = await joined(f"{TRACE}/new")
    hello = await told(presenter, "hello")
    assert hello["presents"]
    follower = await joined(f"{TRACE}/{hello['room']}")
    theirs = await told(follower, "hello")
    assert not theirs["presents"]
    assert "key" not in theirs
    while (await told(presenter, "people"))["count"] != 1:
        pass
    await said(presenter, type="state", state={"from": "1"}, place=3, spans=9, n=1)
    assert (await told(follower, "state"))["state"] == {"from": "1"}
    # Who comes later is told at once.
    late = await joined(f"{TRACE}/{hello['room']}")
    assert (await told(late, "state"))["place"] == 3
    # A follower says nothing to others.
    await said(follower, type="state", state={"from": "2"}, n=2)
    await said(presenter, type="state", state={"bad": "2"}, n=3)
    await said(presenter, type="state", state={"from": "4"}, n=4)
    assert (await told(late, "state"))["n"] == 4
    await presenter.disconnect()
    await told(follower, "gone")
    # With the key the presenter goes on, without it nobody does.
    again = await joined(f"{TRACE}/{hello['room']}")
    await said(again, type="present", key=hello["key"])
    while not (await told(again, "hello"))["presents"]:
        pass
    await said(again, type="state", state={"from": "5"}, n=1)
    assert (await told(follower, "state"))["state"] == {"from": "5"}
    await said(late, type="present", key="x")
    assert await closed(late) == rooms.REFUSED
    for page in (again, follower):
        await page.disconnect()


@aside
async def test_the_newest_state_wins_and_few_are_sent(as_person: Any) -> None:
    presenter = await joined(f"{TRACE}/new")
    room = (await told(presenter, "hello"))["room"]
    follower = await joined(f"{TRACE}/{room}")
    await told(follower, "people")
    for number in range(1, 201):
        await said(presenter, type="state", state={}, n=number)
    seen = [(await told(follower, "state"))["n"]]
    while seen[-1] != 200:
        seen.append((await told(follower, "state"))["n"])
    assert len(seen) < 100
    assert seen == sorted(seen)
    for page in (presenter, follower):
        await page.disconnect()


@aside
async def test_a_room_belongs_to_its_page(as_person: Any) -> None:
    presenter = await joined(f"{TRACE}/new")
    hello = await told(presenter, "hello")
    other = await joined(f"ws/follow/{'b' * 32}/{hello['room']}")
    assert not (await told(other, "hello"))["presents"]
    await said(other, type="present", key=hello["key"])
    assert await closed(other) == rooms.REFUSED
    for word in ("short", "x" * 13, "a b c d e f g"):
        odd = await joined(f"{TRACE}/{word}")
        assert await closed(odd) == rooms.REFUSED
    await said(presenter, type="state", state={}, pad="x" * 20_000)
    assert await closed(presenter) == rooms.UNREADABLE


@aside
async def test_names_are_told_to_who_has_one(as_person: Any) -> None:
    as_person(ADA)
    presenter = await joined(f"{TRACE}/new")
    room = (await told(presenter, "hello"))["room"]
    as_person(GUEST)
    guest = await joined(f"{TRACE}/{room}")
    people = await told(guest, "people")
    while not people["count"]:
        people = await told(guest, "people")
    assert (people["by"], people["names"]) == ("ada", ["guest"])
    for page in (presenter, guest):
        await page.disconnect()


@pytest.fixture
def linked(transactional_db: Any, settings: Any) -> dict[str, str]:
    """Tokens of two snapshots, and of one for signed-in people."""
    cache.clear()
    ingest(upload_source(), [make_trace([{"id": "a" * 16}])], replace=True)
    record = TraceRecord.objects.get()
    return {
        name: shares.create_snapshot_share(record, days=1, audience=audience)[1]
        for name, audience in (
            ("one", "anyone"),
            ("two", "anyone"),
            ("closed", "signed-in"),
        )
    }


@pytest.mark.django_db(transaction=True)
@aside
async def test_a_stranger_reaches_only_the_share_of_the_link(
    linked: dict[str, str], as_person: Any
) -> None:
    as_person(NOBODY)
    presenter = await joined(f"ws/s/{linked['one']}/follow/new")
    hello = await told(presenter, "hello")
    same = await joined(f"ws/s/{linked['one']}/follow/{hello['room']}")
    people = await told(same, "people")
    while not people["count"]:
        people = await told(same, "people")
    assert (people["names"], people["by"]) == ([], "")
    # The room of one share is none of another, whose key opens nothing either.
    other = await joined(f"ws/s/{linked['two']}/follow/{hello['room']}")
    await told(other, "hello")
    await said(presenter, type="state", state={"from": "1"}, n=1)
    assert (await told(same, "state"))["n"] == 1
    await said(other, type="present", key=hello["key"])
    assert await closed(other) == rooms.REFUSED
    for path in (
        f"ws/s/{linked['closed']}/follow/new",
        "ws/s/unknown/follow/new",
    ):
        assert await closed(await joined(path)) == rooms.REFUSED
    # A token opens no trace: that needs a right of one's own.
    trace = Page(f"/{TRACE}/new")
    assert not await trace.connect()
    as_person(ADA)
    member = await joined(f"ws/s/{linked['closed']}/follow/new")
    assert (await told(member, "hello"))["presents"]
    for page in (presenter, same, member):
        await page.disconnect()


@pytest.mark.django_db(transaction=True)
@aside
async def test_a_revoked_share_ends_its_rooms(
    linked: dict[str, str], as_person: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "SIGN_S", 0.02)
    monkeypatch.setattr(rooms, "CHECK_S", 0.0)
    page = await joined(f"ws/s/{linked['one']}/follow/new")
    await told(page, "hello")
    from channels.db import database_sync_to_async

    link = await database_sync_to_async(shares.find_share)(linked["one"])
    assert link is not None
    await database_sync_to_async(shares.revoke_share)(link)
    assert await closed(page) == rooms.REFUSED
