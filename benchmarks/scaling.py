"""The table of docs/scaling.md from its own inputs: ``python -m benchmarks.scaling``.

A test holds that the document shows what this prints.
"""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parent.parent / "docs/scaling.md"
LOADS = (100, 1_000, 10_000, 50_000, 100_000, 1_000_000)  # spans a second
DAY_S = 86_400
HEAD = (
    "spans/s",
    "traces/s",
    "cores, ingest",
    "server processes",
    "cores, PostgreSQL",
    "rows/s",
    "MB/s in",
    "GB a day",
    "1M traces last",
)


def inputs(text: str) -> dict[str, float]:
    """The figures of the table of inputs, by their letters."""
    rows = re.findall(r"^\| `(\w)` \| [^|]* \| ([\d,.]+) ", text, re.M)
    return {name: float(figure.replace(",", "")) for name, figure in rows}


def short(value: float) -> str:
    """Two digits that mean something."""
    if value >= 100:
        return f"{float(f'{value:.2g}'):,.0f}"
    return f"{value:.2g}"


def lasting(seconds: float) -> str:
    """How long, in the unit that fits."""
    for unit, size in (("days", DAY_S), ("h", 3_600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"{short(seconds / size)} {unit}"
    return f"{short(seconds)} s"


def row(load: float, given: dict[str, float]) -> tuple[str, ...]:
    """What one load needs."""
    traces = load / given["n"]
    return (
        f"{load:,.0f}",
        short(traces),
        short(load / given["c"]),
        str(max(1, -(-load // given["w"]).__int__())),
        short(load / given["p"]),
        short(traces * (1 + given["t"])),
        short(load * given["o"] / 1e6),
        short(load * given["b"] * DAY_S / 1e9),
        lasting(1e6 / traces),
    )


def table(text: str) -> str:
    """The whole table as Markdown."""
    given = inputs(text)
    rows = [HEAD, ("---",) * len(HEAD), *(row(load, given) for load in LOADS)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


if __name__ == "__main__":
    print(table(DOCUMENT.read_text("utf-8")))
