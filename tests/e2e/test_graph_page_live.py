"""The service graph while traffic arrives, with versions, rare and hostile names."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.test_graph_page import OVERLAPS, open_graph
from tests.peers.bigsystem import body, post
from tests.peers.need import until
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=document.title='hacked'> %{x} &amp; <b>"


def call(
    caller: tuple[str, str],
    callee: tuple[str, str],
    failed: bool = False,
    times: int = 1,
) -> list[dict[str, Any]]:
    """Spans of one request to a service that calls another so many times."""
    trace_id, root = secrets.token_hex(16), secrets.token_hex(8)
    end = time.time_ns()

    def span(
        parent: str, own: str, kind: int, at: tuple[str, str], depth: int
    ) -> dict[str, Any]:
        return {
            "traceId": trace_id,
            "spanId": own,
            "parentSpanId": parent,
            "kind": kind,
            "name": "GET /x",
            "startTimeUnixNano": str(end - 50_000_000 + depth * 1_000_000),
            "endTimeUnixNano": str(end - depth * 1_000_000),
            "attributes": [],
            "status": {"code": 2 if failed and depth else 0},
            "at": (*at, "here"),
        }

    spans = [span("", root, 2, caller, 0)]
    for _ in range(times):
        client, server = secrets.token_hex(8), secrets.token_hex(8)
        spans.append(span(root, client, 3, caller, 1))
        spans.append(span(client, server, 2, callee, 2))
    return spans


def send(board: RunningSpanboard, spans: list[dict[str, Any]]) -> None:
    with httpx.Client(timeout=30) as client:
        post(client, board.url, body(spans))


@pytest.fixture(scope="module")
def small() -> Iterator[RunningSpanboard]:
    board = RunningSpanboard("--no-demo")
    board.start()
    spans = []
    for _ in range(20):
        spans += call(("reviews", "v1"), ("ratings", "v1"))
        spans += call(("reviews", "v2"), ("ratings", "v1"), failed=True)
        spans += call(("ratings", "v1"), ("store", "v1"), times=30)
        spans += call((HOSTILE, "v1"), ("reviews", "v1"))
    send(board, spans)
    until(
        lambda: len(httpx.get(f"{board.url}/graph.json").json()["edges"]) == 3,
        "three edges",
    )
    yield board
    board.stop()


def test_numbers_move_and_new_edges_are_marked(page: Any, small: Any) -> None:
    open_graph(page, small)
    page.wait_for_selector('[data-live-badge][data-state="live"]')
    card = page.locator('.service-node[data-service="reviews"]')
    before = int(card.get_attribute("data-calls"))
    page.evaluate("window.same = document.querySelector('.service-node')")
    send(small, call(("reviews", "v1"), ("ratings", "v1")))
    until(lambda: int(card.get_attribute("data-calls")) > before, "more calls")
    send(small, call(("reviews", "v1"), ("fresh", "v1")))
    page.wait_for_selector('.service-node[data-service="fresh"]')
    until(
        lambda: "new" in page.locator(".edge-label").all_inner_texts(), "the mark “new”"
    )
    # What was there is the same element still.
    assert page.evaluate("window.same.isConnected")


def test_each_version_has_its_own_line(page: Any, small: Any) -> None:
    open_graph(page, small)
    lines = page.locator('.service-node[data-service="reviews"] .version-line')
    assert lines.count() == 2
    # All calls of v2 fail and none of v1: the label is that of v2's line.
    assert "100\u202f% fail" in page.locator(".edge-label").all_inner_texts()
    edge = next(
        e
        for e in httpx.get(f"{small.url}/graph.json?lookback=1h").json()["edges"]
        if e["callee"] == "ratings"
    )
    assert edge["error_share"] < 0.6


def test_many_calls_of_one_request_are_told(page: Any, small: Any) -> None:
    open_graph(page, small)
    labels = page.locator(".edge-label").all_inner_texts()
    assert any("per call" in words for words in labels)


def test_hostile_names_are_text_everywhere(page: Any, small: Any) -> None:
    open_graph(page, small)
    card = page.locator(".service-node", has_text="<img").first
    assert HOSTILE in card.inner_text()
    card.click()
    page.wait_for_selector("[data-chosen] .chart.red .main-svg")
    page.locator("[data-chosen] .near button").first.click()
    page.wait_for_selector("[data-chosen] .chart.red .main-svg")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("<img")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Table", exact=True).click()
    page.wait_for_selector(".dependency-edge[data-key]")
    assert page.locator("main img").count() == 0
    assert page.title() != "hacked"


@pytest.mark.parametrize("level", ["namespace", "version", "operation", "instance"])
def test_every_level_is_drawn_without_overlap(
    page: Any, small: Any, level: str
) -> None:
    open_graph(page, small)
    page.get_by_label("Level").select_option(level)
    page.wait_for_url(f"**level={level}**")
    wanted = httpx.get(f"{small.url}/graph.json?lookback=1h&level={level}").json()
    until(
        lambda: page.locator(".service-node").count() == len(wanted["nodes"]),
        f"the nodes of the level {level}",
    )
    shown, overlaps = page.evaluate(OVERLAPS, ".service-node")
    assert (shown, overlaps) == (len(wanted["nodes"]), 0)
    page.go_back()
    until(lambda: page.get_by_label("Level").input_value() == "service", "the level")


def test_the_look_back_and_the_source_are_in_the_address(page: Any, small: Any) -> None:
    open_graph(page, small)
    page.get_by_label("Window of time").select_option("6h")
    page.wait_for_url("**lookback=6h**")
    page.go_back()
    until(
        lambda: page.get_by_label("Window of time").input_value() == "1h", "the window"
    )
