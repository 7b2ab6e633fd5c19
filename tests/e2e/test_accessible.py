"""No page shuts people out: axe-core on every view, in both themes, at two widths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.peers.axe import source, violations
from tests.peers.rich import TRACE_ID, rich_file
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser
TRACE = f"/trace/{TRACE_ID}"
PAGES = {
    "search": "/search",
    "trace": TRACE,
    "pairs and details": f"{TRACE}?pairs=1&span={312:016x}",
    "details below": f"{TRACE}?detail=inline&span={10:016x}",
    "find": f"{TRACE}?uiFind=mysql&only=1",
    "flame": f"{TRACE}?view=flame",
    "statistics": f"{TRACE}?view=statistics",
    "table": f"{TRACE}?view=table",
    "call graph": f"{TRACE}?view=graph",
    "call graph as table": f"{TRACE}?view=graph&at=table",
    "logs": f"{TRACE}?view=logs",
    "shares": "/shares",
    "sources": "/sources",
}


@pytest.fixture(scope="module")
def board(tmp_path_factory: Any) -> Iterator[RunningSpanboard]:
    """A Spanboard that holds one trace."""
    source()
    path = tmp_path_factory.mktemp("rich") / "rich.json"
    rich_file(path)
    running = RunningSpanboard("--no-demo")
    running.start()
    running.interrupt()
    running.load(path)
    running.start()
    yield running
    running.stop()


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1440), ("dark", 1440), ("light", 390)]
)
def test_axe_finds_nothing_serious(
    browser: Any, board: Any, scheme: str, width: int
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    page = context.new_page()
    found = {}
    for name, address in PAGES.items():
        page.goto(f"{board.url}{address}")
        if address.startswith("/trace"):
            page.wait_for_selector("[data-ready]")
        if "span=" in address:
            page.wait_for_selector(".figures")
        if "view=" in address:
            page.wait_for_selector(".view:not([hidden])[data-shown]", state="attached")
        page.wait_for_load_state("networkidle")
        problems = violations(page)
        if problems:
            found[name] = problems
    context.close()
    assert not found, "\n".join(
        f"{name}: {line}" for name, lines in found.items() for line in lines
    )


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_serious_on_the_way_of_a_share(
    browser: Any, board: Any, scheme: str, width: int
) -> None:
    """The dialog, its proof, its result, the list, and what the link opens."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"{board.url}{TRACE}")
    page.wait_for_selector("[data-ready]")
    found = {}

    def look(name: str) -> None:
        page.wait_for_load_state("networkidle")
        found[name] = violations(page)

    page.locator("button[data-share]").first.click()
    dialog = page.locator("[data-share-dialog][open]")
    dialog.wait_for()
    page.wait_for_selector("[data-share-table]:not([hidden]), [data-share-rules] li")
    look("dialog")
    dialog.get_by_text("Anyone with the link").click()
    dialog.locator("button[type=submit], [data-share-make]").first.click()
    page.wait_for_selector("[data-share-result]:not([hidden])")
    look("link")
    url = page.locator("[data-share-url]").input_value()
    page.goto(f"{board.url}/shares")
    page.wait_for_selector(".share-row")
    look("list")
    page.goto(board.url + "/s/" + url.rsplit("/s/")[-1])
    page.wait_for_selector("[data-ready]")
    look("shared page")
    page.goto(f"{board.url}/s/no-such-token")
    look("no such link")
    context.close()
    lines = [f"{name}: {line}" for name, told in found.items() for line in told]
    assert not lines, "\n".join(lines)


def test_names_stay_whole_in_the_graphs_table_on_a_phone(
    browser: Any, board: Any
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{board.url}/graph?view=table")
    page.wait_for_selector("[data-edges] tr")
    sizes = page.evaluate(
        """() => {
          const twin = document.querySelector(".twin");
          const cells = [...document.querySelectorAll("[data-edges] td:nth-child(-n+2)")];
          const lines = (cell) => {
            const range = document.createRange();
            range.selectNodeContents(cell);
            return new Set([...range.getClientRects()].map((r) => r.top)).size;
          };
          return {
            wider: twin.scrollWidth - twin.clientWidth,
            names: cells.map((c) => [c.textContent, lines(c)]),
          };
        }"""
    )
    context.close()
    assert sizes["wider"] <= 0
    assert ["productpage", 1] in sizes["names"]
    assert [n for n, lines in sizes["names"] if lines > 1 and len(n) < 14] == []
