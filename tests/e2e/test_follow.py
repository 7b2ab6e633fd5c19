"""Follow me in real browsers: others see what the presenter sees, and soon."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from typing import Any

import pytest

from tests.peers.need import until
from tests.peers.rich import rich_trace
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser
MOVES = 60
# When a page came to what the presenter's message n says, on the clock of all pages.
WATCH = """() => {
  const page = document.querySelector('[data-trace]');
  window.came = {};
  new MutationObserver(() => {
    window.came[page.dataset.followed] ??= performance.timeOrigin + performance.now();
  }).observe(page, {attributes: true, attributeFilter: ['data-followed']});
}"""
# One step of zooming, as the wheel over the axis makes it; told is when it was made.
MOVE = """(n) => {
  const axis = document.querySelector('[data-axis]');
  const box = axis.getBoundingClientRect();
  const at = performance.timeOrigin + performance.now();
  axis.dispatchEvent(new WheelEvent('wheel', {
    deltaY: n % 20 < 10 ? -100 : 100, clientX: box.left + box.width * 0.4,
    bubbles: true, cancelable: true,
  }));
  return at;
}"""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSpanboard]:
    path = tmp_path_factory.mktemp("followed") / "trace.json"
    path.write_text(json.dumps({"data": [rich_trace()]}), encoding="utf-8")
    running = RunningSpanboard("--no-demo")
    running.start()
    running.interrupt()
    running.load(path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def people(browser: Any) -> Iterator[Any]:
    """Pages of people, each with a browser of their own."""
    contexts = []
    faults: list[str] = []

    def come(url: str) -> Any:
        context = browser.new_context(viewport={"width": 1440, "height": 620})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda problem: faults.append(str(problem)))
        page.goto(url)
        page.wait_for_selector("[data-trace][data-ready]")
        return page

    yield come
    for context in contexts:
        context.close()
    assert faults == []


def trace_url(board: Any, browser: Any) -> str:
    page = browser.new_page()
    page.goto(f"{board.url}/search")
    path = page.locator("a.trace-row").first.get_attribute("href")
    page.close()
    return f"{board.url}{path}"


def presented(page: Any) -> str:
    """Begin to present; the link for others."""
    page.click("[data-present]")
    page.wait_for_selector("[data-follow-copy]")
    return str(page.locator("[data-follow-copy]").get_attribute("data-follow-copy"))


def rows(page: Any) -> list[str]:
    return page.locator(".span-row:visible .operation").all_inner_texts()  # type: ignore[no-any-return]


def window_of(page: Any) -> str:
    return str(page.inner_text("[data-window]"))


def test_two_follow_view_zoom_selection_find_and_filters(
    board: Any, browser: Any, people: Any
) -> None:
    presenter = people(trace_url(board, browser))
    link = presented(presenter)
    assert "/trace/" in link
    followers = [people(link), people(link)]
    for page in followers:
        page.wait_for_selector('[data-follow-bar][data-state="follows"]')
        assert "follow=" not in page.url  # a copied address leads nobody along
    until(lambda: "2 people follow" in presenter.inner_text("[data-follow-bar]"), "two")

    def all_show(probe: Any, wanted: Any, what: str) -> None:
        for page in followers:
            until(lambda page=page: probe(page) == wanted, what)

    whole = window_of(presenter)
    presenter.keyboard.press("=")
    presenter.keyboard.press("d")
    assert window_of(presenter) != whole
    all_show(window_of, window_of(presenter), "the window")
    presenter.locator(".span-row:visible").nth(2).click()
    presenter.wait_for_selector(".panel h2")
    all_show(
        lambda page: page.locator(".panel h2").all_inner_texts(),
        [presenter.inner_text(".panel h2")],
        "the details",
    )
    presenter.keyboard.press("Escape")
    all_show(lambda page: page.locator(".panel:visible").count(), 0, "no details")
    presenter.fill("[data-find-input]", "GET")
    all_show(lambda page: page.input_value("[data-find-input]"), "GET", "the find")
    presenter.locator("[data-legend]").first.click()
    until(lambda: "svcFilter" in presenter.evaluate("location.search"), "the filter")
    all_show(rows, rows(presenter), "the rows")
    presenter.locator("[data-legend]").first.click()
    presenter.click('[data-view-name="flame"]')
    all_show(lambda page: page.locator(".view-flame:visible").count(), 1, "the view")
    presenter.click('[data-view-name="waterfall"]')
    all_show(lambda page: page.locator(".timeline:visible").count(), 1, "the rows")
    presenter.fill("[data-find-input]", "")
    presenter.evaluate("document.querySelector('[data-grid]').scrollTop = 60")

    def down(page: Any) -> int:
        return int(page.evaluate("document.querySelector('[data-grid]').scrollTop"))

    wanted = down(presenter)
    assert wanted > 0
    for page in followers:
        until(lambda page=page: abs(down(page) - wanted) <= 1, "the place")


def test_anybody_lets_go_follows_again_and_is_told_of_the_end(
    board: Any, browser: Any, people: Any
) -> None:
    presenter = people(trace_url(board, browser))
    follower = people(presented(presenter))
    bar = '[data-follow-bar][data-state="{}"]'.format
    follower.wait_for_selector(bar("follows"))
    whole = window_of(follower)
    follower.locator("[data-axis]").hover()
    follower.mouse.wheel(0, -100)
    follower.wait_for_selector(bar("loose"))
    own = window_of(follower)
    assert own != whole
    presenter.keyboard.press("=")
    presenter.keyboard.press("=")
    until(
        lambda: "from=" in presenter.evaluate("location.search"),
        "the window in the address",
    )
    assert window_of(follower) == own
    follower.click("[data-follow-again]")
    follower.wait_for_selector(bar("follows"))
    until(lambda: window_of(follower) == window_of(presenter), "the presenter's window")
    # A presenter who loads the page again goes on with the same room.
    presenter.reload()
    presenter.wait_for_selector(bar("presents"))
    until(lambda: "1 person follows" in presenter.inner_text(bar("presents")), "one")
    presenter.locator("body").press("-")
    until(lambda: window_of(follower) == window_of(presenter), "the window again")
    presenter.click("[data-follow-stop]")
    follower.wait_for_selector(bar("gone"))
    follower.click("[data-follow-leave]")
    assert follower.locator("[data-follow-bar]").is_hidden()
    follower.reload()
    follower.wait_for_selector("[data-trace][data-ready]")
    assert follower.locator("[data-follow-bar]").is_hidden()


def test_the_graph_page_is_followed_too(board: Any, browser: Any) -> None:
    presenter, follower = (
        browser.new_context(viewport={"width": 1440, "height": 800}).new_page()
        for _ in range(2)
    )
    presenter.goto(f"{board.url}/graph")
    presenter.wait_for_selector("[data-service]")
    follower.goto(presented(presenter))
    follower.wait_for_selector('[data-follow-bar][data-state="follows"]')
    node = presenter.locator("[data-service]").first
    name = node.get_attribute("data-service")
    node.click()
    follower.wait_for_selector("[data-chosen]:visible")
    until(lambda: "node=" in follower.evaluate("location.search"), "the node")

    def middle(page: Any) -> float:
        box = page.locator(f'[data-service="{name}"]').bounding_box()
        return float(box["x"])

    before = middle(follower)
    presenter.locator("[data-stage]").hover()
    presenter.mouse.wheel(0, -400)
    until(
        lambda: (
            middle(follower) != before and abs(middle(follower) - middle(presenter)) < 2
        ),
        "the same part of the picture",
    )
    presenter.click('[data-view-button][value="table"]')
    follower.wait_for_selector(".twin tbody tr:visible")
    follower.locator(".twin tbody tr").first.click()
    follower.wait_for_selector('[data-follow-bar][data-state="loose"]')
    for page in (presenter, follower):
        page.context.close()


def test_the_delay_to_two_followers_is_told(
    board: Any, browser: Any, people: Any
) -> None:
    presenter = people(trace_url(board, browser))
    link = presented(presenter)
    followers = [people(link), people(link)]
    for page in followers:
        page.wait_for_selector('[data-follow-bar][data-state="follows"]')
        page.evaluate(WATCH)
    delays: list[float] = []

    def shown(page: Any) -> str | None:
        return page.get_attribute("[data-trace]", "data-followed")  # type: ignore[no-any-return]

    for number in range(MOVES):
        before = [shown(page) for page in followers]
        began = presenter.evaluate(MOVE, number)
        for page, old in zip(followers, before, strict=True):
            until(lambda p=page, old=old: shown(p) != old, "a move", every=0.02)
            delays.append(page.evaluate("n => window.came[n]", shown(page)) - began)
    assert len(delays) == 2 * MOVES
    delays.sort()
    p95 = delays[round(0.95 * len(delays)) - 1]
    print(
        f"\nfollow: {len(delays)} moves, p50 {statistics.median(delays):.1f} ms, p95 {p95:.1f} ms, most {delays[-1]:.1f} ms"
    )
