"""The compare page in a real browser: keys, folding, links, axe; against a real Jaeger."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.demo.traffic import send
from tests.peers.axe import source, violations
from tests.peers.need import until
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser
SLOW = 90_000


def trace(number: int, slow: bool) -> dict[str, Any]:
    """web → reviews → ratings; slow ones by reviews v2 on ratings."""
    trace_id = f"{number + 1:032x}"
    start = int(time.time() * 1e6) - 120_000_000 + number * 1_000
    long = SLOW if slow else 4_000 + number
    version = "v2" if slow else "v1"
    spans = []
    for place, duration in enumerate((long + 400, long + 200, long)):
        refs = [{"refType": "CHILD_OF", "traceID": trace_id, "spanID": f"{place:016x}"}]
        spans.append(
            {
                "traceID": trace_id,
                "spanID": f"{place + 1:016x}",
                "operationName": f"op <b>{place}</b>",
                "references": refs if place else [],
                "startTime": start + place * 100,
                "duration": duration,
                "processID": f"p{place}",
                "tags": [{"key": "n", "type": "int64", "value": number}],
            }
        )
    processes = {
        f"p{place}": {
            "serviceName": name,
            "tags": [
                {
                    "key": "service.version",
                    "type": "string",
                    "value": version if name == "reviews" else "v1",
                }
            ],
        }
        for place, name in enumerate(("web", "reviews", "ratings"))
    }
    return {"traceID": trace_id, "spans": spans, "processes": processes}


@pytest.fixture(scope="module")
def board(tmp_path_factory: Any) -> Iterator[RunningSpanboard]:
    """A Spanboard with 20 fast and 20 slow traces."""
    source()
    path = Path(tmp_path_factory.mktemp("shop")) / "shop.json"
    path.write_text(json.dumps({"data": [trace(n, n >= 20) for n in range(40)]}))
    running = RunningSpanboard("--no-demo")
    running.start()
    running.interrupt()
    running.load(path)
    running.start()
    yield running
    running.stop()


PAIR = f"/trace/{1:032x}...{30:032x}"
GROUPS = "/compare?preset=version&service=reviews&base_version=v1&version=v2"


def test_the_tree_is_walked_and_folded_by_keys(page: Any, board: Any) -> None:
    page.goto(f"{board.url}{PAIR}")
    rows = page.locator("tr[aria-level]")
    assert rows.count() == 3
    assert page.locator('tr[tabindex="0"]').count() == 1
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.ariaLevel") == "2"
    page.keyboard.press("ArrowLeft")
    assert rows.nth(1).get_attribute("aria-expanded") == "false"
    assert rows.nth(2).is_hidden()
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.ariaLevel") == "2"
    page.keyboard.press("ArrowRight")
    assert rows.nth(2).is_visible()
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.ariaLevel") == "1"


def test_rows_are_indented_by_level(page: Any, board: Any) -> None:
    page.goto(f"{board.url}{PAIR}")
    left = page.eval_on_selector_all(
        "tr[aria-level] .chip", "all => all.map(one => one.getBoundingClientRect().x)"
    )
    assert left[0] < left[1] < left[2]


def test_only_what_differs_is_kept_in_the_address(page: Any, board: Any) -> None:
    page.goto(f"{board.url}{PAIR}?view=table")
    everything = page.locator(".compare-row:visible").count()
    page.click("[data-only]")
    assert 0 < page.locator(".compare-row:visible").count() < everything
    page.reload()
    assert page.locator("[data-only]").get_attribute("aria-pressed") == "true"
    assert 0 < page.locator(".compare-row:visible").count() < everything


def test_a_form_leads_to_groups_with_fixed_times(page: Any, board: Any) -> None:
    page.goto(f"{board.url}/compare")
    page.select_option("[name=preset]", "version")
    page.fill("[name=service]", "reviews")
    page.fill("[name=base_version]", "v1")
    page.fill("[name=version]", "v2")
    page.click(".button.primary")
    page.wait_for_selector("[data-sentences]")
    assert "lookback" not in page.url
    words = page.inner_text("[data-sentences]").replace("\u202f", " ")
    assert "reviews v2 waits 86.0 ms longer for ratings v1" in words
    assert "100 % of the difference" in words


def test_from_a_trace_to_the_fastest_of_its_shape(page: Any, board: Any) -> None:
    page.goto(f"{board.url}/trace/{30:032x}")
    page.click("[data-compare-menu] summary")
    page.click("[data-compare-menu] a >> nth=0")
    page.wait_for_selector("[data-sentences]")
    assert f"{1:032x}...{30:032x}" in page.url
    page.goto(f"{board.url}/trace/{30:032x}/alike")
    page.click("tbody .button >> nth=0")
    page.wait_for_selector("[data-sentences]")


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
    slow = "/compare?preset=slow&service=web"
    for address in (PAIR, f"{PAIR}?view=table", GROUPS, slow, "/compare"):
        page.goto(f"{board.url}{address}")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if problems := violations(page):
            found[address] = problems
    context.close()
    assert not found


@pytest.mark.jaeger
def test_traces_of_a_real_jaeger_are_compared(
    page: Any, jaeger: Any, spanboard: Any
) -> None:
    send(jaeger.otlp, 120, seed=11)  # a tenth of them is enough to be judged
    board = spanboard("--jaeger", jaeger.url, "--no-demo")

    def pulled() -> list[dict[str, Any]]:
        query = {"service": "productpage", "limit": 200}
        found = httpx.get(f"{board.url}/api/traces", params=query).json()["data"]
        return found if len(found) == 120 else []

    until(pulled, "120 pulled traces", 90)
    found = sorted(pulled(), key=lambda one: max(s["duration"] for s in one["spans"]))
    ids = [found[0]["traceID"], found[-1]["traceID"]]
    page.goto(f"{board.url}/trace/{ids[0]}...{ids[1]}")
    words = page.inner_text("[data-sentences]").replace("\u202f", " ")
    assert "longer than A" in words
    spans = {s["operationName"] for one in (found[0], found[-1]) for s in one["spans"]}
    shown = page.locator("tr[aria-level] .operation").all_inner_texts()
    assert {one.strip() for one in shown} == {one.strip() for one in spans}
    page.goto(f"{board.url}/compare?preset=slow&service=productpage&lookback=1d")
    assert "longer than those of A" in page.inner_text("[data-sentences]")
