"""A trace that arrives in pieces grows on the open page and keeps its state."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from tests.e2e.test_live import HIDE, LIVE

TRACE = "c0ffee" + "0" * 26


def push(board: Any, number: int, parent: int, start_ms: int, duration_ms: int) -> None:
    """One span by OTLP JSON."""
    began = int(time.time() * 1e9) - 2_000_000_000 + start_ms * 1_000_000
    span = {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": f"step {number}",
        "kind": 2,
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(began + duration_ms * 1_000_000),
    }
    resource = {
        "attributes": [{"key": "service.name", "value": {"stringValue": f"s{number}"}}]
    }
    body = {
        "resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]
    }
    assert httpx.post(f"{board.url}/v1/traces", json=body).status_code == 200


@pytest.mark.browser
def test_rows_arrive_while_the_request_runs(browser: Any, spanboard: Any) -> None:
    board = spanboard("--no-demo", SPANBOARD_GROWING_SECONDS="4")
    push(board, 3, 2, 20, 30)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{board.url}/trace/{TRACE}")
    page.wait_for_selector('[data-live-badge][data-state="live"]')
    assert "Growing" in page.locator("[data-growth]").inner_text()
    assert "wait for a caller" in page.locator(".sentences").inner_text()
    # The caller that has not arrived has a row of its own above what it called.
    absent = page.locator(".span-row.missing")
    assert "still open" in absent.inner_text()
    assert page.locator("#row-0").get_attribute("aria-level") == "2"
    assert page.locator("[data-waiting]").is_visible()
    page.locator("#row-0").click()
    page.wait_for_selector(".panel .figures")
    page.locator("[data-find-input]").fill('"step 3"')
    page.wait_for_selector(".span-row.match")
    push(board, 2, 1, 10, 60)
    page.wait_for_selector('[data-ready="2"]')
    push(board, 1, 0, 0, 100)
    page.wait_for_selector('[data-ready="3"]')
    # What is said of the trace and what is found in it grow with it.
    page.wait_for_selector(".span-row.match >> text=step 3")
    assert page.locator(".span-row.match").count() == 1
    page.wait_for_selector("[data-facts] >> text=3 spans")
    assert "wait for a caller" not in page.locator(".sentences").inner_text()
    assert "s1 step 1" in page.locator("h1").inner_text()
    assert page.locator("[data-legend]").count() == 3
    assert absent.count() == 0
    shown = page.locator(".span-row:visible .operation").all_inner_texts()
    assert shown == ["step 1", "step 2", "step 3"]
    # The chosen span is still chosen, though its row has moved.
    assert (
        page.locator('.span-row[aria-selected="true"] .operation').inner_text()
        == "step 3"
    )
    other = context.new_page()
    other.goto(f"{board.url}/trace/{TRACE}")
    other.wait_for_selector(LIVE)
    # Out of view it is told nothing; seen again it knows.
    page.evaluate(HIDE, True)
    other.wait_for_selector("[data-growth]:not(.ok)", timeout=15_000)
    assert page.locator("[data-growth]").inner_text() == "Growing"
    page.evaluate(HIDE, False)
    page.wait_for_selector("[data-growth]:not(.ok)")
    assert page.locator("[data-growth]").inner_text() == "Complete"
    assert not faults
    context.close()
