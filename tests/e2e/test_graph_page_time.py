"""Replay and exports of the service graph in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.e2e.test_graph_page import open_graph, started
from tests.peers.need import until
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def ten() -> Iterator[RunningSpanboard]:
    running = started(10, 20)
    yield running
    running.stop()


def places(page: Any) -> dict[str, tuple[int, int]]:
    """The middle of each node; its height follows its versions."""
    found = page.locator(".service-node").evaluate_all(
        "all => all.map(e => [e.dataset.service, e.dataset.at])"
    )
    result = {}
    for service, at in found:
        x, y, width, height = map(float, at.split(","))
        result[service] = (round(x + width / 2), round(y + height / 2))
    return result


def moment(page: Any) -> int:
    return int(page.url.partition("at=")[2].partition("&")[0] or 0)


def drawn(page: Any, at_us: int) -> None:
    """Wait until the picture is that of a moment, and nothing else is on its way."""
    page.wait_for_selector(
        f'[data-stage][data-moment="{at_us}"]:not([aria-busy])', state="attached"
    )


def test_every_moment_has_an_address(page: Any, ten: Any) -> None:
    open_graph(page, ten)
    page.get_by_role("button", name="One minute back").click()
    page.wait_for_url("**at=**")
    page.wait_for_selector("[data-live-badge]", state="hidden")
    first = moment(page)
    drawn(page, first)
    shown = page.locator("[data-moment-text]")
    until(lambda: " to " in shown.inner_text(), "a moment in words")
    words = shown.inner_text()
    page.get_by_role("button", name="One minute back").click()
    until(lambda: moment(page) == first - 60_000_000, "the minute before")
    drawn(page, first - 60_000_000)
    until(lambda: shown.inner_text() != words, "other words")
    words = shown.inner_text()
    before = places(page)
    page.go_back()
    until(lambda: moment(page) == first, "the moment before")
    drawn(page, first)
    page.go_forward()
    until(lambda: moment(page) == first - 60_000_000, "the moment again")
    drawn(page, first - 60_000_000)
    until(
        lambda: page.locator("[data-moment-text]").inner_text() == words,
        "the same words",
    )
    # Who opens the address sees the same; and what is there stands still.
    url = page.url
    page.goto(url)
    drawn(page, first - 60_000_000)
    until(
        lambda: page.locator("[data-moment-text]").inner_text() == words,
        "the same words",
    )
    until(lambda: places(page) == before, f"the same places as {before}")
    page.get_by_role("button", name="Live", exact=True).click()
    page.wait_for_selector('[data-live-badge][data-state="live"]')
    assert "at=" not in page.url
    assert "lookback=1h" in page.url or "lookback" not in page.url


def test_it_plays_until_it_is_paused(page: Any, ten: Any) -> None:
    open_graph(page, ten)
    page.get_by_label("Speed").select_option("10")
    page.get_by_role("button", name="Play").click()
    page.wait_for_url("**at=**")
    page.wait_for_selector('[data-stage]:not([data-moment=""])')
    first = moment(page)
    seen: list[dict[str, tuple[int, int]]] = []

    def goes_on() -> bool:
        seen.append(places(page))
        return moment(page) >= first + 180_000_000

    until(goes_on, "three minutes of the replay")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_selector('[data-play][aria-pressed="false"]')
    # Nothing moves while time does.
    known: dict[str, tuple[int, int]] = {}
    for found in seen:
        for service, place in found.items():
            assert known.setdefault(service, place) == place
    page.go_back()
    until(lambda: not moment(page), "the live page that the replay began at")


def test_the_slider_is_moved_by_keys(page: Any, ten: Any) -> None:
    open_graph(page, ten)
    slider = page.get_by_label("Moment")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**at=**")
    first = moment(page)
    page.keyboard.press("ArrowLeft")
    until(lambda: moment(page) == first - 60_000_000, "a minute back")
    assert " to " in slider.get_attribute("aria-valuetext")


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_picture_is_exported_whole(
    page: Any, ten: Any, tmp_path: Path, kind: str
) -> None:
    open_graph(page, ten)
    labels = page.locator(".service-node .name").all_inner_texts()
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as waiting:
        page.locator(f'[data-picture="{kind}"]').click()
    path = tmp_path / f"graph.{kind}"
    waiting.value.save_as(path)
    if kind == "png":
        head = path.read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert int.from_bytes(head[16:20], "big") > 1_500
        return
    made = ElementTree.fromstring(path.read_bytes())
    words = {e.text for e in made.iter(f"{SVG}text")}
    assert set(labels) <= words
    assert len([p for p in made.iter(f"{SVG}path") if "js-line" in p.get("class", "")])
    assert not list(made.iter(f"{SVG}foreignObject"))
