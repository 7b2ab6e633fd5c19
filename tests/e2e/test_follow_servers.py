"""Rooms, notes and threads over two server processes, through PostgreSQL and Redis."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.peers.need import until
from tests.peers.production import Production
from tests.peers.served import ERROR_TRACE, document


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.browser
def test_a_page_of_another_server_follows_and_sees_notes(browser: Any) -> None:
    made = Production(workers=0, beats=0)
    try:
        made.start()
        here, there = made.urls
        answer = httpx.post(
            f"{here}/v1/traces",
            content=document(),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 200
        presenter = browser.new_context().new_page()
        presenter.goto(f"{here}/trace/{ERROR_TRACE}")
        presenter.click("[data-present]")
        presenter.wait_for_selector("[data-follow-copy]")
        link = urlsplit(
            presenter.get_attribute("[data-follow-copy]", "data-follow-copy")
        )
        follower = browser.new_context().new_page()
        follower.goto(f"{there}{link.path}?{link.query}")
        follower.wait_for_selector('[data-follow-bar][data-state="follows"]')
        presenter.click('[data-view-name="statistics"]')
        follower.wait_for_selector(".view-statistics:visible")
        presenter.click('[data-view-name="waterfall"]')
        presenter.locator(".span-row:visible").nth(1).click()
        follower.wait_for_selector(".panel h2")
        # The server of the presenter dies: the others are told, and it comes back.
        made.servers[0].kill()
        follower.wait_for_selector(
            '[data-follow-bar][data-state="gone"]', timeout=40_000
        )
        made.servers[0].restart()
        follower.wait_for_selector(
            '[data-follow-bar][data-state="follows"]', timeout=60_000
        )
        presenter.click(".panel [data-write]")
        presenter.fill(".panel .notes textarea", "seen from afar")
        presenter.click(".panel .notes form button >> nth=0")
        follower.wait_for_selector(".panel .written >> text=seen from afar")
        presenter.click("[data-share]")
        presenter.click("[data-share-make]")
        presenter.wait_for_selector("[data-share-result]:not([hidden])")
        path = urlsplit(presenter.input_value("[data-share-url]")).path
        one, other = (browser.new_context().new_page() for _ in range(2))
        one.goto(f"{here}{path}")
        other.goto(f"{there}{path}")
        for page in (one, other):
            page.wait_for_selector("[data-thread][data-read]", state="attached")
        one.click("[data-thread] summary")
        one.fill("[data-thread] textarea", "across")
        one.click("[data-thread] form button")
        until(
            lambda: other.locator("[data-thread] .written").count() == 1, "the comment"
        )
        for page in (presenter, follower, one, other):
            page.context.close()
    finally:
        made.stop()
