"""Takes the pictures of the pages from a running Spanboard.

./spanboard up &
.venv/bin/python scripts/screenshots.py http://127.0.0.1:8765 docs/images
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

CHROMIUM = next(
    (p for p in map(shutil.which, ("chromium", "google-chrome")) if p), None
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZES = {"": (1440, 900), "-390": (390, 844)}


def take(page: Page, base: str, folder: Path, ending: str) -> None:
    """Every page at the size and theme that the page object has."""
    page.goto(f"{base}/search?error=true")
    page.wait_for_selector(".trace-row")
    trace = page.locator(".trace-row").first.get_attribute("href")
    for name, path, ready in (
        ("search", "/", ".scatter .main-svg, .trace-row"),
        ("graph", "/graph", ".service-node, .dependency-edge"),
        ("trace", f"{trace}", "[data-ready]"),
        ("sources", "/sources", ".source-row"),
        ("shares", "/shares", "main"),
    ):
        page.goto(base + path)
        page.wait_for_selector(ready, state="attached")
        page.wait_for_timeout(1500)
        if name == "trace":
            failed = page.locator(".span-row:has(.sign-error)").last
            failed.click()
            page.wait_for_selector(".panel .figures")
            page.wait_for_timeout(400)
        page.screenshot(path=folder / f"{name}{ending}.png")


def main() -> None:
    """Light and dark, wide and narrow."""
    base, folder = sys.argv[1].rstrip("/"), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for size, (width, height) in SIZES.items():
            for theme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=theme
                )
                page = context.new_page()
                page.on(
                    "console",
                    lambda m: (
                        print(m.type, m.text)
                        if m.type in ("error", "warning")
                        else None
                    ),
                )
                page.on("pageerror", lambda error: print("page error:", error))
                take(page, base, folder, f"-{theme}{size}")
                context.close()
        browser.close()


if __name__ == "__main__":
    main()
