"""The overview and a service's page in a real browser, fed by a real Jaeger; axe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dashboard.demo.traffic import send
from tests.peers.axe import source, violations
from tests.peers.jaeger import Jaeger
from tests.peers.need import until
from tests.peers.running import RunningSpanboard

pytestmark = [pytest.mark.browser, pytest.mark.jaeger]
TRACES = 60


@pytest.fixture(scope="module")
def peer(tmp_path_factory: Any) -> Iterator[Jaeger]:
    """A real Jaeger with Bookinfo's traces."""
    source()
    found = Jaeger(tmp_path_factory.mktemp("jaeger"))
    found.start()
    send(found.otlp, TRACES, seed=5)
    yield found
    found.stop()


@pytest.fixture(scope="module")
def board(peer: Jaeger) -> Iterator[RunningSpanboard]:
    """A Spanboard that has pulled them all."""
    running = RunningSpanboard("--no-demo", "--jaeger", peer.url)
    running.start()
    until(lambda: requests_of(running, "productpage") == TRACES, "all traces", 90)
    yield running
    running.stop()


def requests_of(board: RunningSpanboard, name: str) -> int:
    rows = httpx.get(f"{board.url}/services.json?lookback=1h").json()["rows"]
    return next((row["calls"] for row in rows if row["service"] == name), 0)


def test_from_the_overview_to_a_service_and_its_charts(page: Any, board: Any) -> None:
    page.goto(f"{board.url}/services?lookback=1h")
    page.click("thead a >> text=p95")
    assert "sort=p95" in page.url
    page.click("tbody a >> text=reviews")
    page.wait_for_selector(".chart .main-svg >> nth=0")
    assert page.locator(".chart .heatmaplayer image").count() == 1
    versions = page.locator('[data-fresh="versions"] tr')
    assert versions.count() == 3
    assert "productpage" in page.inner_text('[data-fresh="callers"]')
    assert "ratings" in page.inner_text('[data-fresh="callees"]')
    assert page.locator("summary").count() == 1
    page.click("summary")
    assert page.locator('[data-fresh="twin"] tr').count() > 0


def test_the_window_is_chosen_and_kept(page: Any, board: Any) -> None:
    page.goto(f"{board.url}/services?by=operation&q=reviews")
    page.select_option("[name=lookback]", "6h")
    page.wait_for_url("**lookback=6h**")
    assert "by=operation" in page.url
    assert "q=reviews" in page.url
    assert all("reviews" in one for one in page.locator("tbody th").all_inner_texts())


def test_new_requests_appear_by_themselves(page: Any, board: Any, peer: Jaeger) -> None:
    page.goto(f"{board.url}/services?lookback=1h&q=productpage")
    before = page.inner_text("tbody tr td.quiet")
    send(peer.otlp, 5, seed=77)
    page.wait_for_function(
        "old => document.querySelector('tbody tr td.quiet').textContent !== old",
        arg=before,
        timeout=60_000,
    )


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
    for address in ("/services", "/services?by=operation", "/services/ratings"):
        page.goto(f"{board.url}{address}")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if problems := violations(page):
            found[address] = problems
    context.close()
    assert not found
