"""The flame graph and the graph of a trace in a real browser."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.test_trace_views import (
    CALLS,
    CHAIN,
    LARGE,
    SMALL,
    board,
    cells,
    open_view,
)

pytestmark = pytest.mark.browser
__all__ = ["board"]


def focused_frame(page: Any) -> str:
    """What the screen is told of the frame that has the focus."""
    found: str = page.evaluate(
        "document.getElementById(document.querySelector('.flame')"
        ".getAttribute('aria-activedescendant')).textContent"
    )
    return found


def test_the_flame_graph_is_walked_and_zoomed_by_keys(page: Any, board: Any) -> None:
    open_view(page, board, SMALL, "flame")
    flame = page.get_by_role("tree")
    flame.focus()
    assert focused_frame(page).startswith("a0 op 0, took 10.00\u202fs, self time")
    page.keyboard.press("ArrowDown")
    below = focused_frame(page)
    assert "100\u202f% of all self time" not in below
    assert page.locator('[role="treeitem"][aria-level="2"]').count() == 1
    page.keyboard.press("ArrowRight")
    beside = focused_frame(page)
    page.keyboard.press("ArrowLeft")
    assert focused_frame(page) != beside or below == beside
    page.keyboard.press("Enter")
    assert "at=" in page.url
    assert page.get_by_role("button", name="Show all").is_enabled()
    url = page.url
    page.goto("about:blank")
    page.goto(url)
    page.wait_for_selector("#view-flame[data-shown]")
    assert focused_frame(page) == below
    page.get_by_role("tree").focus()
    page.keyboard.press("Escape")
    assert "at=" not in page.url
    page.keyboard.press(" ")
    page.wait_for_selector(".panel .figures")


def test_a_click_zooms_and_the_tip_tells_true_durations(page: Any, board: Any) -> None:
    open_view(page, board, SMALL, "flame")
    canvas = page.locator(".flame canvas")
    canvas.hover(position={"x": 700, "y": 8})
    tip = page.locator(".flame-tip")
    assert "took 10.00\u202fs" in tip.inner_text()
    assert "100\u202f% of all self time" in tip.inner_text()
    canvas.click(position={"x": 200, "y": 30})
    assert "at=" in page.url
    canvas.click(position={"x": 200, "y": 8})
    canvas.click(position={"x": 200, "y": 8})
    assert "at=" not in page.url


def test_equal_calls_are_one_frame_that_opens_their_spans(
    page: Any, board: Any
) -> None:
    open_view(page, board, CALLS, "flame")
    assert page.locator(".flame").get_attribute("data-frames") == "2"
    page.get_by_role("tree").focus()
    page.keyboard.press("ArrowDown")
    assert "30 calls, 60.0\u202fms together, longest 2.0\u202fms" in focused_frame(page)
    assert "1 failed" in focused_frame(page)
    page.get_by_role("button", name="Show its spans").click()
    page.wait_for_selector("text=30 of 31 spans")
    assert page.locator(".filter-chip").inner_text() == "Calls like a1 query"
    page.go_back()
    page.wait_for_selector("#view-flame:visible")
    page.get_by_role("button", name="Each span").click()
    assert page.locator(".flame").get_attribute("data-frames") == "31"
    assert "mode=spans" in page.url


def test_a_find_marks_frames_and_leads_to_them(page: Any, board: Any) -> None:
    open_view(page, board, SMALL, "flame", "&uiFind=note%3Djavascript")
    page.wait_for_selector('.flame[data-matched="2"]')
    page.locator(".flame canvas").click(position={"x": 1_000, "y": 52})
    page.get_by_role("button", name="Next match").click()
    first = focused_frame(page)
    page.get_by_role("button", name="Next match").click()
    found = sorted((first, focused_frame(page)))
    assert found[0].startswith("a5 <img src=x")
    assert found[1].startswith("a7 op 7")


def test_the_critical_path_can_be_switched_off(page: Any, board: Any) -> None:
    open_view(page, board, SMALL, "flame")
    painted = """() => {
      const canvas = document.querySelector('.flame canvas');
      const pen = canvas.getContext('2d');
      return Array.from(pen.getImageData(2, 20, 1, 1).data);
    }"""
    assert page.evaluate(painted) == [20, 24, 31, 255]
    page.get_by_role("button", name="Critical path").click()
    assert page.evaluate(painted)[3] == 0


def test_the_flame_graph_of_a_hundred_thousand_levels(page: Any, board: Any) -> None:
    open_view(page, board, CHAIN, "flame")
    page.get_by_role("tree").focus()
    page.keyboard.press("End")
    assert focused_frame(page).startswith("a9 op 99999")
    assert page.locator(".flame").evaluate("e => e.scrollTop") > 2_000_000
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    assert focused_frame(page).startswith("a8 op 99998")


def test_the_graph_counts_calls_and_opens_their_spans(page: Any, board: Any) -> None:
    open_view(page, board, CALLS, "graph")
    assert page.locator(".call-card").count() == 2
    assert page.locator(".call-count").all_text_contents() == ["1 of 30 failed"]
    first = page.locator('.call-card[tabindex="0"]')
    assert first.count() == 1
    first.focus()
    page.keyboard.press("ArrowRight")
    label = page.evaluate("document.activeElement.title")
    assert label.startswith("a1 query, 30 calls, 60.0\u202fms together")
    assert label.endswith("1 failed")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=30 of 31 spans")
    assert "path=" in page.url
    page.go_back()
    page.wait_for_selector("#view-graph:visible")
    page.get_by_role("button", name="By operation").click()
    page.wait_for_function("document.querySelectorAll('.call-card').length === 2")
    tools = page.locator("#view-graph .view-tools")
    tools.get_by_role("button", name="Self time").click()
    heat = page.locator(".call-card").evaluate_all(
        "all => all.map(e => e.style.getPropertyValue('--heat'))"
    )
    assert "45%" in heat
    assert "mode=self" in page.url
    tools.get_by_role("button", name="Table").click()
    assert cells(page, "graph", 2) == ["30", "1"]
    page.get_by_role("grid", name="Operations of the trace").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=30 of 31 spans")
    assert "op=query" in page.url


def test_the_graph_marks_finds_and_shows_hostile_names(page: Any, board: Any) -> None:
    open_view(page, board, SMALL, "graph", "&uiFind=note%3Djavascript")
    page.wait_for_selector(".call-card.match")
    assert page.locator(".call-card.match").count() == 2
    assert page.locator(".call-card.dim").count() == 38
    assert page.locator("#view-graph img").count() == 0


def test_a_deep_graph_says_what_is_left_out(page: Any, board: Any) -> None:
    open_view(page, board, CHAIN, "graph")
    page.wait_for_selector("text=200 operations with most self time of 100,000")
    assert page.locator(".call-card").count() == 200


FRAMES = """async (merged) => {
  const base = document.querySelector('script[src$="trace/main.js"]').src.slice(0, -7);
  const { fetchPayload } = await import(`${base}payload.js`);
  const { makeModel } = await import(`${base}model.js`);
  const { framesOf } = await import(`${base}views/frames.js`);
  const url = document.querySelector('[data-trace]').dataset.payload;
  const model = makeModel(await fetchPayload(url));
  const frames = framesOf(model, merged);
  const plain = {};
  for (const name of ['parent', 'first', 'calls', 'self', 'weight', 'x', 'depth'])
    plain[name] = Array.from(frames[name]);
  plain.order = Array.from(frames.order);
  plain.names = plain.first.map((row) => `${model.service(row)[0]} ${model.operation(row)}`);
  plain.own = Array.from(model.columns.self).reduce((sum, value) => sum + value, 0);
  return plain;
}"""


@pytest.mark.parametrize("merged", [True, False])
def test_widths_of_frames_add_up(page: Any, board: Any, merged: bool) -> None:
    page.goto(f"{board.url}/trace/{LARGE}")
    page.wait_for_selector("[data-ready]")
    found = page.evaluate(FRAMES, merged)
    count = len(found["parent"])
    assert sum(found["calls"]) == 20_000
    children: dict[int, list[int]] = {}
    for frame, above in enumerate(found["parent"]):
        assert above < frame
        children.setdefault(above, []).append(frame)
    assert sum(found["weight"][f] for f in children[-1]) == found["own"]
    for frame in range(count):
        below = children.get(frame, [])
        inside = sum(found["weight"][child] for child in below)
        assert found["weight"][frame] == found["self"][frame] + inside
        at = found["x"][frame]
        for child in below:
            assert found["x"][child] == at
            assert found["depth"][child] == found["depth"][frame] + 1
            at += found["weight"][child]
        names = [found["names"][child] for child in below]
        assert not merged or len(set(names)) == len(names)
    places = [(found["depth"][f], found["x"][f]) for f in found["order"]]
    assert places == sorted(places)
