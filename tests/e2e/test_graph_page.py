"""The service graph in a real browser: picture, gestures, keys, find, panel, table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.peers.axe import source, violations
from tests.peers.bigsystem import BigSystem
from tests.peers.need import until
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser
OVERLAPS = """selector => {
  const boxes = [...document.querySelectorAll(selector)]
    .map(e => e.getBoundingClientRect()).filter(b => b.width && b.height);
  let found = 0;
  boxes.forEach((a, i) => boxes.slice(i + 1).forEach(b => {
    if (a.left < b.right - 0.5 && b.left < a.right - 0.5
        && a.top < b.bottom - 0.5 && b.top < a.bottom - 0.5) found += 1;
  }));
  return [boxes.length, found];
}"""

IN_SIGHT = """() => {
  const middle = e => {
    const b = e.getBoundingClientRect();
    return [b.left + b.width / 2, b.top + b.height / 2];
  };
  return [...document.querySelectorAll('.service-node')].map(middle)
    .find(([x, y]) => x > 100 && x < 1100 && y > 250 && y < 600);
}"""


def started(services: int, calls: int) -> RunningSpanboard:
    """A Spanboard that holds the traffic of a system of a size."""
    running = RunningSpanboard("--no-demo")
    running.start()
    system = BigSystem(services)
    system.send(running.url, minutes=10, calls=calls)
    wanted = set(system.edges)

    def all_there() -> bool:
        answer = httpx.get(
            f"{running.url}/api/dependencies?lookback=3600000", timeout=60
        )
        return wanted <= {(e["parent"], e["child"]) for e in answer.json()["data"]}

    until(all_there, "the system's edges in the graph", 60)
    return running


@pytest.fixture(scope="module")
def fifty() -> Iterator[RunningSpanboard]:
    running = started(50, 6)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def large() -> Iterator[RunningSpanboard]:
    running = started(200, 2)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def thousand() -> Iterator[RunningSpanboard]:
    running = started(1_000, 1)
    yield running
    running.stop()


def open_graph(page: Any, board: RunningSpanboard, query: str = "") -> None:
    page.goto(f"{board.url}/graph?lookback=1h{query}")
    page.wait_for_selector("[data-stage][data-drawn] .main-svg", timeout=30_000)


def transform(page: Any) -> str:
    return str(
        page.locator("[data-world]").evaluate("e => getComputedStyle(e).transform")
    )


def test_fifty_services_are_cards_that_never_overlap(page: Any, fifty: Any) -> None:
    open_graph(page, fifty)
    shown, overlaps = page.evaluate(OVERLAPS, ".service-node")
    assert shown >= 50
    assert overlaps == 0
    labels, overlaps = page.evaluate(OVERLAPS, ".service-node, .edge-label")
    assert labels > shown
    assert overlaps == 0
    cut = page.locator(".service-node .name").evaluate_all(
        "all => all.filter(e => !e.getBoundingClientRect().width).length"
    )
    assert cut == 0


def test_two_hundred_services_are_circles_with_names_apart(
    page: Any, large: Any
) -> None:
    open_graph(page, large)
    assert page.locator("[data-cards]").get_attribute("data-detail") == "circle"
    shown, overlaps = page.evaluate(OVERLAPS, ".service-node .name")
    assert 20 <= shown <= 45
    assert overlaps == 0
    hidden = page.locator('.service-node[data-label="hidden"]').first
    hidden.focus()
    assert hidden.locator(".name").is_visible()


def test_a_gesture_only_transforms_and_its_end_draws_once(
    page: Any, fifty: Any
) -> None:
    open_graph(page, fifty)
    page.route_web_socket("**/ws/graph*", lambda socket: None)
    page.reload()
    page.wait_for_selector('[data-stage][data-drawn="1"]')
    stage = page.locator("[data-stage]")
    before = transform(page)
    page.mouse.move(700, 450)
    for _ in range(6):
        page.mouse.wheel(0, -100)
    page.wait_for_selector("[data-stage].moving")
    assert "matrix(1," not in transform(page)
    assert stage.get_attribute("data-drawn") == "1"
    page.wait_for_selector('[data-stage][data-drawn="2"]')
    page.wait_for_selector("[data-stage]:not(.moving)")
    assert transform(page).startswith("matrix(1,")
    assert transform(page) != before
    # A drag needs no drawing at all, and is no click.
    before = transform(page)
    x, y = page.evaluate(IN_SIGHT)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 80, steps=4)
    page.mouse.up()
    assert transform(page) != before
    assert stage.get_attribute("data-drawn") == "2"
    assert "node=" not in page.url
    page.keyboard.press("0")
    page.wait_for_selector('[data-stage][data-drawn="3"]')


def test_arrows_walk_along_the_edges(page: Any, fifty: Any) -> None:
    open_graph(page, fifty)
    data = page.evaluate(
        "JSON.parse(document.getElementById('graph-data').textContent)"
    )
    assert page.locator('.service-node[tabindex="0"]').count() == 1
    page.locator('.service-node[tabindex="0"]').focus()
    start = page.evaluate("document.activeElement.dataset.service")
    page.keyboard.press("ArrowRight")
    callee = page.evaluate("document.activeElement.dataset.service")
    assert (start, callee) in {(e["caller"], e["callee"]) for e in data["edges"]}
    page.keyboard.press("ArrowLeft")
    back = page.evaluate("document.activeElement.dataset.service")
    assert (back, callee) in {(e["caller"], e["callee"]) for e in data["edges"]}
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.service") != callee
    assert page.locator(".tip").is_visible()
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-chosen]:not([hidden])")
    assert "node=" in page.url
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-chosen]", state="hidden")
    assert "node=" not in page.url


def test_an_edge_is_hit_anywhere_and_told_in_a_sentence(page: Any, fifty: Any) -> None:
    open_graph(page, fifty)
    page.locator('.service-node[data-service="web-gateway"]').click()
    page.wait_for_selector("[data-chosen]:not([hidden])")
    page.locator("[data-chosen] .near button").first.click()
    page.wait_for_url("**caller=web-gateway**")
    told = page.locator("[data-chosen]").inner_text()
    assert "web-gateway called" in told
    url = page.url
    page.go_back()
    page.wait_for_url("**node=web-gateway**")
    page.go_forward()
    page.wait_for_url(url)
    assert "web-gateway called" in page.locator("[data-chosen]").inner_text()


def test_a_name_is_found_while_typing(page: Any, fifty: Any) -> None:
    open_graph(page, fifty)
    page.keyboard.press("/")
    page.keyboard.type("ledger")
    options = page.locator("[data-find-list] [role=option]")
    assert options.count() >= 3
    names = page.locator(".service-node.found").evaluate_all(
        "all => all.map(e => e.dataset.service)"
    )
    assert names
    assert all("ledger" in name for name in names)
    assert f"{len(names)} of" in page.locator("[data-find-count]").inner_text()
    page.keyboard.press("ArrowDown")
    second = options.nth(1).get_attribute("data-id")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**node={second}**")
    assert page.evaluate("document.activeElement.dataset.service") == second


def test_the_table_twin_sorts_by_key_and_by_click(page: Any, fifty: Any) -> None:
    page.goto(f"{fifty.url}/graph?lookback=1h&view=table")
    page.wait_for_selector(".dependency-edge[data-key]")
    assert page.locator("[data-stage]").is_hidden()

    def calls() -> list[int]:
        return page.locator(".dependency-edge").evaluate_all(
            "all => all.map(e => Number(e.dataset.calls))"
        )

    assert calls() == sorted(calls(), reverse=True)
    head = page.locator('[data-sort="calls"]').first
    assert head.locator("xpath=ancestor::th").get_attribute("aria-sort") == "descending"
    head.focus()
    page.keyboard.press("Enter")
    assert calls() == sorted(calls())
    assert head.locator("xpath=ancestor::th").get_attribute("aria-sort") == "ascending"
    page.locator('[data-sort="callee"]').click()
    callees = page.locator(".dependency-edge").evaluate_all(
        "all => all.map(e => e.dataset.callee)"
    )
    assert callees == sorted(callees)
    row = page.locator(".dependency-edge").first
    row.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-chosen]:not([hidden])")
    assert row.get_attribute("aria-selected") == "true"


def test_a_phone_gets_the_table_and_the_picture_one_tap_away(
    browser: Any, fifty: Any
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{fifty.url}/graph?lookback=1h")
    page.wait_for_selector(".dependency-edge:visible")
    assert page.locator("[data-stage]").is_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Graph", exact=True).click()
    page.wait_for_selector("[data-stage][data-drawn]")
    assert page.locator(".service-node:visible").count() >= 50
    context.close()


@pytest.mark.parametrize("moving", [True, False])
def test_dots_run_only_where_motion_is_wanted(
    browser: Any, fifty: Any, moving: bool
) -> None:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900},
        reduced_motion="no-preference" if moving else "reduce",
    )
    page = context.new_page()
    open_graph(page, fifty)
    if moving:
        page.wait_for_selector('[data-dots][data-running="true"]')
        page.wait_for_selector(
            'canvas.dots[data-dots]:not([data-dots="0"], [data-dots=""])'
        )
    assert page.locator("canvas.dots").get_attribute("data-running") == (
        "true" if moving else "false"
    )
    context.close()


def test_one_service_of_a_thousand_in_three_actions(page: Any, thousand: Any) -> None:
    open_graph(page, thousand)
    assert page.locator(".service-node.group").count() == 12
    shown, overlaps = page.evaluate(OVERLAPS, ".service-node")
    assert (shown, overlaps) == (page.locator(".service-node").count(), 0)
    system = BigSystem(1_000)
    wanted = "risk-quota-3"
    near = {e[0] for e in system.edges if e[1] == wanted} | {
        e[1] for e in system.edges if e[0] == wanted
    }
    page.keyboard.press("/")  # one
    page.keyboard.type(wanted)  # two
    page.wait_for_selector(".service-node.group.found")
    page.keyboard.press("Enter")  # three
    page.wait_for_selector(f'.service-node[data-service="{wanted}"]')
    shown = page.locator(".service-node").evaluate_all(
        "all => all.map(e => e.dataset.service)"
    )
    assert set(shown) >= near | {wanted}
    assert page.locator(f'[data-service="{wanted}"]').get_attribute("aria-pressed")
    page.wait_for_selector("[data-chosen]:not([hidden])")
    # More hops, and back to all.
    page.get_by_label("Hops to callees").select_option("3")
    page.wait_for_url("**down=3**")
    until(lambda: page.locator(".service-node").count() > len(shown), "more services")
    page.get_by_role("button", name="All services", exact=True).click()
    page.wait_for_selector(".service-node.group")


def test_a_group_opens_and_closes_by_keys(page: Any, thousand: Any) -> None:
    open_graph(page, thousand)
    page.locator('.service-node[data-service="group:risk"]').focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**open=risk**")
    page.wait_for_selector(".group-box")
    assert page.locator('.service-node[data-service^="risk-"]').count() > 60
    shown, overlaps = page.evaluate(OVERLAPS, ".service-node .name")
    assert shown > 10
    assert overlaps == 0
    page.go_back()
    page.wait_for_selector('.service-node[data-service="group:risk"]')
    page.go_forward()
    page.wait_for_selector(".group-box")
    page.locator("[data-stage]").focus()
    page.keyboard.press("Escape")
    page.wait_for_selector('.service-node[data-service="group:risk"]')


def test_expressions_find_and_hide_and_tell_what_is_wrong(
    page: Any, fifty: Any
) -> None:
    open_graph(page, fifty)
    page.keyboard.press("/")
    page.keyboard.type("errors > 5%")
    page.keyboard.press("Enter")
    page.wait_for_url("**find=errors**")
    page.wait_for_selector(".service-node.dim")
    counted = page.locator("[data-find-count]").inner_text()
    assert "edges" in counted
    page.get_by_role("button", name="Hide rest").click()
    page.wait_for_url("**hide=not**")
    until(lambda: page.locator(".service-node").count() < 50, "fewer services")
    page.go_back()
    until(lambda: page.locator(".service-node").count() > 50, "all services")


def test_the_panel_leads_to_exactly_its_traces(page: Any, fifty: Any) -> None:
    edge = httpx.get(f"{fifty.url}/graph.json?lookback=1h").json()["edges"][0]
    caller, callee = edge["caller"], edge["callee"]
    open_graph(page, fifty, f"&caller={caller}&callee={callee}")
    panel = page.locator("[data-chosen]")
    for chart in ("red", "histogram", "heatmap"):
        page.wait_for_selector(f"[data-chosen] .chart.{chart} .main-svg")
    assert panel.locator(".part table tbody tr").count() >= 1
    example = panel.locator(".examples a").first.get_attribute("href")
    assert example.startswith("/trace/")
    assert "span=" in example
    button = panel.get_by_role("link", name="Find these", exact=False).last
    count = int("".join(filter(str.isdigit, button.inner_text())))
    button.click()
    page.wait_for_selector("a.trace-row")
    assert page.locator("a.trace-row").count() == count == edge["calls"]


@pytest.mark.parametrize("query", ["", "&view=table", "&node=web-gateway"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    browser: Any, fifty: Any, query: str, scheme: str
) -> None:
    source()
    context = browser.new_context(
        viewport={"width": 1440, "height": 900},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"{fifty.url}/graph?lookback=1h{query}")
    page.wait_for_selector("[data-moment-text]:not(:empty)")
    if "node" in query:
        page.wait_for_selector("[data-chosen] .chart.heatmap .main-svg")
    found = violations(page)
    context.close()
    assert not found, "\n".join(found)


def test_a_wrong_expression_is_told_beside_the_box(browser: Any, fifty: Any) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    open_graph(page, fifty)
    nodes = page.locator(".service-node").count()
    page.keyboard.press("/")
    page.keyboard.type("erors > 5%")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-find-problem]:not([hidden])")
    assert "errors" in page.locator("[data-find-problem]").inner_text()
    assert page.locator("[data-find]").get_attribute("aria-invalid") == "true"
    assert page.locator(".service-node").count() == nodes
    context.close()
