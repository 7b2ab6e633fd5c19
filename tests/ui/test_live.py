"""Lanes, topics and connections: shared work, skipping, hiding, refusing."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from dashboard.access.person import Person, Right
from dashboard.live import access, consumers, hub, lanes, watching
from dashboard.live.events import TRACES, publish
from dashboard.live.hub import Hub
from dashboard.live.topics import KINDS, Change, Topic
from tests.peers.aside import aside
from webapp.asgi import application

HEADERS = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
WAIT_S = 10.0


class Counter(Topic):
    """Tells how often it was asked; its diffs name the traces."""

    made: list[Counter] = []

    def reset(self) -> dict[str, Any]:
        self.resets = getattr(self, "resets", 0) + 1
        if self not in self.made:
            self.made.append(self)
        return {"resets": self.resets}

    def diff(self, change: Change) -> dict[str, Any] | None:
        self.diffs = getattr(self, "diffs", 0) + 1
        if "broken" in change.traces.keys:
            raise ValueError("this topic is broken")
        return {"keys": sorted(change.traces.keys)}


@pytest.fixture
def counters(monkeypatch: pytest.MonkeyPatch) -> list[Counter]:
    """The search topic replaced by one that needs no database."""
    monkeypatch.setattr(Counter, "made", [])
    monkeypatch.setitem(KINDS, "search", Counter)
    monkeypatch.setattr(watching, "opened", lambda name: None)
    monkeypatch.setattr(lanes, "fresh_connections", lambda: None)
    return Counter.made


class Page(ApplicationCommunicator):
    """A page's end of a live connection, without a network."""

    def __init__(self, path: str, headers: list[tuple[bytes, bytes]] = HEADERS):
        route, _, query = path.partition("?")
        scope = {
            "type": "websocket",
            "path": route,
            "query_string": query.encode(),
            "headers": headers,
            "client": ("127.0.0.1", 1),
        }
        super().__init__(application, scope)

    async def connect(self) -> bool:
        """Whether it was accepted."""
        await self.send_input({"type": "websocket.connect"})
        return (await self.receive_output(WAIT_S))["type"] == "websocket.accept"

    async def send(self, text: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text})

    async def disconnect(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.wait(WAIT_S)


async def opened(path: str = "/ws/search") -> Page:
    """A connection that was accepted."""
    made = Page(path)
    assert await made.connect()
    return made


async def heard(page: Page) -> dict[str, Any]:
    """The next message that is a reset or a diff."""
    while True:
        message = json.loads((await page.receive_output(WAIT_S))["text"])
        if message["type"] in ("reset", "diff"):
            return message


async def is_quiet(page: Page) -> bool:
    return await page.receive_nothing(0.3)


async def until(probe: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not probe():
            await asyncio.sleep(0.01)


@aside
async def test_equal_searches_are_computed_and_written_once(
    counters: list[Counter],
) -> None:
    pages = [await opened("/ws/search?service=a&lang=en") for _ in range(20)]
    other = await opened("/ws/search?service=b&lang=en")
    for page in [*pages, other]:
        await heard(page)
    assert len(counters) == 2
    before = [topic.diffs if hasattr(topic, "diffs") else 0 for topic in counters]
    publish(TRACES, {"keys": ["k1"]})
    told = [await heard(page) for page in pages]
    assert {json.dumps(one) for one in told} == {json.dumps(told[0])}
    assert (told[0]["type"], told[0]["keys"]) == ("diff", ["k1"])
    await heard(other)
    assert [topic.diffs for topic in counters] == [n + 1 for n in before]
    for page in [*pages, other]:
        await page.disconnect()
    await until(lambda: not Hub.here().lanes["rows"].topics)


@aside
async def test_who_comes_later_goes_on_from_the_others_number(
    counters: list[Counter],
) -> None:
    first = await opened()
    await heard(first)
    for key in ("k1", "k2", "k3"):
        publish(TRACES, {"keys": [key]})
        last = await heard(first)
    second = await opened()
    start = await heard(second)
    assert (start["type"], start["seq"]) == ("reset", last["seq"])
    publish(TRACES, {"keys": ["k4"]})
    for page in (first, second):
        assert (await heard(page))["seq"] == last["seq"] + 1
        await page.disconnect()


@aside
async def test_the_languages_of_pages_are_kept_apart(counters: list[Counter]) -> None:
    pages = [await opened(f"/ws/search?lang={code}") for code in ("en", "zh-CN", "en")]
    for page in pages:
        await heard(page)
    assert sorted(topic.language for topic in counters) == ["en", "zh-hans"]
    for page in pages:
        await page.disconnect()


@aside
async def test_a_hidden_page_costs_nothing_and_catches_up_when_seen(
    counters: list[Counter],
) -> None:
    page = await opened()
    await heard(page)
    await page.send("hidden")
    topic = counters[0]
    await until(lambda: not topic.is_seen)
    resets, diffs = topic.resets, getattr(topic, "diffs", 0)
    for number in range(5):
        publish(TRACES, {"keys": [f"k{number}"]})
    await until(lambda: topic.stale)
    assert await is_quiet(page)
    assert (topic.resets, getattr(topic, "diffs", 0)) == (resets, diffs)
    await page.send("shown")
    assert (await heard(page))["type"] == "reset"
    assert topic.resets == resets + 1
    # One page in view is enough to go on.
    publish(TRACES, {"keys": ["k9"]})
    assert (await heard(page))["keys"] == ["k9"]
    await page.disconnect()


@aside
async def test_a_lost_announcement_makes_everybody_read_again(
    counters: list[Counter],
) -> None:
    page = await opened()
    await heard(page)
    hub_here = Hub.here()
    hub_here.note({"from": "worker", "number": 1, "group": TRACES, "keys": ["a"]})
    assert (await heard(page))["keys"] == ["a"]
    hub_here.note({"from": "worker", "number": 3, "group": TRACES, "keys": ["c"]})
    assert (await heard(page))["type"] == "reset"
    await page.disconnect()


@aside
async def test_too_many_changes_are_one_reset(
    counters: list[Counter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MAX_PENDING", 10)
    page = await opened()
    await heard(page)
    publish(TRACES, {"keys": [f"k{n}" for n in range(11)]})
    assert (await heard(page))["type"] == "reset"
    await page.disconnect()


@aside
async def test_a_topic_that_fails_closes_its_pages_alone(
    counters: list[Counter],
) -> None:
    page = await opened()
    await heard(page)
    publish(TRACES, {"keys": ["broken"]})
    closed = await page.receive_output(WAIT_S)
    assert (closed["type"], closed["code"]) == ("websocket.close", 1011)
    await page.disconnect()
    again = await opened()
    assert (await heard(again))["type"] == "reset"
    await again.disconnect()


class Blocked:
    """An end that takes messages only when it is let."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, message: dict[str, Any]) -> None:
        await self.open.wait()
        self.taken.append(message)

    def texts(self) -> list[dict[str, Any]]:
        return [json.loads(m["text"]) for m in self.taken if "text" in m]


@aside
async def test_a_page_that_does_not_read_has_no_queue_and_skips_to_the_newest(
    counters: list[Counter],
) -> None:
    end, inbox = Blocked(), asyncio.Queue[dict[str, Any]]()
    consumer = consumers.SearchConsumer()
    scope = {
        "type": "websocket",
        "path": "/ws/search",
        "query_string": b"",
        "url_route": {"args": (), "kwargs": {}},
        "client": ("127.0.0.1", 1),
        "person": Person("local", "", frozenset(Right)),
    }
    await inbox.put({"type": "websocket.connect"})
    served = asyncio.create_task(consumer(scope, inbox.get, end))
    reader = await opened()
    await heard(reader)
    await until(lambda: any(m["type"] == "reset" for m in end.texts()))
    end.open.clear()
    most = 0
    for number in range(30):
        publish(TRACES, {"keys": [f"k{number}"]})
        assert (await heard(reader))["type"] == "diff"
        most = max(most, len(consumer.waiting))
    assert most <= consumers.MAX_WAITING
    assert consumer.behind
    end.open.set()
    await until(lambda: [m["type"] for m in end.texts()].count("reset") == 2)
    assert len(end.texts()) < 12
    publish(TRACES, {"keys": ["last"]})
    await until(lambda: end.texts()[-1].get("keys") == ["last"])
    assert end.texts()[-1]["seq"] == end.texts()[-2]["seq"] + 1
    await inbox.put({"type": "websocket.disconnect", "code": 1001})
    await served
    await reader.disconnect()


@aside
async def test_a_gap_is_answered_with_a_reset(counters: list[Counter]) -> None:
    page = await opened()
    await heard(page)
    await page.send("reset")
    assert (await heard(page))["type"] == "reset"
    await page.send("nonsense")
    publish(TRACES, {"keys": ["k1"]})
    assert (await heard(page))["keys"] == ["k1"]
    await page.disconnect()


@pytest.mark.parametrize("path", ["search", "trace/00ab", "graph", "sources"])
@aside
async def test_every_kind_of_page_asks_whether_it_may(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    async def refuse(scope: dict[str, Any], topic: str, name: str) -> bool:
        assert scope["type"] == "websocket"
        asked.append((topic, name))
        return False

    monkeypatch.setattr(access, "may_see", refuse)
    page = await opened(f"/ws/{path}")
    closed = await page.receive_output(WAIT_S)
    assert (closed["type"], closed["code"]) == ("websocket.close", access.REFUSED)
    kind, _, name = path.partition("/")
    assert asked == [(kind, "ab" if name else "")]
    await page.disconnect()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("origin", [b"http://evil.example", b"null", b""])
@aside
async def test_foreign_origins_are_refused(origin: bytes) -> None:
    headers = [(b"host", b"localhost"), *([(b"origin", origin)] if origin else [])]
    assert not await Page("/ws/search", headers).connect()


@aside
async def test_there_are_so_many_places_and_no_more(
    counters: list[Counter], settings: Any
) -> None:
    settings.SPANBOARD_LIVE_MAX = 2
    pages = [await opened(), await opened()]
    full = await opened()
    closed = await full.receive_output(WAIT_S)
    assert (closed["type"], closed["code"]) == ("websocket.close", access.TOO_MANY)
    await full.disconnect()
    await pages.pop().disconnect()
    await until(lambda: Hub.here().places.total == 1)
    pages.append(await opened())
    assert (await heard(pages[-1]))["type"] == "reset"
    for page in pages:
        await page.disconnect()
    await until(lambda: not Hub.here().places.by_address)


def test_an_address_has_so_many_places_and_this_machine_any_number(
    settings: Any,
) -> None:
    settings.SPANBOARD_LIVE_MAX_PER_ADDRESS = 2
    places = access.Places()
    assert [places.take("192.0.2.7") for _ in range(3)] == [True, True, False]
    assert places.take("192.0.2.8")
    assert all(places.take(here) for here in ("127.0.0.1", "::1", "") for _ in range(9))
    places.give_back("192.0.2.7")
    assert places.take("192.0.2.7")


@aside
async def test_a_page_in_view_hears_something_within_a_beat(
    counters: list[Counter], settings: Any
) -> None:
    settings.SPANBOARD_LIVE_BEAT_SECONDS = 0.2
    page = await opened()
    kinds = [json.loads((await page.receive_output(WAIT_S))["text"]) for _ in range(5)]
    assert kinds[0] == {"type": "hello", "beat_s": 0.2}
    assert kinds[-1] == {"type": "alive"}
    await page.disconnect()


def test_an_announcement_waits_for_no_server(settings: Any) -> None:
    """From a thread of a process without pages: sent, and nothing raised."""
    failed: list[BaseException] = []

    def send() -> None:
        try:
            publish(TRACES, {"keys": ["k"]})
        except BaseException as problem:
            failed.append(problem)

    threads = [threading.Thread(target=send) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert not failed
    assert not any(thread.is_alive() for thread in threads)


def test_each_kind_of_page_has_a_lane() -> None:
    assert set(hub.LANES) == set(KINDS)
    assert set(hub.LANES.values()) == set(hub.PACES_S)
