"""Live pages through what goes wrong: restarts, proxies, outages, hidden tabs."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from tests.peers.aside import aside
from tests.peers.databases import Redis
from tests.peers.need import until
from tests.peers.proxy import IdleCuttingProxy

HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
LIVE = '[data-live-badge][data-state="live"]'


def push(url: str, name: str = "step", count: int = 1) -> None:
    """Traces of one span by OTLP JSON."""
    now = time.time_ns()
    spans = [
        {
            "traceId": secrets.token_hex(16),
            "spanId": secrets.token_hex(8),
            "name": name,
            "kind": 2,
            "startTimeUnixNano": str(now - 1_000_000 + n),
            "endTimeUnixNano": str(now),
        }
        for n in range(count)
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}
    assert httpx.post(f"{url}/v1/traces", json=body, timeout=20).status_code == 200


def open_search(browser: Any, url: str, query: str = "") -> Any:
    """The search page, connected."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{url}/search{query}")
    page.wait_for_selector(LIVE)
    return page


def shown(page: Any) -> list[str]:
    return page.locator("a.trace-row .operation").all_inner_texts()


@pytest.mark.browser
def test_rows_sent_while_the_server_was_away_are_there_afterwards(
    browser: Any, spanboard: Any
) -> None:
    board = spanboard("--no-demo")
    page = open_search(browser, board.url)
    push(board.url, "before")
    page.wait_for_selector("text=before")
    board.interrupt()
    page.wait_for_selector('[data-live-badge][data-state="disconnected"]')
    page.evaluate("window.same = 1")
    board.start()
    push(board.url, "meanwhile")
    page.wait_for_selector("text=meanwhile")
    page.wait_for_selector(LIVE)
    push(board.url, "after")
    page.wait_for_selector("text=after")
    assert sorted(shown(page)) == ["after", "before", "meanwhile"]
    assert page.locator("[data-found]").inner_text() == "3 traces match."
    assert page.evaluate("window.same") == 1  # the page was not loaded again
    page.context.close()


@pytest.mark.browser
def test_a_hidden_tab_is_sent_nothing_and_catches_up(
    browser: Any, spanboard: Any
) -> None:
    board = spanboard("--no-demo", SPANBOARD_LIVE_BEAT_SECONDS="0.5")
    frames: list[dict[str, Any]] = []
    context = browser.new_context()
    page = context.new_page()
    page.on(
        "websocket",
        lambda ws: ws.on("framereceived", lambda m: frames.append(json.loads(m))),
    )
    page.goto(f"{board.url}/search")
    page.wait_for_selector(LIVE)
    seen = open_search(browser, board.url)
    page.evaluate(HIDE, True)
    push(board.url, "alpha")
    seen.wait_for_selector("text=alpha")
    frames.clear()
    for name in ("second", "third"):
        push(board.url, name)
        seen.wait_for_selector(f"text={name}")
    assert shown(page).count("third") == 0
    assert frames == []
    page.evaluate(HIDE, False)
    page.wait_for_selector("text=third")
    assert len(shown(page)) == 3
    assert "reset" in [frame["type"] for frame in frames]
    # Lost while hidden: it does not try, and connects once it is seen.
    page.evaluate(HIDE, True)
    board.interrupt()
    page.wait_for_selector('[data-live-badge][data-state="disconnected"]')
    board.start()
    push(board.url, "fourth")
    seen.wait_for_selector("text=fourth")
    assert page.locator('[data-state="disconnected"]').count() == 1
    page.evaluate(HIDE, False)
    page.wait_for_selector("text=fourth")
    page.wait_for_selector(LIVE)
    context.close()
    seen.context.close()


@pytest.mark.browser
def test_a_proxy_with_a_sub_path_and_short_patience_does_not_break_it(
    browser: Any, spanboard: Any
) -> None:
    board = spanboard(
        "--no-demo",
        SPANBOARD_BASE_PATH="tools/traces",
        SPANBOARD_LIVE_BEAT_SECONDS="0.6",
    )
    base = "/tools/traces"
    proxy = IdleCuttingProxy(board.port, idle_s=2.0)
    proxy.start()
    try:
        url = f"http://127.0.0.1:{proxy.port}{base}"
        sockets: list[str] = []
        context = browser.new_context()
        page = context.new_page()
        page.on("websocket", lambda ws: sockets.append(ws.url))
        page.goto(f"{url}/search")
        page.wait_for_selector(LIVE)
        began = time.monotonic()
        # Nothing happens for three times as long as the proxy waits.
        until(lambda: proxy.passed and proxy.passed[-1] > began + 6, "signs of life")
        assert page.locator(LIVE).count() == 1
        assert [one.partition("?")[0] for one in sockets] == [
            f"ws://127.0.0.1:{proxy.port}{base}/ws/search"
        ]
        push(f"{board.url}{base}", "through")
        page.wait_for_selector("text=through")
        # Cut in the middle, it comes back through the same way.
        proxy.cut_all()
        push(f"{board.url}{base}", "again")
        page.wait_for_selector("text=again")
        page.wait_for_selector(LIVE)
        assert len(sockets) > 1
        context.close()
    finally:
        proxy.stop()


@pytest.mark.browser
def test_new_rows_wait_while_the_list_is_paused(browser: Any, spanboard: Any) -> None:
    board = spanboard("--no-demo")
    page = open_search(browser, board.url, "?limit=5")
    page.keyboard.press("p")
    pause = page.locator("[data-pause]")
    assert pause.get_attribute("aria-pressed") == "true"
    push(board.url, "first", 2)
    new = page.locator("[data-new]")
    until(lambda: new.is_visible() and new.inner_text() == "2 new", "two that wait")
    push(board.url, "many", 30)
    told = page.locator("[data-waiting-told]")
    until(lambda: new.inner_text().split()[0] >= "7", "more that wait")
    assert "wait" in told.inner_text()
    assert shown(page) == []
    assert (
        page.locator("[data-found]").inner_text() == "Exactly 32 traces match, 5 shown."
    )
    page.keyboard.press("n")
    assert shown(page) == ["many"] * 5
    assert new.is_hidden()
    # The first row has the focus: who reads on is not disturbed either.
    assert page.evaluate(
        "document.activeElement.matches('.trace-item:first-child > .trace-row')"
    )
    page.keyboard.press("p")
    assert pause.get_attribute("aria-pressed") == "false"
    push(board.url, "last")
    until(lambda: new.is_visible(), "one that waits for the reader")
    page.evaluate("document.activeElement.blur()")
    until(lambda: shown(page)[0] == "last", "the new row")
    page.context.close()


@pytest.mark.browser
def test_a_page_without_a_place_says_so_and_waits_for_one(
    browser: Any, spanboard: Any
) -> None:
    board = spanboard("--no-demo", SPANBOARD_LIVE_MAX="1")
    first = open_search(browser, board.url)
    second = browser.new_context().new_page()
    second.goto(f"{board.url}/search")
    second.wait_for_selector('[data-live-badge][data-state="full"]')
    assert "Too many pages" in second.locator("[data-lost]").inner_text()
    first.context.close()
    second.wait_for_selector(LIVE)
    assert second.locator("[data-lost]").is_hidden()
    second.context.close()


async def messages(url: str, path: str = "/ws/search") -> Any:
    """A live connection of a program."""
    host = url.partition("://")[2]
    return await websockets.connect(
        f"ws://{host}{path}", origin=url, ping_interval=None
    )  # type: ignore[arg-type]  # any text


async def rows_until(socket: Any, name: str, seconds: float = 30) -> None:
    """Read until a row with this operation comes in a reset or a diff."""
    async with asyncio.timeout(seconds):
        while True:
            message = json.loads(await socket.recv())
            rows = [*message.get("rows", []), *message.get("add", [])]
            if any(row["root_operation"] == name for row in rows):
                return


@pytest.mark.redis
@aside
async def test_redis_may_be_restarted_and_pages_catch_up(
    tmp_path: Path, spanboard: Any
) -> None:
    redis = Redis(tmp_path)
    redis.start()
    try:
        layer = {"SPANBOARD_CHANNEL_LAYER_URL": f"{redis.url}/1"}
        board = await asyncio.to_thread(spanboard, "--no-demo", **layer)
        socket = await messages(board.url)
        await asyncio.to_thread(push, board.url, "before")
        await rows_until(socket, "before")
        redis.stop()
        await asyncio.to_thread(push, board.url, "meanwhile")
        redis.start()
        # Nothing more is announced: the gap in the pulses tells.
        await rows_until(socket, "meanwhile")
        await asyncio.to_thread(push, board.url, "after")
        await rows_until(socket, "after")
        await socket.close()
    finally:
        redis.stop()


@aside
async def test_a_client_that_never_reads_holds_nobody_up(spanboard: Any) -> None:
    board = spanboard("--no-demo")
    deaf = [await messages(board.url, f"/ws/search?limit={n + 100}") for n in range(20)]
    for socket in deaf:
        socket.transport.pause_reading()
    reader = await messages(board.url)
    memory = Path(f"/proc/{board.process.pid}/status")

    def resident_mib() -> float:
        line = next(x for x in memory.read_text().splitlines() if x.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    sent_bytes = 0
    before = 0.0
    for number in range(40):
        name = f"n{number}" + "x" * 8_000
        await asyncio.to_thread(push, board.url, name, 50)
        async with asyncio.timeout(30):
            while True:
                text = await reader.recv()
                sent_bytes += len(text)
                if name in str(text):
                    break
        if number == 10:
            before, sent_bytes = resident_mib(), 0
    # Queued for each of them this would be twenty times what the reader got.
    sent_mib = sent_bytes / 2**20
    assert sent_mib > 10
    assert resident_mib() - before < sent_mib * 6
    # Once it reads again it skips to the newest, if it was not given up meanwhile.
    socket = deaf[0]
    socket.transport.resume_reading()
    diffs = 0
    try:
        async with asyncio.timeout(60):
            while True:
                message = json.loads(await socket.recv())
                diffs += message["type"] == "diff"
                if any("n39x" in r["root_operation"] for r in message.get("rows", [])):
                    break
    except websockets.ConnectionClosed:
        pass
    assert diffs < 30
    for one in [*deaf, reader]:
        one.transport.abort()
