"""Extracts the stylesheet that Plotly would inject into a file of ours.

Run it after each change of the vendored bundle: a strict Content-Security-Policy
refuses injected styles, and Plotly injects none when it finds this file linked.
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "static/dashboard/vendor/plotly"
BUNDLE = FOLDER / "plotly-cartesian.min.js"
TARGET = FOLDER / "plotly.css"
PAIR = re.compile(
    r'("(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|\w+):("(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'),?'
)


def rules(bundle: str) -> list[tuple[str, str]]:
    """Selectors and declarations in the bundle's own table."""
    start = bundle.index('{"X,X div":') + 1
    found, position = [], start
    while bundle[position] != "}":
        match = PAIR.match(bundle, position)
        if match is None:
            raise ValueError(f"not understood: {bundle[position : position + 80]}")
        selector, text = (part.strip("\"'") for part in match.groups())
        selector = selector.replace("X", ".js-plotly-plot .plotly")
        found.append((selector.replace("Y", ".plotly-notifier"), text))
        position = match.end()
    return found


if __name__ == "__main__":
    lines = [
        f"{selector} {{ {text} }}"
        for selector, text in rules(BUNDLE.read_text("utf-8"))
    ]
    TARGET.write_text(
        "/* Plotly's own rules, extracted by scripts/plotly_css.py */\n"
        + "\n".join(lines)
        + "\n"
    )
    print(f"{len(lines)} rules")
