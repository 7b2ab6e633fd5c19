"""Values that link patterns ask for by name: of the trace, of a span, of its callers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dashboard.analysis.link_patterns import trace_links
from dashboard.presenters.shown import Shown
from dashboard.traces.details import read_details
from dashboard.traces.trace import SpanDetails, Tag, Trace

MAX_CALLERS = 20  # whose tags are looked through


def trace_values(shown: Shown) -> dict[str, Any]:
    """What ``#{traceID}`` and its like stand for; times in µs."""
    summary = shown.summary
    service, operation = summary["root_service"], summary["root_operation"]
    return {
        "traceID": summary["trace_id"],
        "traceName": f"{service}: {operation}",
        "rootService": service,
        "rootOperation": operation,
        "startTime": summary["start_us"],
        "endTime": summary["start_us"] + summary["duration_us"],
        "duration": summary["duration_us"],
    }


def span_values(trace: Trace, row: int) -> dict[str, Any]:
    """What ``#{spanID}`` and its like stand for; times in µs."""
    start_us = int(trace.start_ns[row]) // 1_000
    duration_us = int(trace.duration_ns[row]) // 1_000
    return {
        "spanID": trace.span_ids[row],
        "operationName": trace.operation_name(row),
        "serviceName": trace.service_name(row),
        "startTime": start_us,
        "endTime": start_us + duration_us,
        "duration": duration_us,
    }


def header_links(shown: Shown) -> list[dict[str, str]]:
    """Links of the whole trace."""
    if not shown.patterns:
        return []
    values = trace_values(shown)
    prefixed = {f"trace.{name}": value for name, value in values.items()}
    return trace_links(shown.patterns, {**prefixed, **values}.get)


def name_finder(
    shown: Shown, row: int, details: SpanDetails, read: Callable[[int], bytes]
) -> Callable[[str], Any]:
    """Looks a name up in the span, its process, its callers; then among fixed names.

    Callers are only read when a name is found neither in the span nor its process.
    """
    trace = shown.trace
    layers: list[Mapping[str, Any]] = []
    above = row
    first = True

    def layer() -> bool:
        """Read one more span; false at the root or when enough were read."""
        nonlocal above, first
        if first:
            tags, first = details.tags, False
        else:
            above = int(trace.parent[above])
            if above < 0 or len(layers) > 2 * MAX_CALLERS:
                return False
            tags = read_details(read(above)).tags
        layers.append(_by_key(tags))
        layers.append(_by_key(trace.processes[trace.process[above]].tags))
        return True

    def find(name: str) -> Any:
        place = 0
        while place < len(layers) or layer():
            value = layers[place].get(name)
            if value is not None:
                return value
            place += 1
        return fixed.get(name)

    of_trace, of_span = trace_values(shown), span_values(trace, row)
    fixed = {
        **of_span,
        **of_trace,
        **{f"trace.{name}": value for name, value in of_trace.items()},
        **{f"span.{name}": value for name, value in of_span.items()},
    }
    return find


def _by_key(tags: tuple[Tag, ...]) -> dict[str, Any]:
    """Values by key; of several the first."""
    return {tag.key: tag.value for tag in reversed(tags)}
