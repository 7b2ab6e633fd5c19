"""The HTML file of a share, opened from disk by a browser without a network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_leaks import client
from tests.peers.axe import violations
from tests.peers.need import until
from tests.peers.rich import TRACE_ID, rich_trace
from tests.peers.running import RunningSpanboard

pytestmark = pytest.mark.browser
EVIL = '</script><script>document.title="hacked"</script><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file of a shared trace with a hostile name, a secret and a note."""
    found = rich_trace()
    root = found["spans"][0]
    root["operationName"] = f"GET {EVIL}"
    for value in (EVIL, "for jdoe@example.org", "javascript:alert(1)"):
        root["tags"].append({"key": "note", "type": "string", "value": value})
    running = RunningSpanboard("--no-demo")
    running.start()
    http = client(running)
    body = json.dumps({"data": [found]}).encode()
    assert http.post("/upload", files={"file": ("a.json", body)}).status_code == 200
    form = {"trace": TRACE_ID, "days": "1", "note": f"look {EVIL}"}
    made = http.post("/shares/new", data=form)
    assert made.status_code == 200, made.text
    token = made.json()["url"].rsplit("/", 1)[1]
    answer = http.get(f"/s/{token}/download", params={"format": "html"})
    running.stop()
    file = tmp_path_factory.mktemp("offline") / "trace.html"
    file.write_bytes(answer.content)
    yield file


@pytest.fixture
def page(browser: Any, path: Path, request: Any) -> Iterator[Any]:
    """The file, opened; nothing is asked and nothing is complained about."""
    options = getattr(request, "param", {})
    context = browser.new_context(offline=True, reduced_motion="reduce", **options)
    page = context.new_page()
    asked: list[str] = []
    told: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda problem: told.append(str(problem)))
    page.on("dialog", lambda dialog: told.append(dialog.message))
    page.goto(path.as_uri())
    page.wait_for_selector("html.scripted")
    yield page
    assert asked == [path.as_uri()]
    assert told == []
    assert page.title() != "hacked"
    assert page.locator("img").count() == 0
    context.close()


def shown(page: Any) -> int:
    return int(page.locator(".row:visible").count())


def test_it_says_what_it_is_and_holds_no_secret(page: Any, path: Path) -> None:
    text = page.inner_text("body")
    assert re.search(r"Captured \d{4}-\d\d-\d\d .* from Uploads", text)
    assert re.search(r"\d+ values? w\w+ taken out", text)
    assert f"look {EVIL}" in text
    assert f"GET {EVIL}" in text
    assert b"jdoe@" not in path.read_bytes()


def test_the_policy_lets_only_our_own_script_run(path: Path) -> None:
    page = path.read_text("utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert "unsafe" not in policy
    assert policy.count("sha256-") == 3
    assert "default-src &#x27;none&#x27;" in policy
    assert page.count("<script") == 1


def test_rows_collapse_by_mouse_and_keys(page: Any) -> None:
    total = shown(page)
    assert total > 300
    first = page.locator(".caret").first
    assert first.get_attribute("aria-expanded") == "true"
    first.click()
    assert first.get_attribute("aria-expanded") == "false"
    assert shown(page) < total
    page.locator("summary").first.focus()
    page.keyboard.press("ArrowRight")
    assert shown(page) == total
    page.keyboard.press("ArrowDown")
    assert page.evaluate(
        "document.activeElement === document.querySelectorAll('summary')[1]"
    )
    page.keyboard.press("ArrowLeft")
    assert shown(page) < total
    page.get_by_role("button", name="Expand all").click()
    assert shown(page) == total
    page.keyboard.press("]")
    assert shown(page) < 5
    page.keyboard.press("[")
    assert shown(page) == total


def test_time_zooms_by_buttons_and_keys(page: Any) -> None:
    bar = page.locator("svg.bar").first
    assert bar.get_attribute("viewBox") == "0 0 1000 14"
    whole = page.inner_text("[data-window]")
    page.get_by_role("button", name="Zoom in").click()
    assert bar.get_attribute("viewBox") != "0 0 1000 14"
    assert page.inner_text("[data-window]") != whole
    page.keyboard.press("d")
    page.keyboard.press("0")
    assert bar.get_attribute("viewBox") == "0 0 1000 14"
    assert page.inner_text("[data-window]") == whole
    page.keyboard.press("-")  # there is nothing more to see
    assert bar.get_attribute("viewBox") == "0 0 1000 14"


def test_find_leads_to_rows_that_were_collapsed(page: Any) -> None:
    page.keyboard.press("]")
    page.keyboard.press("/")
    page.keyboard.type("mysql")
    until(lambda: page.inner_text("[data-count]").isdigit(), "a count")
    assert int(page.inner_text("[data-count]")) > 100
    page.keyboard.press("Enter")
    assert page.inner_text("[data-count]").startswith("1 / ")
    row = page.locator(".row.chosen")
    assert row.is_visible()
    assert "mysql" in row.text_content()
    page.keyboard.press("Enter")
    assert row.locator("dl").first.is_visible()
    page.fill("[data-find]", "nowhere at all")
    assert page.inner_text("[data-count]") == "0"


def test_a_row_opens_its_details_as_text(page: Any) -> None:
    summary = page.locator("summary").first
    summary.click()
    details = page.locator(".row.chosen dl").first.inner_text()
    assert EVIL in details
    assert "javascript:alert(1)" in details
    assert page.locator("a").count() == 0


def test_it_is_readable_without_script(browser: Any, path: Path) -> None:
    context = browser.new_context(offline=True, java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator("[data-tools]").is_hidden()
    page.locator("summary").first.click()
    assert page.locator("dl").first.is_visible()
    context.close()


@pytest.mark.parametrize(
    "page",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark"},
        {"viewport": {"width": 390, "height": 844}},
    ],
    indirect=True,
    ids=["light", "dark", "phone"],
)
def test_axe_finds_nothing_serious_in_it(page: Any, tmp_path: Path) -> None:
    page.locator("summary").nth(2).click()
    page.fill("[data-find]", "ratings")
    page.screenshot(path=tmp_path / "file.png")
    assert page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    assert violations(page) == []
