"""Below a sub-path, whether the proxy strips it or leaves it."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.peers.served import ERROR_TRACE, document

BASE = "/tools/traces"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from tests.peers.running import RunningSpanboard

    running = RunningSpanboard("--no-demo", "--base-path", BASE)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize("prefix", [BASE, ""], ids=["left", "stripped"])
def test_everything_answers_and_leads_below_the_sub_path(
    board: Any, prefix: str
) -> None:
    url = board.url + prefix
    with httpx.Client(base_url=url, timeout=20, headers={"Accept": "*/*"}) as client:
        for path in ("/healthz", "/readyz"):
            assert client.get(path).json()["ok"]
        sent = client.post("/v1/traces", content=document(), headers=JSON)
        assert sent.status_code == 200
        assert "shop" in client.get("/api/services").json()["data"]
        found = client.get(f"/api/v3/traces/{ERROR_TRACE}").json()
        assert found["result"]["resourceSpans"]
        assert client.get("/api/none").status_code == 404
        for path in ("/", "/search", f"/trace/{ERROR_TRACE}", "/graph", "/sources"):
            page = client.get(path)
            assert page.status_code == 200, path
            links = re.findall(r'(?:href|src|action)="(/[^"]*)"', page.text)
            assert len(links) > 5, path
            assert [x for x in links if not x.startswith(BASE + "/")] == [], path
            for link in {x for x in links if "/static/" in x}:
                answer = client.get(link.removeprefix(BASE))
                assert answer.status_code == 200, link
                assert "immutable" in answer.headers["Cache-Control"]
        moved = client.get("/lookup", params={"q": ERROR_TRACE})
        assert moved.headers["Location"].startswith(f"{BASE}/trace/")
    socket = f"{url}/ws/search".replace("http://", "ws://")
    with connect(socket, origin=board.url) as live:  # type: ignore[arg-type]  # a text
        live.send(json.dumps({}))
        assert json.loads(live.recv(timeout=20))["type"]
    bare = httpx.get(board.url + BASE, timeout=10)
    assert bare.status_code == 200
