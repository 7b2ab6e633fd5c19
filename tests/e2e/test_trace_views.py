"""The views of a trace in a real browser: by mouse, by keyboard, by address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.test_trace_page import HOSTILE, jaeger_file, span, tree
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser
SMALL, LARGE, CHAIN, CALLS, GREAT = ("b" * 31 + n for n in "12345")


def small() -> list[dict[str, Any]]:
    """Forty spans; number 5 is hostile and failed, numbers 5 and 7 have a tag."""
    spans = tree(40)
    tag = {"key": "note", "type": "string", "value": HOSTILE}
    spans[5] |= {
        "operationName": HOSTILE,
        "tags": [tag, {"key": "error", "type": "bool", "value": True}],
    }
    spans[7] |= {"tags": [tag]}
    spans[8] |= {"operationName": "op 9", "processID": "p9"}
    return spans


def with_logs(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One log on each third span."""
    for number in range(0, len(spans), 3):
        fields = [
            {"key": "event", "type": "string", "value": f"event {number}"},
            {"key": "text", "type": "string", "value": HOSTILE},
        ]
        at = spans[number]["at"] + 5
        spans[number]["logs"] = [{"timestamp": at, "fields": fields}]
    return spans


def calls() -> list[dict[str, Any]]:
    """A root with thirty equal calls, of which one failed."""
    spans = [span(0, None, 0, 100_000)]
    for number in range(1, 31):
        one = span(number, 0, number * 3_000, 2_000)
        spans.append(one | {"operationName": "query", "processID": "p1"})
    spans[9] |= {"tags": [{"key": "error", "type": "bool", "value": True}]}
    return spans


def great() -> list[dict[str, Any]]:
    """Names, values and logs far beyond any screen, from right to left."""
    name = "\u202e\u0627\u0644\u0639" * 5_000
    tags = [{"key": "text", "type": "string", "value": name * 20}]
    tags += [{"key": f"k{n}", "type": "string", "value": "v"} for n in range(3_000)]
    spans = [span(0, None, 0, 100_000), span(1, 0, 10, 50_000), span(2, 0, 20, 500)]
    for one in spans:
        one |= {"operationName": name, "tags": tags}
        one["logs"] = [{"timestamp": one["at"], "fields": tags[:50]}]
    return spans


@pytest.fixture(scope="module")
def board(tmp_path_factory: Any) -> Iterator[RunningSpanboard]:
    """A Spanboard with a small, a large and a deep trace."""
    folder = tmp_path_factory.mktemp("files")
    chain = [span(n, n - 1 if n else None, n, 300_000 - n) for n in range(100_000)]
    files = {
        SMALL: with_logs(small()),
        LARGE: with_logs(tree(20_000)),
        CHAIN: chain,
        CALLS: calls(),
        GREAT: great(),
    }
    running = RunningSpanboard("--no-demo")
    running.start()
    running.interrupt()
    for trace_id, spans in files.items():
        path = folder / f"{trace_id}.json"
        jaeger_file(path, spans, trace_id)
        running.load(path)
    running.start()
    yield running
    running.stop()


def open_view(page: Any, board: Any, trace_id: str, view: str, more: str = "") -> None:
    page.goto(f"{board.url}/trace/{trace_id}?view={view}{more}")
    page.wait_for_selector(f"#view-{view}[data-shown]", timeout=60_000)


def cells(page: Any, view: str, column: int) -> list[str]:
    """Texts of one column, in the order in which the rows are seen."""
    found: list[list[str]] = page.locator(
        f"#view-{view} .table-body .table-row:visible"
    ).evaluate_all(
        "(all, column) => all.map(r => [r.dataset.index, r.children[column].innerText])",
        column,
    )
    return [text for _, text in sorted(found, key=lambda pair: int(pair[0]))]


def sort_by(page: Any, view: str, name: str) -> None:
    page.locator(f"#view-{view} .table-head").get_by_role(
        "button", name=name, exact=True
    ).click()


def test_tabs_change_the_view_by_keys_and_back_leads_back(
    page: Any, board: Any
) -> None:
    page.goto(f"{board.url}/trace/{SMALL}")
    page.wait_for_selector("[data-ready]")
    first = page.get_by_role("tab", name="Timeline")
    first.focus()
    page.keyboard.press("End")
    page.wait_for_selector("#view-logs[data-shown]")
    assert "view=logs" in page.url
    assert page.locator(".timeline").is_hidden()
    assert page.locator('[role="tab"][tabindex="0"]').all_inner_texts() == ["Logs"]
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".timeline:visible")
    assert "view=" not in page.url
    page.go_back()
    page.wait_for_selector("#view-logs:visible")
    page.go_back()
    page.wait_for_selector(".timeline:visible")
    page.go_forward()
    page.wait_for_selector("#view-logs:visible")
    assert page.get_by_role("tab", name="Logs").get_attribute("aria-selected") == "true"


def test_a_phone_chooses_the_view_from_a_list(browser: Any, board: Any) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{board.url}/trace/{LARGE}")
    page.wait_for_selector("[data-ready]")
    assert page.locator("[data-views]").is_hidden()
    page.locator("[data-view-select]").select_option("table")
    page.wait_for_selector("#view-table[data-shown]")
    assert page.locator("#view-table .table-row").count() < 60
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_the_table_filters_sorts_and_keeps_both_in_the_address(
    page: Any, board: Any
) -> None:
    open_view(page, board, SMALL, "table")
    count = page.locator("#view-table [data-count]")
    assert count.inner_text() == "40 of 40 spans"
    page.get_by_label("Service", exact=True).select_option("a3")
    assert count.inner_text() == "4 of 40 spans"
    assert set(cells(page, "table", 0)) == {"a3"}
    # The root alone works at the end, so it has most of the path.
    page.get_by_label("Service", exact=True).select_option("a0")
    sort_by(page, "table", "Critical path")
    assert cells(page, "table", 1)[0] == "op 0"
    assert cells(page, "table", 4)[0] == "5.00\u202fs"
    page.get_by_label("Service", exact=True).select_option("a3")
    sort_by(page, "table", "Operation")
    assert cells(page, "table", 1) == ["op 13", "op 23", "op 3", "op 33"]
    sort_by(page, "table", "Operation")
    assert "order=-operation" in page.url
    assert (
        page.locator("#view-table [data-column=operation]").get_attribute("aria-sort")
        == "descending"
    )
    url = page.url
    page.goto("about:blank")
    page.goto(url)
    page.wait_for_selector("#view-table[data-shown]")
    assert cells(page, "table", 1) == ["op 33", "op 3", "op 23", "op 13"]
    assert "service=a3" in str(
        page.get_by_role("link", name="CSV").get_attribute("href")
    )


def test_the_table_finds_tags_and_failed_spans_and_nothing(
    page: Any, board: Any
) -> None:
    open_view(page, board, SMALL, "table")
    page.get_by_label("Failed only").check()
    page.wait_for_selector("text=1 of 40 spans")
    assert cells(page, "table", 1)[0].startswith("<img src=x")
    assert page.locator("#view-table img").count() == 0
    page.get_by_label("Failed only").uncheck()
    page.get_by_label("Filter by text").fill("note=javascript:alert")
    page.wait_for_selector("text=2 of 40 spans")
    page.get_by_label("Filter by text").fill("zzzz")
    page.wait_for_selector("text=No span passes the filter.")
    page.get_by_role("button", name="Clear the filter").click()
    page.wait_for_selector("text=40 of 40 spans")


def test_the_table_is_walked_and_opened_by_keys(page: Any, board: Any) -> None:
    open_view(page, board, LARGE, "table")
    assert page.locator("#view-table .table-row").count() < 80
    table = page.get_by_role("grid", name="Spans of the trace")
    table.focus()
    page.keyboard.press("End")
    page.wait_for_selector("#view-table [data-index='19999']")
    assert str(table.get_attribute("aria-activedescendant")).endswith("-19999")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector(".panel .figures")
    page.wait_for_selector("#view-table .chosen[data-index='1']")
    assert "span=" in page.url
    page.keyboard.press("Escape")
    assert page.locator("#view-table .chosen").count() == 0
    assert page.locator(".panel").is_hidden()
    assert page.evaluate("document.activeElement.getAttribute('role')") == "grid"
    page.keyboard.press("t")
    page.wait_for_selector(".timeline:visible")
    assert page.evaluate("document.activeElement.dataset.row") == "1"


def test_matches_of_a_find_are_marked_in_the_table(page: Any, board: Any) -> None:
    open_view(page, board, SMALL, "table", "&uiFind=note%3Djavascript")
    page.wait_for_selector("#view-table .table-row.match")
    assert page.locator("#view-table .table-row.match:visible").count() == 2


def test_logs_are_sorted_filtered_and_lead_to_their_span(page: Any, board: Any) -> None:
    open_view(page, board, SMALL, "logs")
    assert page.locator("#view-logs [data-count]").inner_text() == "14 logs"
    assert page.locator("#view-logs img").count() == 0
    times = cells(page, "logs", 0)
    sort_by(page, "logs", "Time")
    assert cells(page, "logs", 0) == times[::-1]
    page.get_by_label("Filter by service or text").fill("event 12")
    page.wait_for_selector("text=1 logs")
    assert cells(page, "logs", 3) == ["event 12"]
    page.get_by_role("grid", name="Logs of all spans").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".panel .figures")
    assert page.locator(".panel h2").inner_text() == "op 12"
    assert "q=event+12" in page.url


def test_a_trace_without_logs_says_so(page: Any, board: Any) -> None:
    open_view(page, board, CHAIN, "logs")
    page.wait_for_selector("text=No span of this trace has logs.")


def test_statistics_group_sort_and_open_their_spans(page: Any, board: Any) -> None:
    open_view(page, board, SMALL, "statistics")
    assert page.locator("#view-statistics [data-count]").inner_text() == (
        "10 groups of 40 spans"
    )
    assert set(cells(page, "statistics", 1)) == {"4", "3", "5"}
    own = page.locator("#view-statistics [data-column=self]")
    assert own.get_attribute("aria-sort") == "descending"
    for column in ("Calls", "Failed", "Total", "Mean", "Most", "p50", "p95", "p99"):
        sort_by(page, "statistics", column)
        assert (
            page.locator("#view-statistics [aria-sort=descending]").inner_text()
            == column
        )
    sort_by(page, "statistics", "Failed")
    assert cells(page, "statistics", 0)[0] == "a5"
    page.get_by_label("then by").last.select_option("operation")
    page.wait_for_selector("#view-statistics .inner")
    table = page.get_by_role("treegrid", name="Statistics of the spans")
    table.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    assert page.locator('#view-statistics [aria-expanded="false"]').count() == 1
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=1 of 40 spans")
    assert "svc=a5" in page.url
    page.go_back()
    page.wait_for_selector("#view-statistics:visible")
    assert "then=operation" in page.url


def test_statistics_by_a_tag_open_exactly_its_spans(page: Any, board: Any) -> None:
    open_view(page, board, SMALL, "statistics", "&by=note")
    assert page.locator("#view-statistics img").count() == 0
    names = cells(page, "statistics", 0)
    assert sorted(name[:12] for name in names) == ["<img src=x o", "without note"]
    page.locator("#view-statistics .table-row", has_text="<img").click()
    page.wait_for_selector("text=2 of 40 spans")
    page.get_by_role("button", name="Clear the filter").click()
    page.wait_for_selector("text=40 of 40 spans")


def test_an_unknown_key_of_statistics_is_told(browser: Any, board: Any) -> None:
    # The browser itself tells a 400 on the console, so the page is another one.
    page = browser.new_page()
    open_view(page, board, SMALL, "statistics", "&by=nothing")
    page.wait_for_selector("text=has the tag nothing")
    page.close()


@pytest.mark.parametrize("width", [1440, 390])
def test_great_values_break_no_view(browser: Any, board: Any, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    for view in ("flame", "statistics", "table", "graph", "logs"):
        more = "&by=text&then=operation" if view == "statistics" else ""
        open_view(page, board, GREAT, view, more)
        assert page.locator(".view-state.failed").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        heights = page.locator(".table-body .table-row:visible").evaluate_all(
            "all => all.map(e => e.offsetHeight)"
        )
        assert set(heights) <= {28, 40}
        # Each cell stands below its head, whatever it holds.
        edges = page.locator(f"#view-{view} .table-row:visible").evaluate_all(
            "all => all.map(r => [...r.children].map(c => c.offsetLeft).join())"
        )
        assert len(set(edges)) <= 1
    assert not faults
    context.close()
