"""The band under the graph: the stored time with its rates."""

from __future__ import annotations

from typing import Any

from dashboard.graph.options import MINUTE_US, GraphOptions
from dashboard.reads.band import read_band, stored_minutes


def band_data(options: GraphOptions) -> dict[str, Any]:
    """Requests, failures and rates of the stored time, or of fixed times."""
    stored = stored_minutes(options.source)
    first, last = stored or (0, -1)
    if options.start_us is not None:
        first = max(first, options.start_us // MINUTE_US)
    if options.end_us is not None:
        last = min(last, (options.end_us - 1) // MINUTE_US)
    points = read_band(first, last, options.source) if stored else []
    coarse = [point for point in points if point.minutes >= 60]
    fine = next((point.minutes for point in points if point.minutes < 60), 1)
    return {
        "first_us": first * MINUTE_US if points else None,
        "last_us": (last + 1) * MINUTE_US if points else None,
        "step_us": fine * MINUTE_US,
        "coarse_before_us": max(
            ((point.minute + point.minutes) * MINUTE_US for point in coarse),
            default=None,
        ),
        "start_us": [point.minute * MINUTE_US for point in points],
        "length_us": [point.minutes * MINUTE_US for point in points],
        "requests": [point.requests for point in points],
        "failed": [point.failed for point in points],
        "rate": [round(point.requests / (point.minutes * 60), 4) for point in points],
    }
