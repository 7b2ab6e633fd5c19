"""Addresses with absolute times: a link shows later what it showed when it was made."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from dashboard.graph.options import DEFAULT_LOOKBACK
from dashboard.traces.durations import parse_duration

SEARCH, GRAPH = ("/", "/search"), ("/graph", "/dependencies")


def absolute(path: str, now_us: int) -> str:
    """A page's path with its relative times made absolute, as they are now.

    A ``lookback`` becomes ``start`` and ``end`` (µs since the epoch). A search of
    everything stored ends now; a graph without a window shows its usual one. A
    look-back that can not be read stays, and the page says so.
    """
    place, _, query = path.partition("?")
    if place not in (*SEARCH, *GRAPH):
        return path
    pairs = parse_qsl(query, keep_blank_values=True)
    names = {name for name, _ in pairs}
    if names & {"start", "at", "traceID"}:
        return path  # the moment of a replay is absolute, and its look-back follows
    lookback = next((value for name, value in pairs if name == "lookback"), "")
    if place in GRAPH:
        lookback = lookback or DEFAULT_LOOKBACK
    rest = [(name, value) for name, value in pairs if name not in ("lookback", "end")]
    if not lookback or lookback == "custom":
        return f"{place}?{urlencode([*rest, ('end', str(now_us))])}"
    try:
        length_us = parse_duration(lookback) // 1_000
    except ValueError:
        return path
    window = [("start", str(now_us - length_us)), ("end", str(now_us))]
    return f"{place}?{urlencode([*rest, *window])}"
