"""The line of query in a real browser: completing by keyboard, two faces, faults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.peers.axe import violations
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def board() -> Iterator[RunningSpanboard]:
    running = RunningSpanboard()  # with the demo's traffic
    running.start()
    yield running
    running.stop()


def open_page(browser: Any, board: RunningSpanboard, address: str) -> Any:
    page = browser.new_page()
    page.goto(f"{board.url}{address}")
    return page


def test_a_line_is_written_by_keyboard(browser: Any, board: RunningSpanboard) -> None:
    page = open_page(browser, board, "/search")
    page.wait_for_selector(".trace-row")
    line = page.get_by_role("combobox", name="Query")
    words = page.get_by_role("listbox", name="What may follow")
    options = words.get_by_role("option")
    line.press_sequentially("serv")
    words.get_by_role("option", name="service of the span").wait_for()
    page.keyboard.press("ArrowDown")
    assert words.get_by_role("option", selected=True).count() == 1
    page.keyboard.press("Enter")
    assert line.input_value() == "service="
    line.press_sequentially("produ")
    words.get_by_role("option", name="productpage", exact=True).wait_for()
    assert violations(page) == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert line.input_value() == "service=productpage "
    options.first.wait_for()
    page.keyboard.press("Escape")
    assert options.count() == 0
    line.press_sequentially("productpage >> reviews")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=service**")
    page.wait_for_selector(".trace-row")
    assert line.input_value() == "service=productpage productpage >> reviews"
    page.close()


def test_line_and_form_are_two_faces(browser: Any, board: RunningSpanboard) -> None:
    page = open_page(browser, board, "/search?service=reviews&minDuration=1us")
    line = page.get_by_role("combobox", name="Query")
    assert line.input_value() == "service=reviews duration>=1us"
    line.fill("service=productpage error=false productpage >> reviews")
    page.get_by_role("button", name="Form", exact=True).click()
    more = page.get_by_label("More conditions")
    more.wait_for()
    assert more.input_value() == "productpage >> reviews"
    assert page.get_by_label("Service", exact=True).input_value() == "productpage"
    assert page.get_by_label("Tags of one span").input_value() == "error=false"
    assert violations(page) == []
    page.get_by_label("Span at least").fill("2us")
    page.get_by_role("button", name="Search", exact=True).click()
    page.wait_for_url("**minDuration=2us**")
    page.get_by_label("More conditions").wait_for()  # the face is remembered
    page.get_by_role("button", name="Query", exact=True).click()
    assert line.input_value() == (
        "service=productpage error=false duration>=2us productpage >> reviews"
    )
    page.close()


def test_a_fault_is_told_where_it_is(browser: Any, board: RunningSpanboard) -> None:
    page = open_page(browser, board, "/search")
    page.get_by_role("combobox", name="Query").fill("service=reviews oops")
    page.get_by_role("button", name="Form", exact=True).click()
    page.get_by_text("“oops” alone says nothing").wait_for()
    assert page.locator(".caret").inner_text().endswith("\n                ^")
    assert page.get_by_label("More conditions").is_hidden()
    assert violations(page) == []
    page.close()


@pytest.mark.parametrize("width", [1440, 800, 390])
def test_pages_are_as_wide_as_the_window(
    browser: Any, board: RunningSpanboard, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(f"{board.url}/search")
    page.locator("[data-scatter] .nsewdrag").wait_for()
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= width
    page.goto(f"{board.url}{page.locator('.trace-row').first.get_attribute('href')}")
    page.locator(".overview .handle").last.wait_for()
    assert page.evaluate(wide) <= width
    page.close()
