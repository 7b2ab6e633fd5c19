"""Plotly figures as plain data; colours are names of tokens, set in the page."""

from __future__ import annotations

from typing import Any


def latency_scatter() -> dict[str, Any]:
    """Start against duration (log); failed ones are crosses. The page puts in the dots."""

    def trace(marker: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "scatter",
            "mode": "markers",
            "hovertemplate": "%{text}<extra></extra>",
            "marker": marker,
        }

    return {
        "data": [
            trace({"size": 6, "color": "var(--edge)", "opacity": 0.6}),
            trace(
                {
                    "size": 7,
                    "color": "var(--error)",
                    "symbol": "x-thin-open",
                    "line": {"width": 1.5},
                },
            ),
        ],
        "layout": {
            "xaxis": {
                "type": "date",
                "tickformat": "%H:%M:%S",
                "nticks": 8,
                "tickangle": 0,
            },
            "yaxis": {"type": "log", "ticksuffix": " ms", "dtick": 1},
            "dragmode": "select",
            "selectionrevision": 1,
            "newselection": {"line": {"color": "var(--accent)", "dash": "solid"}},
        },
    }
