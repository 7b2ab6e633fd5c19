"""Comparison, paths, one trace over the graph and embedding, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.e2e.test_graph_page import open_graph
from tests.peers.axe import source, violations
from tests.peers.bigsystem import BigSystem, body, post
from tests.peers.need import until
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser
MINUTE_NS = 60 * 10**9


@dataclass
class Changed:
    """A Spanboard that holds ten minutes before a change and ten after it."""

    board: RunningSpanboard
    system: BigSystem
    query: str
    failing: tuple[str, str]
    gone: tuple[str, str]
    added: tuple[str, str]


def feed(system: BigSystem, url: str, first_ns: int, pairs: list[Any]) -> None:
    """Each call a few times within five minutes."""
    spans: list[dict[str, Any]] = []
    for a, b in pairs:
        for n in range(40):
            spans += system.trace(a, b, first_ns + (10 + n * 7) * 10**9)
    with httpx.Client(timeout=60) as client:
        post(client, url, body(spans))


@pytest.fixture(scope="module")
def changed() -> Iterator[Changed]:
    board = RunningSpanboard("--no-demo")
    board.start()
    system = BigSystem(10)
    system.failing = set()
    for service in system.services:
        service.versions = ("v1",)
    pairs = [(a, b) for a, s in enumerate(system.services) for b in s.calls]
    leaves = [
        (a, b)
        for a, b in pairs
        if system.parent[b] != a
        and b not in system.parent
        and not system.services[b].database
    ]
    gone = leaves[0] if leaves else pairs[-1]
    missing = [
        (a, b) for a in range(1, 9) for b in range(a + 1, 10) if (a, b) not in pairs
    ]
    added, failing = missing[0], pairs[0]
    minute = time.time_ns() // MINUTE_NS * MINUTE_NS
    before, after = minute - 20 * MINUTE_NS, minute - 10 * MINUTE_NS
    feed(system, board.url, before, pairs)
    system.failing = {failing}
    feed(system, board.url, after, [p for p in pairs if p != gone] + [added])

    def name(pair: tuple[int, int]) -> tuple[str, str]:
        return system.services[pair[0]].name, system.services[pair[1]].name

    query = (
        f"start={(minute - 10 * MINUTE_NS) // 1000}&end={minute // 1000}"
        f"&base_start={(minute - 20 * MINUTE_NS) // 1000}"
        f"&base_end={(minute - 10 * MINUTE_NS) // 1000}"
    )

    def there() -> bool:
        data = httpx.get(f"{board.url}/graph.json?lookback=1h").json()
        return {name(p) for p in [*pairs, added]} <= {
            (e["caller"], e["callee"]) for e in data["edges"]
        }

    until(there, "all edges")
    yield Changed(board, system, query, name(failing), name(gone), name(added))
    board.stop()


def edge_of(caller: str, callee: str) -> str:
    return f"{caller}\\u0000{callee}"


def test_a_comparison_tells_what_changed_with_signs(page: Any, changed: Any) -> None:
    page.goto(f"{changed.board.url}/graph?{changed.query}")
    rows = page.locator("[data-changes] .changes li[data-change]")
    rows.first.wait_for()
    told = {
        (kind, pair)
        for kind, pair in rows.evaluate_all(
            "all => all.map(e => [e.dataset.change, e.dataset.id.replace('\\0', ' ')])"
        )
    }
    assert ("added", " ".join(changed.added)) in told
    assert ("gone", " ".join(changed.gone)) in told
    assert ("more_errors", " ".join(changed.failing)) in told
    assert page.locator("[data-traffic]").inner_text()
    labels = page.locator(".edge-label").all_inner_texts()
    assert any(words.startswith("+") for words in labels)
    assert any(words.startswith("−") for words in labels)
    # Each change leads to its edge, with traces of both sides.
    failing = page.locator(
        '[data-changes] li[data-change="more_errors"]', has_text=changed.failing[1]
    ).first
    failing.get_by_text("Example traces").click()
    assert failing.locator(".examples a").count() >= 2
    failing.locator("button").first.click()
    page.wait_for_url("**caller=**")
    page.wait_for_selector("[data-chosen]:not([hidden])")
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-changes]:not([hidden])")
    page.get_by_role("button", name="End the comparison").click()
    page.wait_for_selector("[data-changes]", state="hidden")
    assert "base" not in page.url
    page.go_back()
    page.wait_for_selector("[data-changes]:not([hidden])")


def test_a_comparison_begins_at_the_menu_by_keys(page: Any, changed: Any) -> None:
    open_graph(page, changed.board)
    page.get_by_text("Compare with…").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**base=previous**")
    page.wait_for_selector("[data-changes]:not([hidden])")


def test_paths_lead_through_a_service(page: Any, changed: Any) -> None:
    open_graph(page, changed.board, f"&node={changed.failing[1]}")
    page.get_by_role("button", name="Paths through it").click()
    page.wait_for_url("**paths=**")
    rows = page.locator("[data-paths] .paths li")
    rows.first.wait_for()
    for words in rows.locator("button").all_inner_texts():
        assert changed.failing[1] in words
    rows.first.locator("button").click()
    page.wait_for_selector(".service-node.dim")
    steps = rows.first.locator("button").inner_text().split(" → ")
    lit = page.locator(".service-node:not(.dim)").evaluate_all(
        "all => all.map(e => e.dataset.service)"
    )
    assert set(lit) == set(steps)
    traces = rows.first.get_by_role("link")
    assert "/search?" in traces.get_attribute("href")
    page.get_by_role("button", name="Leave the paths").click()
    page.wait_for_selector("[data-paths]", state="hidden")


def test_one_trace_is_drawn_over_the_graph(page: Any, changed: Any) -> None:
    caller, callee = changed.failing
    panel = httpx.get(
        f"{changed.board.url}/graph/edge.json",
        params={"lookback": "1h", "caller": caller, "callee": callee},
    ).json()
    trace_id = panel["slowest"][0]["trace_id"]
    open_graph(page, changed.board, f"&trace={trace_id}")
    line = page.locator("[data-overlay]")
    assert trace_id[:7] in line.inner_text() or "trace" in line.inner_text().lower()
    lit = page.locator(".service-node:not(.dim)").evaluate_all(
        "all => all.map(e => e.dataset.service)"
    )
    overlay = httpx.get(
        f"{changed.board.url}/graph/overlay.json?trace={trace_id}&lookback=1h"
    ).json()
    assert set(lit) == set(overlay["nodes"])
    assert caller in lit
    assert callee in lit
    page.get_by_role("button", name="Remove the trace").click()
    page.wait_for_selector(".service-node.dim", state="detached")


def test_embedding_leaves_the_frame_out(page: Any, changed: Any) -> None:
    open_graph(page, changed.board, "&uiEmbed=v0&uiTheme=dark")
    assert page.locator(".topbar").count() == 0
    assert page.locator("h1").count() == 0
    page.locator(".service-node").first.click()
    page.wait_for_url("**node=**")
    assert "uiEmbed=v0" in page.url
    assert "uiTheme=dark" in page.url


@pytest.mark.parametrize("which", ["compare", "paths", "trace", "questions"])
def test_axe_finds_nothing_serious(browser: Any, changed: Any, which: str) -> None:
    source()
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
    )
    page = context.new_page()
    addresses = {
        "compare": (f"?{changed.query}", "[data-changes] .changes li"),
        "paths": (
            f"?lookback=1h&paths={changed.failing[1]}",
            "[data-paths] .paths li",
        ),
        "questions": ("?lookback=1h&questions=1", "[data-questions] .answers"),
        "trace": ("?lookback=1h&trace=abc123", "[data-overlay]:not([hidden])"),
    }
    query, seen = addresses[which]
    page.goto(f"{changed.board.url}/graph{query}")
    page.wait_for_selector(seen)
    found = violations(page)
    context.close()
    assert not found, "\n".join(found)


def test_jaegers_address_of_deep_dependencies_leads_to_the_paths(
    page: Any, changed: Any
) -> None:
    service = changed.failing[1]
    page.goto(f"{changed.board.url}/deep-dependencies?service={service}&density=ppe")
    page.wait_for_selector("[data-paths] .paths li")
    assert f"paths={service}" in page.url
    assert page.get_by_text("Ignored").count() == 0


def test_questions_light_their_answers(page: Any, changed: Any) -> None:
    open_graph(page, changed.board)
    page.locator('.service-node[data-service="web-gateway"]').click()
    page.get_by_role("button", name="If it stops").click()
    panel = page.locator("[data-questions]")
    said = panel.get_by_text("If web-gateway stops")
    said.wait_for()
    said.click()
    assert said.get_attribute("aria-pressed") == "true"
    assert page.locator(".service-node.dim").count() == 0
    said.click()
    row = panel.locator(".answers li").first
    row.locator("button").first.click()
    page.wait_for_url("**node=**")
    page.keyboard.press("Escape")
    panel.wait_for()
    page.keyboard.press("Escape")
    panel.wait_for(state="hidden")
    assert "questions" not in page.url
    page.get_by_role("button", name="Questions", exact=True).click()
    panel.get_by_text("Circles").wait_for()
