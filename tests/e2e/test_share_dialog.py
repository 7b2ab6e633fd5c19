"""Sharing in a real browser: the dialog's proof, the view kept, links in texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.peers.need import until
from tests.peers.rich import rich_trace
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser
SECRET = "jdoe@example.org"


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSpanboard]:
    """One that holds a trace with a secret in it."""
    found = rich_trace()
    span = found["spans"][0]
    span["tags"].append({"key": "note", "type": "string", "value": f"for {SECRET}"})
    path = tmp_path_factory.mktemp("shared") / "trace.json"
    path.write_text(json.dumps({"data": [found]}), encoding="utf-8")
    running = RunningSpanboard("--no-demo")
    running.start()
    running.interrupt()
    running.load(path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def page(browser: Any) -> Any:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900},
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda problem: page.faults.append(str(problem)))
    yield page
    context.close()
    assert page.faults == []


def opened_trace(page: Any, url: str) -> None:
    page.goto(f"{url}/search")
    page.locator("a.trace-row").first.click()
    page.wait_for_selector("[data-trace][data-ready]")


def pasted(page: Any) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_a_snapshot_is_proven_made_and_opens_the_same_view(
    board: Any, page: Any
) -> None:
    opened_trace(page, board.url)
    page.click('[data-view-name="flame"]')
    page.click("[data-share]")
    page.wait_for_selector(".proof .gone")
    assert SECRET in page.inner_text(".proof")
    assert page.inner_text("[data-share-state]").startswith("Flame")
    page.fill("[data-share-field]", "http.status_code")
    page.click("[data-share-remove]")
    until(lambda: page.locator("[data-share-by-hand] li").count() == 1, "by hand")
    page.check('input[name="audience"][value="anyone"]', force=True)
    page.fill("[name=note]", "Look at <b>this</b>")
    page.click("[data-share-make]")
    page.wait_for_selector("[data-share-result]:not([hidden])")
    url = page.input_value("[data-share-url]")
    until(lambda: pasted(page) == url, "the address on the clipboard")
    page.click('[data-copy-as="markdown"]')
    until(lambda: pasted(page).endswith(f"]({url})"), "Markdown on the clipboard")
    page.click('[data-copy-as="html"]')
    until(lambda: pasted(page).startswith(f'<a href="{url}">'), "HTML")
    page.goto(url)
    page.wait_for_selector("[data-trace][data-ready]")
    assert parse_qs(urlsplit(page.url).query)["view"] == ["flame"]
    page.wait_for_selector(".view-flame")
    assert "Look at <b>this</b>" in page.inner_text(".snapshot")
    assert SECRET not in page.content()
    page.goto(f"{board.url}/shares")

    def opened() -> str:
        page.reload()
        return str(page.locator(".share-row td.number").last.inner_text())

    until(lambda: opened() == "1", "one opening counted")


def test_a_page_is_shared_with_its_absolute_window(board: Any, page: Any) -> None:
    page.goto(f"{board.url}/graph?level=version")
    page.wait_for_selector("[data-service]")
    page.click("[data-share]")
    page.check('input[name="kind"][value="link"]', force=True)
    page.click("[data-share-make]")
    page.wait_for_selector("[data-share-result]:not([hidden])")
    page.goto(page.input_value("[data-share-url]"))
    found = parse_qs(urlsplit(page.url).query)
    assert found["level"] == ["version"]
    assert int(found["end"][0]) - int(found["start"][0]) == 1_800_000_000
    assert page.locator("[data-service]").count() > 0


def test_a_new_link_is_shown_once_on_the_list(board: Any, page: Any) -> None:
    opened_trace(page, board.url)
    page.click("[data-share]")
    page.click("[data-share-make]")
    page.wait_for_selector("[data-share-result]:not([hidden])")
    first = page.input_value("[data-share-url]")
    page.goto(f"{board.url}/shares")
    before = page.locator(".share-row").count()
    page.locator("[data-renew] button").first.click()
    page.wait_for_selector("[data-new-link][open]")
    second = page.input_value("[data-new-url]")
    assert second != first
    assert urlsplit(second).path.startswith("/s/")
    page.keyboard.press("Escape")
    until(lambda: page.locator(".share-row").count() == before + 1, "one link more")
