"""The mesh lab in a real browser, with real Envoys and with the demo."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dashboard.presenters.lab_rows import fault_rows
from tests.peers.axe import violations
from tests.peers.mesh import StartMesh
from tests.peers.need import until
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that fails the test on any script error."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    made = context.new_page()
    faults: list[str] = []
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    yield made
    context.close()
    # A refused switch is an answer 400, which the browser logs by itself.
    assert not [fault for fault in faults if "status of 400" not in fault]


def newest(page: Any) -> str:
    return str(page.inner_text("[data-newest]"))


def status(page: Any) -> str:
    return str(page.inner_text("[data-status]"))


@pytest.mark.envoy
def test_real_envoys_are_switched_from_the_page(
    start_mesh: StartMesh, spanboard: Any, page: Any
) -> None:
    board: RunningSpanboard = spanboard("--no-demo")
    mesh = start_mesh(to=board.url, rate=0, weights={"v2": 1})
    mesh.announce(board.folder / "data")
    page.goto(f"{board.url}/lab")
    assert page.inner_text(".badge.ok") == "7 real Envoys"
    page.click("text=Send 10 requests")
    until(lambda: "istio-ingressgateway" in newest(page), "the traces", 20)

    # By keyboard: the way to forward of reviews v2.
    page.focus("[data-caller='reviews:v2'] select")
    page.keyboard.press("ArrowDown")
    until(lambda: status(page).startswith("Switched: reviews v2"), "the switch")
    assert mesh.state.forwarding == {"reviews:v2": "none"}
    assert "begin traces of their own" in page.inner_text(
        "[data-caller='reviews:v2'] [data-mode-text]"
    )
    page.click("text=Send 10 requests")
    until(lambda: "reviews.default" in newest(page), "a trace that reviews begins", 20)

    page.select_option("[data-row=dead] [data-target]", "ratings:v1")
    assert mesh.state.dead == []  # a target alone switches nothing
    page.focus("[data-row=dead] [data-on-switch]")
    page.keyboard.press("Space")
    until(lambda: mesh.state.dead == ["ratings:v1"], "a dead application")
    page.fill("[data-row=slow_ms] [data-value]", "70")
    page.check("[data-row=slow_ms] [data-on-switch]")
    until(lambda: mesh.state.slow_ms == {"reviews:v3": 70}, "a slow version")
    page.fill("[data-number=sampling]", "150")
    page.keyboard.press("Tab")
    until(lambda: "Not switched: sampling must be" in status(page), "the refusal")
    until(lambda: page.input_value("[data-number=sampling]") == "100", "what is so")

    # What others switch shows here too.
    mesh.switch(abort={"details": 503})
    abort = "[data-row=abort] [data-on-switch]"
    until(lambda: page.is_checked(abort), "another one's switch", 10)
    assert not violations(page)
    page.click("text=All back to normal")
    until(lambda: not mesh.state.dead and not mesh.state.forwarding, "normal")
    assert mesh.state.abort == {}
    until(lambda: not page.is_checked(abort), "the page to say so")
    mesh.stop()
    until(lambda: "The mesh has ended" in status(page), "the end on the page", 10)


@pytest.mark.envoy
def test_each_look_leads_to_what_the_sentence_says(
    start_mesh: StartMesh, spanboard: Any
) -> None:
    board: RunningSpanboard = spanboard("--no-demo")
    mesh = start_mesh(to=board.url, weights={"v2": 1, "v3": 1})
    off = {"list": [], "table": {}, "number": 0}
    for row in fault_rows(mesh.state.as_dict(), simulated=False):
        if "response_flags" not in row.look_url:
            continue
        value: Any = {
            "list": [row.target],
            "table": {row.target: min(row.value, 700)},
            "number": row.value,
        }[row.shape]
        slow = {"reviews": 400} if row.name == "timeout_ms" else {}
        mesh.switch(**{row.name: value, "slow_ms": slow})
        mesh.send(4, concurrency=4)
        mesh.settle()

        def found(url: str = row.look_url) -> bool:
            text = httpx.get(board.url + url, timeout=20).text
            return bool(re.search(r'href="/trace/[0-9a-f]{32}', text))

        until(found, f"traces behind the link of {row.name}", 15)
        mesh.switch(**{row.name: off[row.shape], "slow_ms": {}})


def test_the_demo_has_the_same_switches(spanboard: Any, page: Any) -> None:
    board: RunningSpanboard = spanboard()
    page.goto(f"{board.url}/lab")
    assert page.inner_text(".badge.warn:not(.count)") == "simulated"
    page.fill("[data-number=rate]", "10")
    page.keyboard.press("Tab")
    until(lambda: status(page).startswith("Switched: Requests"), "the switch")
    for key in ("reviews:v2", "reviews:v3"):
        page.select_option(f"[data-caller='{key}'] select", "none")
    roots = until(
        lambda: [r for r in newest(page).split("\n") if r == "reviews"], "roots", 30
    )
    assert roots
    page.check("[data-row=abort] [data-on-switch]")
    until(lambda: "failed" in newest(page), "failed calls", 30)
    page.set_viewport_size({"width": 390, "height": 844})
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    assert not violations(page)
