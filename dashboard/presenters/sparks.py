"""Small charts as plain numbers, drawn as SVG by templates."""

from __future__ import annotations

from typing import Any

from dashboard.graph.measures import Measures

WIDTH, HEIGHT = 120, 22
MIDDLE = 15  # calls grow upwards from here, failures downwards


def red_spark(series: Measures, p95: list[int], row: int, steps: int) -> dict[str, Any]:
    """Calls above, failures below, and the p95, of one group of a series."""
    part = slice(row * steps, (row + 1) * steps)
    counts = series.count[part].tolist()
    errors = series.errors[part].tolist()
    width = WIDTH / max(steps, 1)
    most, worst = max(counts, default=0) or 1, max(errors, default=0) or 1
    down = HEIGHT - MIDDLE
    share = min(1.0, max(worst / most, 0.3))  # few failures are still seen
    thick = round(max(width - 0.4, 0.4), 1)
    return {
        "calls": bars_of(counts, MIDDLE / most, width, thick, -1),
        "errors": bars_of(errors, down * share / worst, width, thick, 1),
        "line": line_of(p95[part], counts, width),
    }


def bars_of(
    values: list[int], scale: float, width: float, thick: float, sign: int
) -> str:
    """Bars from the middle up (``sign`` -1) or down, as one path; none for 0."""
    return "".join(
        f"M{n * width:.1f} {MIDDLE}v{sign * max(value * scale, 1):.1f}h{thick}V{MIDDLE}z"
        for n, value in enumerate(values)
        if value
    )


def line_of(values: list[int], counts: list[int], width: float) -> str:
    """A path through the steps that have calls; gaps stay gaps."""
    most = max((v for v, n in zip(values, counts, strict=True) if n), default=0) or 1
    words = []
    begun = False
    for place, (value, count) in enumerate(zip(values, counts, strict=True)):
        if not count:
            begun = False
            continue
        x = round((place + 0.5) * width, 1)
        y = round(HEIGHT - 1 - value / most * (HEIGHT - 2), 1)
        words.append(f"{'L' if begun else 'M'}{x} {y}")
        if not begun:
            words.append("h0.1")
        begun = True
    return "".join(words)
