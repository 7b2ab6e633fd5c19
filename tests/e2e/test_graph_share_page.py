"""Shared graphs in a real browser: the same picture, frames, an end that is an end."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.peers import browser as chromium
from tests.peers.axe import violations
from tests.peers.need import free_port, until
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)>'\"&{}"
MAIL = "jdoe@planted.example"
ANSWERS_S = 20.0  # until something must have happened; no measure of speed


def spans(number: int, callee: str = "shop") -> dict[str, Any]:
    """web asks a service, that asks another; now."""
    now = time.time_ns() - 2_000_000_000
    services = ["web", callee, HOSTILE]
    blocks = []
    for row, service in enumerate(services):
        span = {
            "traceId": f"{number:032x}",
            "spanId": f"{row + 1:016x}",
            "parentSpanId": f"{row:016x}" if row else "",
            "name": f"GET /users/{MAIL}",
            "kind": 2,
            "startTimeUnixNano": str(now + row * 1_000_000),
            "endTimeUnixNano": str(now + 50_000_000 - row * 1_000_000),
            "status": {"code": 2 if row == 2 else 0},
        }
        resource = {
            "attributes": [{"key": "service.name", "value": {"stringValue": service}}]
        }
        blocks.append({"resource": resource, "scopeSpans": [{"spans": [span]}]})
    return {"resourceSpans": blocks}


def push(board: RunningSpanboard, number: int, callee: str = "shop") -> None:
    answer = httpx.post(f"{board.url}/v1/traces", json=spans(number, callee))
    assert answer.status_code == 200, answer.text


class Wiki:
    """Pages of another site with a frame in them."""

    def __init__(self, name: str, port: int) -> None:
        self.origin = f"http://{name}:{port}"
        self.frame = ""
        wiki = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(
                    f'<!doctype html><title>wiki</title><body><iframe src="{wiki.frame}"'
                    ' width="1200" height="700"></iframe>'
                    f'<img src="{wiki.frame.split("?")[0]}/picture.svg" alt="p">'.encode()
                )

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def wikis() -> Iterator[tuple[Wiki, Wiki]]:
    """One whose frames are allowed, and another one."""
    both = Wiki("wiki.example", free_port()), Wiki("other.example", free_port())
    yield both
    for wiki in both:
        wiki.close()


@pytest.fixture(scope="module")
def board(wikis: tuple[Wiki, Wiki]) -> Iterator[RunningSpanboard]:
    running = RunningSpanboard(
        "--no-demo",
        SPANBOARD_ALLOWED_HOSTS="board.example",
        SPANBOARD_EMBED_ORIGINS=wikis[0].origin,
    )
    running.start()
    for number in range(1, 6):
        push(running, number)
    until(
        lambda: len(httpx.get(f"{running.url}/graph.json").json()["nodes"]) == 3,
        "the spans in the graph",
        30,
    )
    yield running
    running.stop()


def far(board: RunningSpanboard, url: str) -> str:
    """An address by a name that makes its reader a stranger."""
    return url.replace("127.0.0.1", "board.example")


@pytest.fixture(scope="module")
def browser(browser: Any) -> Iterator[Any]:
    """One that finds the names of this module's sites."""
    mine = chromium.with_names(browser)
    yield mine
    mine.close()


@pytest.fixture
def page(browser: Any) -> Any:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900},
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda problem: page.faults.append(str(problem)))
    yield page
    context.close()
    assert page.faults == []


def shared(
    page: Any,
    board: RunningSpanboard,
    kind: str,
    query: str = "",
    audience: str = "anyone",
) -> str:
    """Share the graph by its dialog; the address."""
    page.goto(f"{board.url}/graph{query}")
    page.wait_for_selector("[data-graph][data-ready]")
    page.click("[data-share]")
    page.wait_for_selector("[data-share-total]")
    page.check(f'input[name="kind"][value="{kind}"]', force=True)
    page.check(f'input[name="audience"][value="{audience}"]', force=True)
    page.click("[data-share-make]")
    page.wait_for_selector("[data-share-result]:not([hidden])")
    return str(page.input_value("[data-share-url]"))


def boxes(page: Any) -> Any:
    """Name and place of every card in the picture's own layer."""
    page.wait_for_selector(".service-node")
    page.wait_for_load_state("networkidle")
    return page.evaluate(
        """() => [...document.querySelectorAll(".service-node")].map((card) =>
             [card.dataset.service, card.style.transform || card.style.left, card.style.top, card.innerText])"""
    )


def test_a_snapshot_looks_the_same_and_asks_for_nothing_else(
    board: RunningSpanboard, page: Any, browser: Any
) -> None:
    held = httpx.get(f"{board.url}/graph.json").json()
    window = f"?start={held['start_us']}&end={held['end_us']}&node=shop"
    url = shared(page, board, "snapshot", window)
    page.goto(f"{board.url}/graph{window}&uiEmbed=v0")
    own = boxes(page)
    panel = page.inner_text("[data-chosen] .figures")
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
    )
    other = context.new_page()
    asked: list[str] = []
    sockets: list[str] = []
    other.on("request", lambda request: asked.append(request.url))
    other.on("websocket", lambda socket: sockets.append(socket.url))
    other.goto(far(board, url))
    other.wait_for_selector("[data-chosen] .chart .main-svg")
    there = boxes(other)
    assert [(one[0], one[3]) for one in there] == [(one[0], one[3]) for one in own]
    assert other.inner_text("[data-chosen] .figures") == panel
    assert other.locator("[data-chosen] a").count() == 0
    token = url.rsplit("/", 1)[1]
    outside = [one for one in asked if "/static/" not in one and token not in one]
    assert outside == []
    # The share's own thread is its only connection: nothing of the graph is live.
    assert all(one.endswith(f"/ws/s/{token}/thread") for one in sockets)
    assert MAIL not in other.content()
    other.click('[data-view-button][value="table"]')
    rows = other.locator(".twin tbody[data-edges] tr")
    assert rows.count() == 2
    rows.filter(has_text="web").click()
    other.wait_for_selector('[data-chosen] h2 >> text="web"')
    assert violations(other) == []
    context.close()


def test_hostile_names_are_text_in_page_and_picture(
    board: RunningSpanboard, page: Any
) -> None:
    url = shared(page, board, "snapshot", "?level=operation")
    page.goto(far(board, url))
    page.wait_for_selector(".service-node")
    assert page.locator("img").count() == 0
    assert "<img src=x" in page.inner_text("[data-cards]")
    page.goto(f"{far(board, url)}/picture.svg")
    assert page.evaluate("document.querySelectorAll('image, script, a').length") == 0
    assert "<img src=x" in page.evaluate("document.documentElement.textContent")


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1440), ("light", 390)])
def test_axe_finds_nothing_serious_in_dialog_and_shares(
    board: RunningSpanboard, browser: Any, scheme: str, width: int
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    page = context.new_page()
    found = {}
    for kind in ("snapshot", "live"):
        url = shared(page, board, kind)
        found[f"dialog {kind}"] = violations(page)
        page.goto(f"{far(board, url)}?node=shop")
        page.wait_for_selector("[data-chosen]:not([hidden])")
        found[kind] = violations(page)
    context.close()
    assert not any(found.values()), found


def framed(browser: Any, wiki: Wiki, address: str, *, storage: bool) -> Any:
    """A wiki's page with a share in a frame; with storage or as if it was blocked."""
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    if not storage:
        context.add_init_script(
            "for (const name of ['localStorage', 'sessionStorage'])"
            "Object.defineProperty(window, name, {get() {"
            "throw new DOMException('blocked', 'SecurityError');}});"
        )
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda problem: page.faults.append(str(problem)))
    page.on(
        "console",
        lambda line: (
            page.faults.append(line.text)
            if line.type == "error" and "Cross-Origin-Opener" not in line.text
            else None
        ),
    )
    wiki.frame = address
    page.goto(wiki.origin)
    return page


def test_only_pages_of_named_origins_frame_a_share(
    board: RunningSpanboard, page: Any, browser: Any, wikis: tuple[Wiki, Wiki]
) -> None:
    allowed, other = wikis
    url = shared(page, board, "snapshot")
    page.click('[data-copy-as="frame"]')
    snippet = page.evaluate("navigator.clipboard.readText()")
    assert f'src="{url}?uiEmbed=v0"' in snippet
    address = f"{far(board, url)}?uiEmbed=v0"
    inside = framed(browser, allowed, address, storage=False)
    frame = inside.frame_locator("iframe")
    frame.locator(".service-node").first.wait_for()
    assert frame.locator(".topbar").count() == 0
    assert inside.context.cookies() == []
    assert inside.evaluate("document.querySelector('img').naturalWidth") > 0
    assert inside.faults == []
    inside.context.close()
    outside = framed(browser, other, address, storage=True)
    until(lambda: any("frame-ancestors" in f for f in outside.faults), "the refusal")
    assert outside.frame_locator("iframe").locator(".service-node").count() == 0
    outside.context.close()


def test_a_link_for_signed_in_people_is_framed_nowhere(
    board: RunningSpanboard, page: Any, browser: Any, wikis: tuple[Wiki, Wiki]
) -> None:
    url = shared(page, board, "snapshot", audience="signed-in")
    assert page.locator('[data-copy-as="frame"]').is_hidden()
    # By the loopback's own name whoever asks is the local user, who may open it.
    inside = framed(browser, wikis[0], f"{url}?uiEmbed=v0", storage=True)
    until(lambda: any("frame-ancestors" in f for f in inside.faults), "the refusal")
    inside.context.close()


def test_a_live_view_goes_on_in_a_frame_and_ends_with_its_link(
    board: RunningSpanboard, page: Any, browser: Any, wikis: tuple[Wiki, Wiki]
) -> None:
    url = shared(page, board, "live")
    inside = framed(browser, wikis[0], f"{far(board, url)}?uiEmbed=v0", storage=False)
    frame = inside.frame_locator("iframe")
    frame.locator(".service-node").first.wait_for()
    push(board, 77, callee=f"mail-{MAIL}")
    label = frame.locator('.service-node:has-text("[e-mail 1]")')
    label.wait_for(timeout=ANSWERS_S * 1000)
    assert MAIL not in frame.locator("body").inner_html()
    assert inside.context.cookies() == []
    page.goto(f"{board.url}/shares")
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator(".share-row").first.locator('button:has-text("Revoke")').click()
    frame.locator("[data-ended]").wait_for(timeout=ANSWERS_S * 1000)
    assert frame.locator(".service-node").count() == 0
    assert "web" not in frame.locator("body").inner_text()
    assert frame.locator("[data-lost]").count() == 0
    assert httpx.get(url).status_code == 404
    inside.context.close()


def test_a_shares_socket_sees_its_own_query_and_strangers_no_other(
    board: RunningSpanboard, page: Any, browser: Any
) -> None:
    url = shared(page, board, "live", "?level=operation&hide=service%20%3D%20web")
    token = url.rsplit("/", 1)[1]
    context = browser.new_context()
    other = context.new_page()
    other.goto(far(board, f"{board.url}/sign-in"))
    ask = """path => new Promise((done) => {
      const socket = new WebSocket(`ws://${location.host}/${path}`);
      socket.onmessage = (event) => {
        const message = JSON.parse(event.data);
        if (message.type === "reset") { socket.close(); done(message); }
      };
      socket.onclose = (event) => done({closed: event.code});
    })"""
    told = other.evaluate(ask, f"ws/s/{token}/graph?level=service&lookback=7d&hide=")
    names = {node["service"] for node in told["nodes"]}
    assert told["level"] == "operation"
    assert "web" not in names
    assert "shop" in names
    assert MAIL not in str(told)
    for path in ("ws/graph", "ws/search", "ws/s/nothing/graph"):
        assert other.evaluate(ask, path)["closed"] in (1006, 4401, 4403)
    snapshot = shared(page, board, "snapshot").rsplit("/", 1)[1]
    assert other.evaluate(ask, f"ws/s/{snapshot}/graph")["closed"] == 4403
    context.close()


def test_a_trace_lives_in_a_frame_on_its_token_alone(
    board: RunningSpanboard, page: Any, browser: Any, wikis: tuple[Wiki, Wiki]
) -> None:
    page.goto(f"{board.url}/trace/{1:032x}")
    page.wait_for_selector("[data-trace][data-ready]")
    page.click("[data-share]")
    page.check('input[name="audience"][value="anyone"]', force=True)
    page.click("[data-share-make]")
    page.wait_for_selector("[data-share-result]:not([hidden])")
    url = page.input_value("[data-share-url]")
    inside = framed(browser, wikis[0], f"{far(board, url)}?uiEmbed=v0", storage=False)
    frame = inside.frame_locator("iframe")
    frame.locator("[data-trace][data-ready]").wait_for()
    frame.locator('[role="row"]', has_text="shop").first.click()
    frame.locator(".panel .figures, .figures").first.wait_for()
    assert frame.locator(".topbar").count() == 0
    assert MAIL not in frame.locator("body").inner_html()
    assert inside.context.cookies() == []
    assert inside.faults == []
    inside.context.close()
