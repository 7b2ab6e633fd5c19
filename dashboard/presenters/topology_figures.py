"""Plotly figures of one node or edge: calls and latency over time, histograms."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from dashboard.graph.histogram import BUCKETS, bounds_ns
from dashboard.graph.measures import Measures
from dashboard.presenters import text

FINE = 2  # buckets put together in pictures: a quarter of a doubling each
QUIET_AXIS = {
    "zeroline": False,
    "showline": False,
    "ticks": "",
    "tickfont": {"size": 11},
    "fixedrange": True,
    "gridcolor": "var(--grid)",
}
MAX_TICKS = 4
Figure = dict[str, Any]


def red_figure(steps: Measures, first: int, step: int) -> Figure:
    """Calls and failures above, latency below, per ``step`` minutes from ``first``."""
    x = [(first + n * step) * 60_000 for n in range(len(steps))]
    good = (steps.count - steps.errors).tolist()
    p50, p95 = (
        [
            value / 1e6 if count else None
            for value, count in zip(ns, counts, strict=True)
        ]
        for ns, counts in (
            (steps.percentile(share)[0].tolist(), steps.count.tolist())
            for share in (0.5, 0.95)
        )
    )
    bars = {"type": "bar", "x": x}
    line = {"type": "scatter", "mode": "lines", "x": x, "yaxis": "y2"}
    return {
        "data": [
            {
                **bars,
                "y": good,
                "name": _("good"),
                "marker": {"color": "var(--line-strong)"},
                "hovertemplate": "%{y} " + _("good") + "<extra></extra>",
            },
            {
                **bars,
                "y": steps.errors.tolist(),
                "name": _("failed"),
                "marker": {
                    "color": "var(--error)",
                    "pattern": {"shape": "/", "size": 4, "solidity": 0.4},
                },
                "hovertemplate": "%{y} " + _("failed") + "<extra></extra>",
            },
            {
                **line,
                "y": p50,
                "name": "p50",
                "line": {"color": "var(--edge)", "width": 1.5},
                "hovertemplate": "p50 %{y:.3~g} ms<extra></extra>",
            },
            {
                **line,
                "y": p95,
                "name": "p95",
                "line": {"color": "var(--ink)", "width": 1.5, "dash": "dot"},
                "hovertemplate": "p95 %{y:.3~g} ms<extra></extra>",
            },
        ],
        "layout": {
            "barmode": "stack",
            "bargap": 0.15,
            "dragmode": False,
            "hovermode": "x unified",
            "xaxis": {"type": "date", "nticks": 5, "tickangle": 0},
            "yaxis": {"domain": [0.56, 1], "nticks": 3, "rangemode": "tozero"},
            "yaxis2": {
                **QUIET_AXIS,
                "domain": [0, 0.44],
                "nticks": 3,
                "rangemode": "tozero",
                "ticksuffix": " ms",
            },
        },
    }


def _edges_ms(low: int, high: int) -> list[float]:
    """Edges of the buckets put together, in ms; the first begins above 0 for the log."""
    return [
        max(bounds_ns(bucket)[0], 500.0) / 1e6
        for bucket in range(low * FINE, high * FINE + 1, FINE)
    ]


def _log_ticks(edges: list[float]) -> dict[str, Any]:
    """Few ticks of a log axis in ms, at round numbers."""
    low, high = edges[0], edges[-1]
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for leading in ((1, 2, 5), (1, 3), (1,)):
        values = [n * 10.0**power for power in powers for n in leading]
        inside = [value for value in values if low <= value <= high]
        if len(inside) <= MAX_TICKS:
            break
    step = max(1, -(-len(inside) // MAX_TICKS))
    inside = inside[::step] or [low]
    return {
        "tickvals": inside,
        "ticktext": [text.duration_us(round(value * 1_000)) for value in inside],
    }


def histogram_figure(histogram: dict[int, int]) -> Figure:
    """How often each latency was seen, on a log axis."""
    wide: dict[int, int] = {}
    for bucket, count in histogram.items():
        wide[bucket // FINE] = wide.get(bucket // FINE, 0) + count
    if not wide:
        return {"data": [], "layout": {}}
    low, high = min(wide), max(wide) + 1
    edges = _edges_ms(low, high)
    counts = [wide.get(place, 0) for place in range(low, high)]
    middles = [(one * other) ** 0.5 for one, other in pairwise(edges)]
    return {
        "data": [
            {
                "type": "bar",
                "x": middles,
                "y": counts,
                "width": [b - a for a, b in pairwise(edges)],
                "customdata": [[f"{a:.3g}", f"{b:.3g}"] for a, b in pairwise(edges)],
                "marker": {"color": "var(--edge)"},
                "hovertemplate": "%{customdata[0]}–%{customdata[1]} ms: %{y}<extra></extra>",
            }
        ],
        "layout": {
            "bargap": 0,
            "dragmode": False,
            "xaxis": {"type": "log", "tickangle": 0, **_log_ticks(edges)},
            "yaxis": {"nticks": 3, "rangemode": "tozero"},
        },
    }


def heatmap_figure(steps: Measures, first: int, step: int) -> Figure:
    """Time against latency (log), darker where more calls took so long."""
    if not len(steps.bucket):
        return {"data": [], "layout": {}}
    low = int(steps.bucket.min()) // FINE
    high = int(min(steps.bucket.max(), BUCKETS - 1)) // FINE + 1
    cells = np.zeros((high - low, len(steps)), np.int64)
    np.add.at(cells, (steps.bucket // FINE - low, steps.hist_row), steps.number)
    return {
        "data": [
            {
                "type": "heatmap",
                "x": [(first + n * step) * 60_000 for n in range(len(steps) + 1)],
                "y": _edges_ms(low, high),
                "z": [[value or None for value in row] for row in cells.tolist()],
                "colorscale": [[0, "var(--line)"], [1, "var(--accent)"]],
                "zmin": 0,
                "showscale": False,
                "hoverongaps": False,
                "hovertemplate": "%{x|%H:%M} · %{y:.3~g} ms · %{z}<extra></extra>",
            }
        ],
        "layout": {
            "dragmode": False,
            "xaxis": {"type": "date", "nticks": 5, "tickangle": 0},
            "yaxis": {"type": "log", **_log_ticks(_edges_ms(low, high))},
        },
    }
