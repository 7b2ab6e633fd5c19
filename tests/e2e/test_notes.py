"""Notes, pins and threads in real browsers: live, by keyboard, and never markup."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.test_follow import board, people, presented, trace_url
from tests.peers.axe import violations
from tests.peers.need import until

pytestmark = pytest.mark.browser
__all__ = ["board", "people"]  # fixtures
HOSTILE = (
    "<img src=x onerror=\"document.title='hit'\"> **bold** [ok](https://a.example/x) "
    "[bad](javascript:alert(1)) ![p](https://evil.example/p.png)"
)


def test_a_note_is_seen_at_once_by_others_and_is_never_markup(
    board: Any, browser: Any, people: Any
) -> None:
    url = trace_url(board, browser)
    writer, reader = people(url), people(url)
    reader.wait_for_selector('[data-live-badge][data-state="live"]')
    writer.locator(".span-row:visible").nth(1).click()
    writer.click(".panel [data-write]")
    writer.fill(".panel .notes textarea", HOSTILE)
    writer.keyboard.press("Control+Enter")
    writer.wait_for_selector(".panel .written")
    reader.wait_for_selector(".span-row .told-sign")
    row = reader.locator(".span-row:has(.told-sign)").first
    assert "1 note" in row.get_attribute("aria-label")
    row.click()
    reader.wait_for_selector(".panel .written strong")
    text = reader.locator(".panel .written-text")
    assert "<img src=x" in text.inner_text()
    assert text.locator("img, script").count() == 0
    links = text.locator("a")
    assert links.count() == 1 or all(
        link.get_attribute("href").startswith("https://") for link in links.all()
    )
    assert "nofollow" in links.first.get_attribute("rel")
    assert reader.title() != "hit"
    # A pin, and the list at the head leads to it by keyboard alone.
    writer.click(".panel [data-pin]")
    reader.wait_for_selector('.panel [data-pin][aria-pressed="true"]')
    reader.keyboard.press("Escape")
    reader.locator("[data-notes] summary").focus()
    reader.keyboard.press("Enter")
    reader.keyboard.press("Tab")
    assert reader.evaluate("document.activeElement.dataset.noteRow") == "1"
    found = violations(reader)
    assert found == []
    reader.keyboard.press("Enter")
    reader.wait_for_selector(".panel h2")
    # Edited and deleted, live too.
    writer.click('.panel .written button[aria-label="Edit the note"]')
    writer.fill(".panel .written textarea", "other words")
    # Another note meanwhile takes nothing from who is writing.
    reader.click(".panel [data-write]")
    reader.fill(".panel .notes textarea", "another")
    reader.keyboard.press("Control+Enter")
    until(lambda: reader.locator(".panel .written").count() == 2, "another note")
    until(lambda: "3" in writer.inner_text("[data-notes-count]"), "it is told")
    assert writer.input_value(".panel .written textarea") == "other words"
    writer.click(".panel .written .button >> nth=0")
    reader.wait_for_selector(".panel .written-text >> text=other words")
    for left in (1, 0):
        until(
            lambda n=left: writer.locator(".panel .written").count() == n + 1, "notes"
        )
        writer.locator(
            '.panel .written button[aria-label="Delete the note"]'
        ).first.click()
        until(lambda n=left: reader.locator(".panel .written").count() == n, "fewer")
    writer.click(".panel [data-pin]")
    until(lambda: reader.locator(".told-sign").count() == 0, "no sign")


def test_a_share_shows_notes_and_its_thread_is_live(
    board: Any, browser: Any, people: Any
) -> None:
    page = people(trace_url(board, browser))
    page.click("[data-notes] summary")
    page.fill("[data-notes] textarea", "Look at the second call")
    page.click("[data-notes] form button")
    page.wait_for_selector("[data-notes] .written")
    page.keyboard.press("Escape")
    page.click("[data-share]")
    page.wait_for_selector("[data-share-notes]:not([hidden])")
    assert "notes: 1" in page.inner_text("[data-share-notes]")
    page.click("[data-share-make]")
    page.wait_for_selector("[data-share-result]:not([hidden])")
    url = page.input_value("[data-share-url]")
    one, other = people(url), people(url)
    other.wait_for_selector("[data-thread][data-read]")
    one.click("[data-notes] summary")
    assert "Look at the second call" in one.inner_text("[data-notes] .written-text")
    assert one.locator("[data-notes] form").count() == 0
    one.keyboard.press("Escape")
    one.click("[data-thread] summary")
    one.fill("[data-thread] textarea", "Seen, **thanks** <b>x</b>")
    one.click("[data-thread] form button")
    until(
        lambda: "1 new" in other.inner_text("[data-thread-count]"), "a comment is told"
    )
    other.click("[data-thread] summary")
    assert "<b>x</b>" in other.inner_text("[data-thread] .written-text")
    assert violations(other) == []
    other.click('[data-thread] button[aria-label="Delete the comment"]')
    until(lambda: one.locator("[data-thread] .written").count() == 0, "it is gone")
    # Follow me works on the shared page, and writing does not let go.
    one.keyboard.press("Escape")
    follower = people(presented(one))
    follower.wait_for_selector('[data-follow-bar][data-state="follows"]')
    follower.click("[data-thread] summary")
    follower.fill("[data-thread] textarea", "while I follow")
    assert follower.get_attribute("[data-follow-bar]", "data-state") == "follows"
    one.locator(".span-row:visible").nth(1).click()
    follower.wait_for_selector(".panel h2")
    assert follower.evaluate("document.activeElement.localName") == "textarea"
