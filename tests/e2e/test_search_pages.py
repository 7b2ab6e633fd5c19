"""The list of traces in pages, in a real browser and by keyboard."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.peers.axe import source, violations
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser


def send(url: str, first: int, count: int) -> None:
    """Store traces by OTLP, a millisecond apart."""
    now_ns = time.time_ns()
    spans = [
        {
            "traceId": f"{n + 1:032x}",
            "spanId": f"{n + 1:016x}",
            "name": f"op-{n}",
            "kind": 2,
            "startTimeUnixNano": str(now_ns + n * 1_000_000),
            "endTimeUnixNano": str(now_ns + n * 1_000_000 + 500_000),
        }
        for n in range(first, first + count)
    ]
    resource = {
        "attributes": [{"key": "service.name", "value": {"stringValue": "web"}}]
    }
    scope = [{"spans": spans}]
    content = {"resourceSpans": [{"resource": resource, "scopeSpans": scope}]}
    httpx.post(
        f"{url}/v1/traces",
        content=json.dumps(content),
        headers={"Content-Type": "application/json"},
    ).raise_for_status()


@pytest.fixture(scope="module")
def board() -> Iterator[RunningSpanboard]:
    running = RunningSpanboard("--no-demo")
    running.start()
    send(running.url, 0, 25)
    yield running
    running.stop()


def names(page: Any) -> list[str]:
    return page.locator(".trace-row .operation").all_inner_texts()


def test_pages_follow_one_another_by_keyboard(browser: Any, board: Any) -> None:
    source()
    page = browser.new_page()
    page.goto(f"{board.url}/search?limit=10")
    page.wait_for_selector(".trace-row")
    assert names(page) == [f"op-{n}" for n in range(24, 14, -1)]
    assert page.locator("[data-found]").inner_text() == (
        "Exactly 25 traces match, 10 shown."
    )
    for expected in (range(14, 4, -1), range(4, -1, -1)):
        page.get_by_role("link", name="More traces").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**after=**")
        page.get_by_text(f"op-{expected[0]}", exact=True).wait_for()
        assert names(page) == [f"op-{n}" for n in expected]
        assert violations(page) == []
    assert page.get_by_role("link", name="More traces").count() == 0
    page.get_by_role("link", name="Back to the first").focus()
    page.keyboard.press("Enter")
    page.get_by_text("op-24", exact=True).wait_for()
    assert names(page)[0] == "op-24"
    page.close()


def test_what_live_rows_push_off_is_on_the_next_page(browser: Any, board: Any) -> None:
    page = browser.new_page()
    page.goto(f"{board.url}/search?limit=25")
    page.wait_for_selector(".trace-row")
    assert page.locator("[data-pages]").is_hidden()
    page.mouse.move(0, 0)
    send(board.url, 25, 3)
    page.get_by_text("op-27", exact=True).wait_for()
    page.get_by_role("link", name="More traces").click()
    page.get_by_text("op-0", exact=True).wait_for()
    assert names(page) == ["op-2", "op-1", "op-0"]
    page.close()
