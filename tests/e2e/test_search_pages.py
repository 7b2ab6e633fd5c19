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


def test_rows_are_drawn_when_they_come_near(browser: Any, board: Any) -> None:
    send(board.url, 100, 70)
    page = browser.new_page(viewport={"width": 1200, "height": 500})
    page.goto(f"{board.url}/search?limit=90&sort=oldest")
    rows = page.locator(".trace-row")
    rows.nth(89).wait_for(state="attached")
    empty = page.locator(".trace-row:empty")
    assert empty.count() > 0
    assert all(
        "µs" in row for row in empty.evaluate_all("all => all.map(e => e.ariaLabel)")
    )
    rows.last.scroll_into_view_if_needed()
    page.locator(".trace-item:last-child .operation").wait_for()
    assert len(names(page)) > 50
    page.keyboard.press("End")
    rows.last.focus()
    page.keyboard.press("k")
    assert rows.nth(88).evaluate("row => row === document.activeElement")
    assert violations(page) == []
    page.close()


def test_chosen_traces_are_compared(browser: Any, board: Any) -> None:
    page = browser.new_page()
    page.goto(f"{board.url}/search?limit=10&sort=oldest")
    boxes = page.get_by_role("checkbox", name="Choose web")
    boxes.nth(1).check()
    compare = page.locator("[data-compare]")
    assert compare.inner_text() == "Compare 1"
    assert compare.get_attribute("href") is None
    page.locator(".trace-row").nth(3).focus()
    page.keyboard.press("x")
    assert violations(page) == []
    page.get_by_role("link", name="Compare 2").click()
    page.wait_for_url(f"**/trace/{2:032x}...{4:032x}")
    page.close()


def test_a_box_in_the_chart_narrows_the_search(browser: Any, board: Any) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{board.url}/search?limit=20&sort=oldest")
    area = page.locator("[data-scatter] .nsewdrag")
    area.wait_for()
    box = area.bounding_box()
    kinds = page.get_by_role("group", name="Chart").bounding_box()
    assert box["x"] + box["width"] <= kinds["x"]  # nothing is drawn below the buttons
    page.mouse.move(box["x"] + 1, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 2, steps=5)
    page.mouse.up()
    told = page.locator("[data-box-count]")
    told.wait_for()
    inside = int(told.inner_text().split()[0])
    assert 0 < inside < 20
    differs = page.get_by_role("link", name="What differs?").get_attribute("href")
    assert differs.startswith("/compare?a=")
    assert violations(page) == []
    page.get_by_role("link", name="Show only these").click()
    page.wait_for_url("**trace.duration**")
    page.wait_for_selector(".trace-row")
    assert page.locator("[data-found]").inner_text() == f"{inside} traces match."
    assert page.get_by_role("combobox", name="Query").input_value() == (
        "trace.duration>=500us trace.duration<=500us"
    )
    page.get_by_role("button", name="Heat map").click()
    page.locator("[data-scatter] .heatmaplayer image").wait_for(state="attached")
    page.close()
