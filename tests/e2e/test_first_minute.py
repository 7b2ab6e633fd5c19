"""A newcomer's first minute: the demo, live, in a real browser."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.peers.need import until


@pytest.mark.browser
def test_the_demo_is_on_screen_and_goes_on_by_itself(
    browser: Any, spanboard: Any
) -> None:
    board = spanboard()
    until(lambda: 'href="/trace/' in httpx.get(board.url).text, "a first trace", 20)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.goto(board.url)
    page.wait_for_selector('[data-live-badge][data-state="live"]')
    first = page.locator("a.trace-row").first.get_attribute("href")
    page.wait_for_selector(
        f'.trace-item:first-child > a.trace-row:not([href="{first}"])', timeout=20_000
    )
    page.goto(f"{board.url}/graph")
    page.wait_for_selector(".plot .main-svg")
    names = page.locator(".service-node").evaluate_all(
        "all => all.map(e => e.dataset.service)"
    )
    assert {
        "istio-ingressgateway",
        "productpage",
        "details",
        "reviews",
        "ratings",
    } <= set(names)
    page.get_by_role("button", name="Table", exact=True).click()
    calls = '.dependency-edge[data-caller="productpage"][data-callee="details"]'
    before = int(page.locator(calls).get_attribute("data-calls"))
    page.wait_for_selector(f'{calls}:not([data-calls="{before}"])', timeout=20_000)
    page.get_by_role("button", name="Graph", exact=True).click()
    page.locator('.service-node[data-service="reviews"]').click()
    page.wait_for_selector("[data-chosen]:not([hidden])")
    link = page.get_by_role("link", name="Find these traces")
    link.click()
    page.wait_for_selector("a.trace-row")
    assert "service=reviews" in page.url
    # An edge leads to exactly the traces that hold such a call.
    page.goto(f"{board.url}/graph?lookback=6h&view=table")
    page.locator('.dependency-edge[data-callee="mysql"]').click()
    page.get_by_role("link", name="Find these traces").click()
    page.wait_for_selector("a.trace-row")
    assert "callee=mysql" in page.url
    assert not faults
    context.close()


@pytest.mark.browser
def test_live_texts_are_in_the_language_of_the_page(
    browser: Any, spanboard: Any
) -> None:
    board = spanboard()
    until(lambda: 'href="/trace/' in httpx.get(board.url).text, "a first trace", 20)
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(board.url)
    page.wait_for_selector('[data-live-badge][data-state="live"]')
    first = page.locator("a.trace-row").first.get_attribute("href")
    page.wait_for_selector(
        f'.trace-item:first-child > a.trace-row:not([href="{first}"])', timeout=20_000
    )
    row = page.locator("a.trace-row").first  # drawn a moment after it came
    until(lambda: "个 span" in row.inner_text(), "a live row in Chinese")
    with page.expect_websocket(lambda socket: "/ws/graph" in socket.url) as opened:
        page.goto(f"{board.url}/graph")
    told = opened.value.expect_event("framereceived", lambda text: "sentence" in text)
    with told as frame:
        pass
    assert "个服务" in json.loads(frame.value)["sentence"]["traffic"]
    context.close()


@pytest.mark.browser
def test_a_page_says_that_the_connection_is_lost_and_connects_again(
    browser: Any, spanboard: Any
) -> None:
    board = spanboard()
    context = browser.new_context()
    page = context.new_page()
    page.goto(board.url)
    page.wait_for_selector('[data-live-badge][data-state="live"]')
    board.interrupt()
    page.wait_for_selector(
        '[data-live-badge][data-state="disconnected"]', timeout=10_000
    )
    board.start()
    page.wait_for_selector('[data-live-badge][data-state="live"]', timeout=40_000)
    context.close()
