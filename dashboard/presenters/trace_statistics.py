"""Statistics of one trace by one key or two, as plain data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dashboard.analysis.statistics import Statistics, statistics_of
from dashboard.analysis.tag_values import Frames, Values, keys_of, values_of
from dashboard.presenters.colors import slots
from dashboard.traces.trace import Int64, Trace

MAX_GROUPS = 5_000
REST = -2  # the number of rows whose group is left out


def statistics(
    trace: Trace,
    self_ns: Int64,
    frames: Callable[[], Frames],
    by: str,
    then: str = "",
) -> dict[str, Any]:
    """Groups by ``by`` and within each by ``then``, most self time first.

    ``name`` is null for spans that have no such tag. Times are nanoseconds.
    Raises ``KeyError`` for a tag that no span has.
    """
    outer = values_of(trace, frames(), by)
    groups, left_off = _level(trace, self_ns, outer.number, outer)
    if then:
        inner = values_of(trace, frames(), then)
        width = len(inner.names) + 1
        both = (outer.number + 1) * width + inner.number + 1
        within: dict[int, list[dict[str, Any]]] = {}
        found, more = _level(trace, self_ns, both, inner, width)
        left_off += more
        for entry in found:
            within.setdefault(entry["number"] // width - 1, []).append(entry)
        for entry in groups:
            entry["groups"] = within.get(entry["number"], [])
    for entry in groups:
        for one in (entry, *entry.get("groups", ())):
            del one["number"]
    colours = slots(trace.services)
    return {
        "by": by,
        "then": then,
        "spans": len(trace),
        "self_ns": int(self_ns.sum()),
        "left_off": left_off,
        "services": {name: colours[name] for name in trace.services},
        "keys": keys_of(trace, frames()),
        "groups": groups,
    }


def _level(
    trace: Trace, self_ns: Int64, group: Int64, values: Values, width: int = 0
) -> tuple[list[dict[str, Any]], int]:
    """Groups of one level, and how many with the least self time are left out."""
    numbers, place = np.unique(group, return_inverse=True)
    left_off = max(0, len(numbers) - MAX_GROUPS)
    if left_off:
        # Ids make as many groups as spans: only those that are told are computed.
        sums = np.zeros(len(numbers), np.int64)
        np.add.at(sums, place.reshape(-1), self_ns)
        kept = np.zeros(len(numbers), bool)
        kept[np.argsort(-sums, kind="stable")[:MAX_GROUPS]] = True
        group = np.where(kept[place.reshape(-1)], group, REST)
        numbers = numbers[kept]
    names = {number: str(number) for number in (*numbers.tolist(), REST)}
    found = statistics_of(trace, self_ns, group, names)
    found = [one for one in found if one.name != str(REST)]
    whole = max(int(self_ns.sum()), 1)
    entries = []
    for one in found:
        number = int(one.name)
        index = number % width - 1 if width else number
        name = values.names[index] if index >= 0 else None
        entries.append({"number": number, "name": name, **_figures(one, whole)})
    entries.sort(key=lambda entry: (-entry["self"], entry["name"] or ""))
    return entries, left_off


def _figures(one: Statistics, whole_ns: int) -> dict[str, Any]:
    return {
        "count": one.count,
        "errors": one.errors,
        "total": one.total_ns,
        "avg": round(one.mean_ns),
        "min": one.min_ns,
        "max": one.max_ns,
        "p50": one.percentiles_ns[50],
        "p95": one.percentiles_ns[95],
        "p99": one.percentiles_ns[99],
        "self": one.self_ns,
        "self_avg": round(one.self_ns / one.count),
        "share": round(one.self_ns / whole_ns, 5),
    }
