"""axe-core, which looks for what keeps people with a disability out."""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.peers.need import need
from tests.peers.running import ROOT

PATH = ROOT / ".peers" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def source() -> str:
    """The library's text."""
    need(PATH.exists(), "axe-core", "npm install --prefix .peers/npm axe-core@4")
    return PATH.read_text("utf-8")


def violations(
    page: Any, levels: tuple[str, ...] = ("serious", "critical")
) -> list[str]:
    """What axe finds on a page at these levels, as lines that a person can read."""
    # Evaluated by the debugger: the page's own policy lets no script in.
    page.evaluate(source())
    found = page.evaluate(
        "async rules => (await axe.run(document, {runOnly: rules})).violations", RULES
    )
    return [
        f"{one['impact']} {one['id']}: {node['html'][:160]} ({node['failureSummary']})"
        for one in found
        if one["impact"] in levels
        for node in one["nodes"]
    ]
