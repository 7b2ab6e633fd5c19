"""The trace page in a real browser: rows, keys, find, hostile values, great size."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=document.title='hacked'> javascript:alert(1) \u202e"


def jaeger_file(path: Path, spans: list[dict[str, Any]], trace_id: str) -> str:
    """A file of one trace with the services a0 to a9."""
    start = int(time.time() * 1e6) - 60_000_000
    for number, span in enumerate(spans):
        span.setdefault("traceID", trace_id)
        span.setdefault("processID", f"p{number % 10}")
        span["startTime"] = start + span.pop("at")
    processes = {f"p{n}": {"serviceName": f"a{n}", "tags": []} for n in range(10)}
    trace = {"traceID": trace_id, "spans": spans, "processes": processes}
    path.write_text(json.dumps({"data": [trace]}))
    return trace_id


def span(
    number: int, parent: int | None, at: int, duration: int, **more: Any
) -> dict[str, Any]:
    references = (
        []
        if parent is None
        else [
            {
                "refType": "CHILD_OF",
                "traceID": more.get("traceID", ""),
                "spanID": f"{parent + 1:016x}",
            }
        ]
    )
    return {
        "spanID": f"{number + 1:016x}",
        "operationName": f"op {number}",
        "references": references,
        "at": at,
        "duration": duration,
        **more,
    }


def tree(count: int, seed: int = 1) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    spans = [span(0, None, 0, 10_000_000)]
    for number in range(1, count):
        parent = chance.randrange(max(0, number - 50), number)
        at = spans[parent]["at"] + chance.randrange(1_000)
        spans.append(span(number, parent, at, max(1, spans[parent]["duration"] // 2)))
    return spans


def skewed() -> list[dict[str, Any]]:
    """A callee whose clock is half a second ahead of its caller's."""
    return [span(0, None, 0, 100_000), span(1, 0, 500_000, 60_000)]


def hour() -> list[dict[str, Any]]:
    """An hour with a call of half a millisecond in it, and 3,000 short ones."""
    spans = [span(0, None, 0, 3_600_000_000), span(1, 0, 1_000_000, 500)]
    spans += [span(n, 0, n * 1_000_000, 900_000) for n in range(2, 3_002)]
    return spans


@pytest.fixture(scope="module")
def board(tmp_path_factory: Any) -> Iterator[RunningSpanboard]:
    """A Spanboard with a few files loaded."""
    folder = tmp_path_factory.mktemp("files")
    tags = [
        {"key": "note", "type": "string", "value": HOSTILE},
        {"key": "page", "type": "string", "value": "https://example.org/x"},
        {"key": "bad", "type": "string", "value": "javascript:alert(1)"},
        {"key": "error", "type": "bool", "value": True},
    ]
    small = tree(40)
    small[5] |= {"operationName": HOSTILE, "tags": tags}
    files = {
        "small": (small, "a" * 31 + "1"),
        "large": (tree(10_000), "a" * 31 + "2"),
        "skewed": (skewed(), "a" * 31 + "4"),
        "hour": (hour(), "a" * 31 + "5"),
        "chain": (
            [span(n, n - 1 if n else None, n, 300_000 - n) for n in range(100_000)],
            "a" * 31 + "3",
        ),
    }
    running = RunningSpanboard("--no-demo")
    running.start()
    running.interrupt()
    for name, (spans, trace_id) in files.items():
        path = folder / f"{name}.json"
        jaeger_file(path, spans, trace_id)
        running.load(path)
    running.start()
    yield running
    running.stop()


def open_trace(
    page: Any, board: RunningSpanboard, number: int, query: str = ""
) -> None:
    page.goto(f"{board.url}/trace/{'a' * 31}{number}{query}")
    page.wait_for_selector("[data-ready]", timeout=60_000)


def test_rows_are_a_treegrid_that_the_keyboard_walks(page: Any, board: Any) -> None:
    open_trace(page, board, 1)
    assert (
        page.locator('.span-row[role="row"]:visible').count() == 40
        or page.locator(".span-row:visible").count() > 20
    )
    first = page.locator(".span-row").first
    assert first.get_attribute("aria-level") == "1"
    first.focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator(".span-row:visible").count() == 1
    assert page.locator(".hidden-count").inner_text() == "+39"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.row") == "1"
    page.keyboard.press("Enter")
    page.wait_for_selector(".panel .figures")
    assert "span=" in page.url
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.dataset.row") == "39"
    page.keyboard.press("Escape")
    assert page.locator(".panel").is_hidden()


def test_find_counts_and_leads_to_matches(page: Any, board: Any) -> None:
    open_trace(page, board, 1)
    page.keyboard.press("Control+b")
    page.keyboard.type("note=javascript")
    page.wait_for_selector("text=1 match")
    page.keyboard.press("Enter")
    assert page.locator(".span-row.match").count() == 1
    assert "uiFind=note" in page.url


def test_hostile_values_are_text_and_only_http_is_a_link(page: Any, board: Any) -> None:
    open_trace(page, board, 1, f"?span={6:016x}")
    page.wait_for_selector(".panel .tags")
    links = page.locator(".panel .tags a").evaluate_all(
        "all => all.map(a => a.getAttribute('href'))"
    )
    assert links == ["https://example.org/x"]
    assert page.locator(".panel img, .span-row img").count() == 0
    assert page.title() != "hacked"
    assert HOSTILE.strip() in page.locator(".panel h2").inner_text() + HOSTILE


def test_ten_thousand_spans_open_and_scroll(page: Any, board: Any) -> None:
    open_trace(page, board, 2)
    assert page.locator(".span-row").count() < 120
    page.locator("[data-grid]").evaluate("e => { e.scrollTop = e.scrollHeight; }")
    page.wait_for_selector("#row-9999")
    page.locator("[data-menu] summary").click()
    page.get_by_role("button", name="Collapse all").click()
    page.get_by_role("button", name="Expand all").click()
    page.locator("[data-grid]").evaluate("e => { e.scrollTop = 0; }")
    page.wait_for_selector("#row-0")


def test_a_chain_of_a_hundred_thousand_levels_opens(page: Any, board: Any) -> None:
    open_trace(page, board, 3)
    page.locator(".span-row").first.focus()
    page.keyboard.press("End")
    page.wait_for_selector("#row-99999")
    assert page.locator("#row-99999").get_attribute("aria-level") == "100000"


def test_folds_of_a_large_trace_are_in_the_address(page: Any, board: Any) -> None:
    open_trace(page, board, 2)
    page.locator("#row-1").focus()
    page.keyboard.press("ArrowLeft")
    shown = page.locator("[data-grid]").get_attribute("aria-rowcount")
    assert "collapsed=10000%401" in page.url
    page.goto(page.url)
    page.wait_for_selector("[data-ready]")
    page.wait_for_selector(".hidden-count")
    assert (
        page.locator("[data-grid]").get_attribute("aria-rowcount") == shown != "10000"
    )
    # Rows of a trace that has grown since are not guessed.
    page.goto(page.url.replace("10000%40", "9999%40"))
    page.wait_for_selector("[data-ready]")
    assert page.locator("[data-grid]").get_attribute("aria-rowcount") == "10000"


def test_an_hour_keeps_its_microseconds(page: Any, board: Any) -> None:
    open_trace(page, board, 5, "?from=1000000&to=1000500")
    assert page.locator("#row-1 .duration").inner_text() == "500\u202fµs"
    assert page.locator("#row-0 .duration").inner_text() == "1\u202fh 00\u202fmin"
    assert page.locator("#row-1 .bar").evaluate("e => e.style.width") == "100%"


def test_a_bar_of_three_thousand_children_shows_where_they_ran(
    page: Any, board: Any
) -> None:
    open_trace(page, board, 5)
    # Nine tenths of each second is a child's: from second 2 to second 3,002.
    painted = page.locator("#row-0 .own").evaluate_all(
        "all => all.map(e => [parseFloat(e.style.left), parseFloat(e.style.width)])"
    )
    inside = sum(w for left, w in painted if 1 < left < 83)
    assert inside < 8
    assert any(left > 83 for left, _ in painted)


def test_the_focused_row_keeps_the_focus_out_of_sight(page: Any, board: Any) -> None:
    open_trace(page, board, 2)
    page.locator("#row-2").focus()
    grid = page.locator("[data-grid]")
    grid.evaluate("e => { e.scrollTop = 100000; }")
    page.wait_for_selector("#row-4166")
    assert page.evaluate("document.activeElement.dataset.row") == "2"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.row") == "3"
    assert page.locator('.span-row[tabindex="0"]:visible').count() == 1


def test_folds_services_and_marks_are_in_the_address(page: Any, board: Any) -> None:
    open_trace(page, board, 1)
    page.locator("#row-0 .caret").click()
    page.get_by_role("button", name="Critical path").click()
    url = page.url
    assert "collapsed=" in url
    assert "critical=0" in url
    page.goto(url)
    page.wait_for_selector("[data-ready]")
    page.wait_for_selector(".hidden-count")
    assert page.locator(".span-row:visible").count() == 1
    assert page.locator("[data-critical]").get_attribute("aria-pressed") == "false"
    open_trace(page, board, 1)
    page.locator('[data-legend="a3"]').click()
    assert "svcFilter=" in page.url
    shown = page.locator(".span-row:visible").count()
    assert shown == 4
    page.goto(page.url)
    page.wait_for_selector("[data-ready]")
    page.wait_for_selector('[data-legend="a3"][aria-pressed="true"]')
    assert page.locator(".span-row:visible").count() == 4
    page.goto(page.url.replace("svcFilter=", "svcFilter=0"))
    page.wait_for_selector(".toast")


def test_a_span_of_a_large_trace_is_found_by_its_id(page: Any, board: Any) -> None:
    open_trace(page, board, 2, f"?span={7_001:016x}")
    page.wait_for_selector(".panel .figures")
    assert page.locator(".panel h2").inner_text() == "op 7000"
    assert f"span={7_001:016x}" in page.url


def test_the_page_without_scripts_has_rows_and_bars(browser: Any, board: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(f"{board.url}/trace/{'a' * 31}1")
    assert plain.locator(".span-row").count() == 40
    widths = plain.locator(".where .segments rect").evaluate_all(
        "all => all.map(r => Number(r.getAttribute('width')))"
    )
    assert 900 < sum(widths) <= 1_000
    context.close()


def test_clock_correction_is_shown_and_can_be_switched_off(
    page: Any, board: Any
) -> None:
    open_trace(page, board, 4)
    bar = page.locator("#row-1 .bar")
    moved = bar.evaluate("e => parseFloat(e.style.left)")
    page.get_by_role("button", name="Clock correction").click()
    raw = bar.evaluate("e => parseFloat(e.style.left)")
    assert moved < 10
    assert raw > 80
    page.locator("#row-1").click()
    page.wait_for_selector(".panel .caution")
    assert "is moved by" in page.locator(".panel .caution").inner_text()
    open_trace(page, board, 1)
    assert page.locator("[data-skew]").is_hidden()


def test_zoom_is_in_the_address_and_the_same_for_who_opens_it(
    page: Any, board: Any
) -> None:
    open_trace(page, board, 1)
    page.get_by_role("button", name="Zoom in").click()
    page.wait_for_url("**from=**")
    url = page.url
    shown = page.locator("[data-window]").inner_text()
    page.goto(url)
    page.wait_for_selector("[data-ready]")
    assert page.locator("[data-window]").inner_text() == shown
