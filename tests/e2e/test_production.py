"""The same code in production: PostgreSQL, Redis, servers and workers apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dashboard.demo.traffic import send
from tests.peers.need import until
from tests.peers.production import Production


@pytest.fixture
def production(jaeger: Any) -> Iterator[Production]:
    """Two servers and a worker."""
    made = Production(jaeger.url, workers=1)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.jaeger
@pytest.mark.browser
def test_servers_and_workers_share_database_and_live_updates(
    production: Production, jaeger: Any, browser: Any
) -> None:
    urls = production.urls
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{urls[1]}/search?limit=1500")
    page.wait_for_selector('[data-live-badge][data-state="live"]')
    pulled = send(jaeger.otlp, 30, seed=11)
    pushed = send(f"{urls[0]}/v1/traces", 20, seed=12)
    # Rows arrive on a page of the other server, through Redis.
    page.locator("a.trace-row").nth(49).wait_for(timeout=40_000)
    wanted = Counter(pulled.calls) + Counter(pushed.calls)

    def calls() -> dict[tuple[str, str], int]:
        data = httpx.get(f"{urls[1]}/graph.json?lookback=1h", timeout=20).json()
        return {(e["caller"], e["callee"]): e["calls"] for e in data["edges"]}

    until(lambda: calls() == wanted, f"exact calls ({calls()} of {dict(wanted)})", 30)
    found = production.verify()
    assert (found["traces"], found["differences"]) == (50, [])
    context.close()
