"""Values that want to harm: markup, scripts, 5 MB, 5,000 tags, other directions of text."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser
TRACE = "d" * 32
MARKUP = "<img src=x onerror=document.title='hacked'>"
LONG = "a" * 5_000_000
NAMES = [
    MARKUP,
    "javascript:alert(1)",
    "\u202eevil\u202c",
    "a" * 3_000,
    "{{7*7}}",
    "</script><script>document.title='hacked'</script>",
    "\x00nul",
    "😀" * 50,
    "%{text}<b>x",
]


def hostile_file(path: Path) -> None:
    """40 spans; the fourth has 5,000 tags, the fifth one of 5 MB."""
    start = int(time.time() * 1e6) - 60_000_000
    spans = []
    for number in range(40):
        tags = [
            {"key": NAMES[i % 9][:200], "type": "string", "value": NAMES[i % 3]}
            for i in range(12)
        ]
        if number == 3:
            tags = [
                {"key": f"key.{i}", "type": "string", "value": f"value {i}"}
                for i in range(5_000)
            ]
        if number == 4:
            tags.append({"key": "big", "type": "string", "value": LONG})
        spans.append(
            {
                "traceID": TRACE,
                "spanID": f"{number + 1:016x}",
                "operationName": NAMES[number % 9],
                "references": [
                    {
                        "refType": "CHILD_OF",
                        "traceID": TRACE,
                        "spanID": f"{max(1, number // 2):016x}",
                    }
                ]
                if number
                else [],
                "startTime": start + number * 100,
                "duration": 100_000 - number * 1_000,
                "processID": f"p{number % 9}",
                "tags": tags,
                "logs": [],
            }
        )
    processes = {
        f"p{i}": {"serviceName": name[:200], "tags": []} for i, name in enumerate(NAMES)
    }
    trace = {"traceID": TRACE, "spans": spans, "processes": processes}
    path.write_text(json.dumps({"data": [trace]}))


@pytest.fixture(scope="module")
def board(tmp_path_factory: Any) -> Iterator[RunningSpanboard]:
    """A Spanboard that holds the hostile trace."""
    path = tmp_path_factory.mktemp("hostile") / "hostile.json"
    hostile_file(path)
    running = RunningSpanboard("--no-demo")
    running.start()
    running.interrupt()
    running.load(path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def page(browser: Any, board: RunningSpanboard) -> Iterator[Any]:
    """The trace, open; any script error or dialog fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    made = context.new_page()
    faults: list[str] = []
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
    made.goto(f"{board.url}/trace/{TRACE}")
    made.wait_for_selector("[data-ready]")
    yield made
    assert made.title() != "hacked"
    context.close()
    assert not faults


@pytest.mark.parametrize(
    "view", ["waterfall", "flame", "statistics", "table", "graph", "logs"]
)
def test_every_view_shows_text_and_keeps_its_width(
    page: Any, board: RunningSpanboard, view: str
) -> None:
    page.goto(f"{board.url}/trace/{TRACE}?view={view}&span={6:016x}")
    page.wait_for_selector(".panel .figures")
    if view != "waterfall":
        page.wait_for_selector(".view:not([hidden])[data-shown]", state="attached")
    assert page.locator("main img, main b > b").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
    # The buttons of the panel are within it, however long the names are.
    panel = page.locator(".panel").bounding_box()
    close = page.locator(".panel header button").last.bounding_box()
    assert close["x"] + close["width"] <= panel["x"] + panel["width"]
    links = page.locator("main a[href]").evaluate_all("all => all.map(a => a.protocol)")
    assert set(links) <= {"http:", "https:"}


def test_5000_tags_come_in_pages_and_can_be_filtered(
    page: Any, board: RunningSpanboard
) -> None:
    page.goto(f"{board.url}/trace/{TRACE}?span={4:016x}")
    page.wait_for_selector(".panel .figures")
    assert page.locator(".panel .tag").count() == 500
    page.get_by_role("button", name="Show 500 more of 5,000").click()
    page.wait_for_selector(".panel .tag >> nth=999")
    page.locator(".panel .tag-filter").fill("value 777")
    assert page.locator(".panel .tag:visible").count() == 1


def test_5_megabytes_are_cut_and_come_on_demand(
    page: Any, board: RunningSpanboard
) -> None:
    page.goto(f"{board.url}/trace/{TRACE}?span={5:016x}")
    page.wait_for_selector(".panel .figures")
    big = page.locator(".panel .tag", has_text="big").last
    shown = len(big.locator(".tag-value").inner_text())
    assert shown <= 20_000
    big.get_by_role("button", name="more characters").click()
    page.wait_for_function(
        "length => [...document.querySelectorAll('.panel .tag-value')]"
        ".some(value => value.textContent.length > length)",
        arg=shown,
    )
