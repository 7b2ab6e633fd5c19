"""Plotly figures as plain data; colours are names of tokens, set in the page."""

from __future__ import annotations

from typing import Any


def latency_scatter(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Start against duration (log) of the rows shown; failed ones are crosses."""
    good = [row for row in rows if not row["error_count"]]
    failed = [row for row in rows if row["error_count"]]

    def trace(part: list[dict[str, Any]], marker: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "scatter",
            "mode": "markers",
            "x": [row["start_us"] / 1000 for row in part],
            "y": [max(row["duration_us"], 1) / 1000 for row in part],
            "customdata": [row["url"] for row in part],
            "text": [
                f"{_plain(row['root_service'])} {_plain(row['root_operation'])}<br>"
                f"{row['duration_text']}"
                for row in part
            ],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": marker,
        }

    return {
        "data": [
            trace(good, {"size": 6, "color": "var(--edge)", "opacity": 0.6}),
            trace(
                failed,
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
            "dragmode": False,
        },
    }


def _plain(text: str) -> str:
    """Text without what Plotly would read as markup."""
    return text[:120].replace("&", "&amp;").replace("<", "&lt;").replace("%{", "% {")
