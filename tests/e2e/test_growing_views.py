"""A trace that grows while one of its views is open grows there too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.test_growth import TRACE, push


@pytest.mark.browser
def test_every_view_grows_with_its_trace(browser: Any, spanboard: Any) -> None:
    board = spanboard("--no-demo", SPANBOARD_GROWING_SECONDS="30")
    push(board, 1, 0, 0, 500)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{board.url}/trace/{TRACE}?view=table&order=-operation")
    page.wait_for_selector('[data-live-badge][data-state="live"]')
    page.wait_for_selector("text=1 of 1 spans")
    push(board, 2, 1, 10, 60)
    page.wait_for_selector("text=2 of 2 spans")
    assert (
        page.locator("#view-table .table-body .table-row:visible")
        .first.inner_text()
        .startswith("s2")
    )
    page.get_by_role("tab", name="Flame").click()
    page.wait_for_selector('.flame[data-frames="2"]')
    push(board, 3, 1, 100, 60)
    page.wait_for_selector('.flame[data-frames="3"]')
    page.get_by_role("tab", name="Graph").click()
    page.wait_for_selector(".call-card >> text=step 3")
    push(board, 4, 1, 200, 60)
    page.wait_for_selector(".call-card >> text=step 4")
    page.get_by_role("tab", name="Statistics").click()
    page.wait_for_selector("text=4 groups of 4 spans")
    push(board, 5, 4, 210, 10)
    page.wait_for_selector("text=5 groups of 5 spans")
    page.get_by_role("tab", name="Logs").click()
    page.wait_for_selector("text=No span of this trace has logs.")
    # A view that was left shows what has arrived since.
    page.get_by_role("tab", name="Table").click()
    page.wait_for_selector("text=5 of 5 spans")
    assert "order=-operation" in page.url
    assert not faults
    context.close()
