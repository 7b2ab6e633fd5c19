"""The waterfall's rows in a real browser: pairs, repeats, filters, details, the address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.peers.need import until
from tests.peers.rich import TRACE_ID, rich_file
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser
FOLDED = 18  # rows of the trace with its 300 equal calls in one: 316 - 299 + 1 caller


@pytest.fixture(scope="module")
def board(tmp_path_factory: Any) -> Iterator[RunningSpanboard]:
    """A Spanboard that holds the trace with one of everything."""
    path = tmp_path_factory.mktemp("rich") / "rich.json"
    rich_file(path)
    running = RunningSpanboard("--no-demo")
    running.start()
    running.interrupt()
    running.load(path)
    running.start()
    yield running
    running.stop()


def open_it(page: Any, board: RunningSpanboard, query: str = "") -> None:
    page.goto(f"{board.url}/trace/{TRACE_ID}{query}")
    page.wait_for_selector("[data-ready]")


def rows(page: Any) -> int:
    return int(page.locator("[data-grid]").get_attribute("aria-rowcount"))


def wait(page: Any, expression: str) -> None:
    """Until an expression is true; the page's policy forbids Playwright's own way."""
    until(lambda: page.evaluate(expression), expression, 10)


def press(page: Any, name: str) -> None:
    page.locator(f"[data-{name}]").click()


def test_300_calls_are_one_row_that_opens_in_two_steps(page: Any, board: Any) -> None:
    open_it(page, board)
    assert rows(page) == FOLDED
    repeat = page.locator(".span-row.repeat")
    assert repeat.locator(".times").inner_text() == "× 300"
    label = repeat.get_attribute("aria-label")
    assert "300 calls" in label
    assert "longest 41.2" in label
    assert repeat.get_attribute("aria-expanded") == "false"
    repeat.focus()
    page.keyboard.press("Enter")
    assert rows(page) == FOLDED + 4
    slowest = page.locator(".span-row[aria-level='9']:visible .duration")
    assert "41.2\u202fms" in slowest.all_inner_texts()
    more = page.locator(".span-row.rest")
    assert "297 more" in more.inner_text()
    page.goto(page.url)  # who opens the address sees the same
    page.wait_for_selector(".span-row.rest")
    assert rows(page) == FOLDED + 4
    more.focus()
    page.keyboard.press("Enter")
    assert rows(page) == FOLDED + 300
    press(page, "folds")
    assert rows(page) == FOLDED + 299
    assert "folds=0" in page.url


def test_client_and_server_become_one_row_with_the_network(
    page: Any,
    board: Any,
) -> None:
    open_it(page, board)
    press(page, "pairs")
    assert rows(page) == FOLDED - 4
    assert "pairs=1" in page.url
    rated = page.locator(".span-row", has_text="GET /ratings/0")
    assert "ratings" in rated.locator(".service").inner_text()
    assert "client and server" in rated.get_attribute("aria-label")
    # 60 ms before and 20 ms after of 1,840 ms.
    gaps = rated.locator(".network").evaluate_all(
        "all => all.map(e => parseFloat(e.style.width))"
    )
    assert [round(gap, 1) for gap in gaps] == [3.3, 1.1]
    assert rated.locator(".duration").inner_text() == "1.71\u202fs"
    # The server half is found by its client's row.
    page.goto(f"{page.url}&span={10:016x}")
    page.wait_for_selector(".panel .figures")
    chosen = page.locator('.span-row[aria-selected="true"]')
    assert "GET /ratings/0" in chosen.inner_text()


def test_a_caller_that_is_missing_has_a_row(page: Any, board: Any) -> None:
    open_it(page, board)
    absent = page.locator(".span-row.missing")
    assert "caller missing" in absent.inner_text()
    assert absent.locator(".bar.absent").count() == 1
    absent.focus()
    page.keyboard.press("ArrowLeft")
    assert rows(page) == FOLDED - 2
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert "audit" in page.evaluate("document.activeElement.innerText")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.classList.contains('missing')")


def test_only_one_part_can_be_shown_and_left_again(page: Any, board: Any) -> None:
    open_it(page, board)
    page.locator(".span-row", has_text="reviews:9080").focus()
    page.keyboard.press("r")
    wait(page, "location.search.includes('root=')")
    assert page.locator("#row-6").get_attribute("aria-level") == "1"
    assert rows(page) == 9
    assert "from=" in page.url
    url = page.url
    page.goto(url)
    page.wait_for_selector("[data-rooted]:not([hidden])")
    assert rows(page) == 9
    page.locator("[data-rooted]").click()
    assert rows(page) == FOLDED
    wait(page, "!location.search.includes('root=')")


def test_short_spans_fold_and_bad_durations_are_told(page: Any, board: Any) -> None:
    open_it(page, board)
    page.locator("[data-menu] summary").click()
    page.locator("[data-least]").fill("soon")
    page.keyboard.press("Tab")
    assert page.locator("[data-least-problem]").is_visible()
    page.locator("[data-least]").fill("30 ms")
    page.keyboard.press("Tab")
    assert page.locator("[data-least-problem]").is_hidden()
    assert "least=30000" in page.url
    words = page.locator(".span-row.short").all_inner_texts()
    assert any("2 spans shorter than 30" in text for text in words)
    before = rows(page)
    page.locator(".span-row.short", has_text="2 spans").click()
    assert rows(page) == before + 1


def test_siblings_sort_by_cost(page: Any, board: Any) -> None:
    open_it(page, board, "?sort=duration")
    below = page.locator(".span-row[aria-level='8']:visible")
    found = below.evaluate_all(
        """all => all.sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)
        .map(row => row.querySelector('.operation').innerText)"""
    )
    assert found == [
        "SELECT ratings WHERE id",
        "SELECT FOR UPDATE",
        "connect test",
        "ROLLBACK",
    ]


def test_only_matches_keeps_their_callers(page: Any, board: Any) -> None:
    open_it(page, board)
    page.locator("[data-find-input]").fill("volumes")
    page.wait_for_selector("text=1 match")
    press(page, "only")
    assert rows(page) == 6
    assert page.locator(".span-row.match:visible").count() == 1
    assert "only=1" in page.url
    page.locator("[data-find-input]").fill("nowhere-at-all")
    page.wait_for_selector("text=no match")
    assert rows(page) == 0
    assert page.get_by_text("No span is left").is_visible()


def test_levels_and_subtrees_fold_by_keys(page: Any, board: Any) -> None:
    open_it(page, board)
    page.locator("#row-0").focus()
    page.keyboard.press("p")
    assert rows(page) < FOLDED
    fewer = rows(page)
    page.keyboard.press("p")
    assert rows(page) < fewer
    page.keyboard.press("o")
    assert rows(page) == fewer
    page.keyboard.press("[")
    assert rows(page) == FOLDED
    page.keyboard.press("Shift+ArrowLeft")
    assert rows(page) == 4
    page.keyboard.press("ArrowRight")
    assert rows(page) == 5


def test_details_below_the_rows_and_several_of_them(page: Any, board: Any) -> None:
    open_it(page, board)
    page.locator("[data-menu] summary").click()
    page.locator("[data-place][value=inline]").check()
    page.keyboard.press("Escape")
    page.locator("#row-3").click()
    page.wait_for_selector(".inline-row .figures")
    height = page.locator(".inline-row").bounding_box()["height"]
    below = page.locator("#row-4").bounding_box()
    above = page.locator("#row-3").bounding_box()
    assert below["y"] - above["y"] == pytest.approx(above["height"] + height, abs=1)
    page.locator("#row-4").click()
    wait(page, "document.querySelectorAll('.inline-row').length === 2")
    assert page.locator(".panel").is_hidden()
    wait(page, "/span=0{15}4.0{15}5/.test(location.search)")
    page.goto(page.url)
    wait(page, "document.querySelectorAll('.inline-row .figures').length === 2")
    page.locator("#row-4").focus()
    page.keyboard.press("Enter")
    wait(page, "document.querySelectorAll('.inline-row').length === 1")
    page.locator(".inline-row button").first.focus()
    page.keyboard.press("Escape")
    wait(page, "document.querySelectorAll('.inline-row').length === 0")


def test_logs_are_marks_on_the_bar(page: Any, board: Any) -> None:
    open_it(page, board)
    page.wait_for_selector(".event-mark")
    failed = page.locator(".span-row", has_text="SELECT FOR UPDATE")
    places = failed.locator(".event-mark").evaluate_all(
        "all => all.map(e => parseFloat(e.style.left))"
    )
    assert [round(place, 1) for place in places] == [88.4, 96.5]


def test_back_and_forward_walk_through_what_was_done(page: Any, board: Any) -> None:
    open_it(page, board)
    page.locator("#row-3").click()
    page.wait_for_selector(".panel .figures")
    wait(page, "location.search.includes('span=')")
    press(page, "pairs")
    page.locator("[data-zoom-in]").click()
    wait(page, "location.search.includes('from=')")
    page.go_back()
    wait(page, "!location.search.includes('from=')")
    assert page.locator("[data-pairs]").get_attribute("aria-pressed") == "true"
    page.go_back()
    wait(
        page,
        "document.querySelector('[data-pairs]').getAttribute('aria-pressed') === 'false'",
    )
    assert page.locator(".panel").is_visible()
    page.go_back()
    page.wait_for_selector(".panel", state="hidden")
    page.go_forward()
    page.wait_for_selector(".panel .figures")


def test_columns_resize_by_key_and_stay(page: Any, board: Any) -> None:
    open_it(page, board)
    bar = page.locator("[data-resize-name]")
    width = page.locator("#row-0 .name").bounding_box()["width"]
    bar.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#row-0 .name").bounding_box()["width"] == width + 16
    assert bar.get_attribute("aria-valuenow") == str(round(width + 16))
    page.reload()
    page.wait_for_selector("[data-ready]")
    assert page.locator("#row-0 .name").bounding_box()["width"] == width + 16
    page.locator("#row-3").click()
    page.wait_for_selector(".panel .figures")
    wide = page.locator(".panel").bounding_box()["width"]
    page.locator("[data-resize-panel]").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator(".panel").bounding_box()["width"] == wide + 16


def test_a_sentence_leads_to_its_spans(page: Any, board: Any) -> None:
    open_it(page, board)
    page.locator(".sentences a", has_text="lock wait timeout").click()
    page.wait_for_selector(".panel .figures")
    chosen = page.locator('.span-row[aria-selected="true"] .operation')
    assert chosen.inner_text() == "SELECT FOR UPDATE"


def test_events_of_a_nonsense_frame_are_refused(page: Any, board: Any) -> None:
    address = f"{board.url}/trace/{TRACE_ID}/events"
    for words in ("x", "", "-1", ",".join(["1"] * 65), "1" * 9):
        answer = page.request.get(address, params={"frames": words})
        assert answer.status == 400, words
        assert "frames" in answer.json()["error"]
    assert page.request.get(address, params={"frames": "9999"}).json()["events"] == {}


def test_rows_tell_status_and_silent_peers(page: Any, board: Any) -> None:
    open_it(page, board)
    rated = page.locator(".span-row", has_text="GET /ratings/0")
    assert rated.locator(".status.bad").inner_text() == "500"
    failed = page.locator(".span-row", has_text="SELECT FOR UPDATE")
    assert failed.locator(".peer").inner_text() == "mysql"
    assert (
        page.locator(".span-row", has_text="reviews:9080").locator(".peer").count() == 0
    )


def test_time_zooms_by_axis_wheel_and_keys(page: Any, board: Any) -> None:
    open_it(page, board)
    axis = page.locator("[data-axis]").bounding_box()
    y = axis["y"] + 10
    page.mouse.move(axis["x"] + axis["width"] * 0.25, y)
    page.mouse.down()
    page.mouse.move(axis["x"] + axis["width"] * 0.5, y, steps=4)
    page.mouse.up()
    assert page.locator("[data-window]").inner_text() == "460\u202fms – 920\u202fms"
    page.mouse.wheel(0, -200)
    wait(page, "!location.search.includes('from=460000&')")
    page.keyboard.press("0")
    assert page.locator("[data-window]").inner_text() == "0 – 1.84\u202fs"
    end = page.get_by_role("slider", name="End of the window of time")
    end.focus()
    page.keyboard.press("PageDown")
    assert end.get_attribute("aria-valuenow") == "900"
    assert end.get_attribute("aria-valuetext") == "1.66\u202fs"


def test_paper_shows_all_rows(page: Any, board: Any) -> None:
    open_it(page, board, "?folds=0")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator(".span-row:visible").count() == rows(page) > 300
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    until(lambda: page.locator(".span-row:visible").count() < 100, "fewer rows", 5)


def test_a_span_leads_to_its_edge_in_the_graph(page: Any, board: Any) -> None:
    open_it(page, board, f"?span={9:016x}")
    page.wait_for_selector(".panel .figures")
    page.locator(".panel header a", has_text="Service graph").click()
    page.wait_for_url("**/graph?**")
    assert "ratings" in page.url
