"""The export menu in a real browser: by keys, and what comes out of it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.e2e.test_trace_views import CHAIN, LARGE, SMALL, board

pytestmark = pytest.mark.browser
__all__ = ["board"]
SVG = "{http://www.w3.org/2000/svg}"


def opened(page: Any, board: Any, trace_id: str, more: str = "") -> None:
    page.goto(f"{board.url}/trace/{trace_id}{more}")
    page.wait_for_selector("[data-ready]", timeout=60_000)


def chosen(page: Any, name: str, path: Path) -> bytes:
    """Choose from the menu and give the file."""
    page.locator("[data-export] summary").click()
    with page.expect_download() as download:
        page.locator("[data-export] .menu-list").get_by_text(name).click()
    download.value.save_as(path)
    return path.read_bytes()


def test_the_menu_is_walked_by_keys(page: Any, board: Any) -> None:
    opened(page, board, SMALL)
    opener = page.locator("[data-export] summary")
    opener.focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent").startswith("HTML file")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.textContent").startswith("All rows")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == "Jaeger JSON"
    page.keyboard.press("Escape")
    assert page.locator("[data-export] .menu-list").is_hidden()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_rows_in_view_become_an_svg(page: Any, board: Any, tmp_path: Path) -> None:
    opened(page, board, SMALL, "?from=0&to=5000000")
    body = chosen(page, "What is seen as SVG", tmp_path / "rows.svg")
    root = ElementTree.fromstring(body)
    assert root.tag == f"{SVG}svg"
    assert {one.tag for one in root.iter()} <= {
        f"{SVG}{name}"
        for name in ("svg", "rect", "text", "path", "clipPath", "pattern")
    }
    texts = [one.text or "" for one in root.iter(f"{SVG}text")]
    assert any(text.startswith("<img src=x") for text in texts)
    assert any("from 0\u202fns to 5.00\u202fs" in text for text in texts)
    width = float(root.attrib["width"])
    for rect in root.iter(f"{SVG}rect"):
        if "clip-path" in rect.attrib:
            assert -width < float(rect.attrib["x"]) < 2 * width


def test_all_rows_become_an_svg_up_to_a_told_number(
    page: Any, board: Any, tmp_path: Path
) -> None:
    opened(page, board, LARGE)
    body = chosen(page, "All rows as SVG", tmp_path / "all.svg")
    page.wait_for_selector(".toast")
    assert "1,000 of 20,000" in page.locator(".toast").inner_text()
    root = ElementTree.fromstring(body)
    assert float(root.attrib["height"]) > 1_000 * 24
    assert page.locator(".span-row").count() < 120


def test_rows_become_a_png_also_from_another_view(
    page: Any, board: Any, tmp_path: Path
) -> None:
    opened(page, board, CHAIN, "?view=table")
    page.wait_for_selector("#view-table[data-shown]")
    body = chosen(page, "What is seen as PNG", tmp_path / "rows.png")
    assert body.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", body[16:24])
    assert width == 2 * 1_240
    assert height > 500


@pytest.mark.parametrize("view", ["flame", "graph"])
def test_the_picture_of_a_view_is_an_svg_and_a_png(
    page: Any, board: Any, tmp_path: Path, view: str
) -> None:
    opened(page, board, SMALL, f"?view={view}&mode={'time' if view == 'graph' else ''}")
    page.wait_for_selector(f"#view-{view}[data-shown]")
    root = ElementTree.fromstring(
        chosen(page, "What is seen as SVG", tmp_path / "view.svg")
    )
    texts = [one.text or "" for one in root.iter(f"{SVG}text")]
    assert any("op 0" in text for text in texts)
    # A narrow frame has no room for its name.
    assert view == "flame" or any("<img src=x" in text for text in texts)
    assert not {"image", "script", "style"} & {
        one.tag[len(SVG) :] for one in root.iter()
    }
    assert len(list(root.iter(f"{SVG}rect"))) > 40
    assert chosen(page, "What is seen as PNG", tmp_path / "view.png")[1:4] == b"PNG"


def test_the_html_file_opens_from_disk_without_a_network(
    page: Any, browser: Any, board: Any, tmp_path: Path
) -> None:
    opened(page, board, SMALL)
    chosen(page, "HTML file", tmp_path / "trace.html")
    context = browser.new_context(offline=True)
    alone = context.new_page()
    asked: list[str] = []
    told: list[str] = []
    alone.on("request", lambda request: asked.append(request.url))
    alone.on("console", lambda message: told.append(message.text))
    alone.goto(f"file://{tmp_path}/trace.html")
    assert alone.locator("details.row").count() == 40
    row = alone.locator(
        "details.row", has=alone.locator(".name", has_text="<img src=x")
    )
    row.locator("summary").press("Enter")
    assert "javascript:alert(1)" in row.locator("dl").first.inner_text()
    assert alone.locator("img").count() == 0
    assert alone.title() != "hacked"
    assert len(asked) == 1
    assert told == []
    bar = alone.locator("svg.bar rect").first
    assert bar.evaluate("e => getComputedStyle(e).fill") != "rgb(0, 0, 0)"
    context.close()


def test_the_chosen_span_opens_raw(page: Any, board: Any) -> None:
    opened(page, board, SMALL)
    page.locator("#row-1").click()
    page.wait_for_selector(".panel .figures")
    page.locator("[data-export] summary").click()
    link = page.get_by_role("link", name="The chosen span as received")
    answer = page.request.get(board.url + str(link.get_attribute("href")))
    assert answer.json()["operationName"] == page.locator(".panel h2").inner_text()


def test_a_share_has_the_views_and_the_exports(page: Any, board: Any) -> None:
    opened(page, board, SMALL)
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_role("button", name="Create snapshot and copy link").click()
    page.wait_for_selector("[data-share-result]:not([hidden])")
    link = page.locator("[data-share-url]").input_value()
    for view in ("flame", "statistics", "table", "graph", "logs"):
        page.goto(f"{link}?view={view}")
        page.wait_for_selector(f"#view-{view}[data-shown]")
        assert page.locator(".view-state.failed").count() == 0
    page.locator("[data-export] summary").click()
    names = page.locator("[data-export] .menu-list a:visible").all_inner_texts()
    assert len(names) == 6
    assert names[1].startswith("Snapshot file")
    href = page.get_by_role("link", name="Zipkin v2 JSON").get_attribute("href")
    assert page.request.get(board.url + str(href)).status == 200
