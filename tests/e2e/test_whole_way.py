"""The whole way: a real Jaeger, Spanboard, a real browser, and a link that lasts."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import httpx
import pytest

from dashboard.demo.traffic import send
from tests.peers.need import until

TRACES = 200


def stored(board: Any) -> int:
    """How many traces the search page says there are."""
    page = httpx.get(f"{board.url}/search?limit=1500", timeout=20).text
    drawn = page.count('class="trace-row"') - page.count("<template")
    return drawn + page.count('"short_id"')  # the others come as JSON


def edges(board: Any) -> dict[tuple[str, str], tuple[int, int]]:
    """Calls and errors by edge, from the graph's JSON."""
    data = httpx.get(f"{board.url}/graph.json?lookback=1h", timeout=20).json()
    return {
        (e["caller"], e["callee"]): (e["calls"], e["errors"]) for e in data["edges"]
    }


@pytest.mark.browser
@pytest.mark.jaeger
def test_traces_of_a_real_jaeger_reach_the_screen_and_a_link_outlives_it(
    jaeger: Any, browser: Any, spanboard: Any, capsys: Any
) -> None:
    truth = send(jaeger.otlp, TRACES, seed=7)
    board = spanboard("--jaeger", jaeger.url)
    until(lambda: stored(board) == TRACES, "all traces in Spanboard", 60, 0.5)

    wanted = Counter(truth.calls)
    found = until(
        lambda: (e := edges(board)) and {k: v[0] for k, v in e.items()} == wanted and e,
        f"exact calls on every edge (wanted {dict(wanted)}, have {edges(board)})",
        20,
        0.5,
    )
    assert {k: v[1] for k, v in found.items() if v[1]} == {
        k: v for k, v in truth.errors.items() if v
    }

    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.goto(f"{board.url}/search?limit=1500")
    page.wait_for_selector('[data-live-badge][data-state="live"]')
    assert page.locator("a.trace-row").count() == TRACES

    # The graph shows each edge once, as a focusable element with exact numbers.
    page.goto(f"{board.url}/graph?lookback=1h")
    page.wait_for_selector(".plot .main-svg")
    services = {name for edge in wanted for name in edge}
    assert page.locator(".service-node").count() == len(services)
    page.get_by_role("button", name="Table", exact=True).click()

    def shown() -> dict[tuple[str, str], int]:
        rows = page.eval_on_selector_all(
            ".dependency-edge[data-calls]",
            "all => all.map(e => [e.dataset.caller, e.dataset.callee, Number(e.dataset.calls)])",
        )
        return {(a, b): n for a, b, n in rows}

    until(lambda: shown() == wanted, f"a row for each of {dict(wanted)}", 10)

    # The waterfall shows the spans that Jaeger holds, in order of the tree.
    listed = httpx.get(
        f"{jaeger.url}/api/traces", params={"service": "productpage", "limit": 1}
    ).json()["data"][0]
    trace_id = listed["traceID"]
    page.goto(f"{board.url}/trace/{trace_id}")
    page.wait_for_selector("[data-ready]")
    rows = page.locator(".span-row:visible")
    assert rows.count() == len(listed["spans"])
    assert "istio-ingressgateway" in rows.first.inner_text()
    operations = Counter(s["operationName"] for s in listed["spans"])
    assert (
        Counter(page.locator(".span-row:visible .operation").all_inner_texts())
        == operations
    )
    rows.nth(2).click()
    page.wait_for_selector(".panel .figures")

    # A trace sent now appears by itself.
    live = context.new_page()
    live.goto(f"{board.url}/search?limit=1500")
    live.wait_for_selector('[data-live-badge][data-state="live"]')
    began = time.monotonic()
    send(jaeger.otlp, 1, seed=99, spread_s=0)
    live.locator("a.trace-row").nth(TRACES).wait_for(timeout=20_000)
    delay = time.monotonic() - began
    with capsys.disabled():
        print(f"\nspan sent to Jaeger → row on screen: {delay:.2f} s")

    # A share opens in another browser after Jaeger is gone.
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_role("button", name="Create snapshot and copy link").click()
    page.wait_for_selector("[data-share-result]:not([hidden])")
    url = page.locator("[data-share-url]").input_value()
    before = page.locator(".span-row:visible .operation").all_inner_texts()
    jaeger.stop()
    stranger = browser.new_context(viewport={"width": 1440, "height": 900})
    shared = stranger.new_page()
    shared.goto(url)
    shared.wait_for_selector("[data-ready]")
    assert shared.locator(".span-row:visible .operation").all_inner_texts() == before
    shared.locator(".span-row").nth(2).click()
    shared.wait_for_selector(".panel .figures")
    stranger.close()

    # The pages go on and say that Jaeger does not answer.
    until(
        lambda: "does not answer" in httpx.get(f"{board.url}/").text,
        "a notice about Jaeger",
        30,
    )
    # Revoked, the link opens nothing.
    page.goto(f"{board.url}/shares")
    page.get_by_role("button", name="Revoke").click()
    page.wait_for_selector("text=Revoked")
    assert httpx.get(url).status_code == 404
    assert not faults
    context.close()


@pytest.mark.jaeger
def test_polling_again_and_late_spans_count_nothing_twice(
    jaeger: Any, spanboard: Any
) -> None:
    first = send(jaeger.otlp, 40, seed=3)
    board = spanboard("--jaeger", jaeger.url, SPANBOARD_POLL_SECONDS="0.3")
    until(lambda: stored(board) == 40, "the first traces", 60, 0.3)
    second = send(jaeger.otlp, 25, seed=4)
    wanted = Counter(first.calls) + Counter(second.calls)
    until(
        lambda: {k: v[0] for k, v in edges(board).items()} == wanted,
        "exact calls after more traces",
        60,
        0.3,
    )
    time.sleep(3)  # ten more polls of the same traces
    assert {k: v[0] for k, v in edges(board).items()} == wanted
    assert stored(board) == 65
