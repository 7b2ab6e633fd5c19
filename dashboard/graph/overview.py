"""Rates, errors and durations of many groups of keys at once, and over time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from dashboard.graph.measures import Measures
from dashboard.graph.tables import Table, Words
from dashboard.traces.trace import Int64

POINTS = 60  # of a small chart, at most
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Grouping:
    """Groups of a table's keys: their names, and the group of each key (-1: none)."""

    names: list[Hashable]
    owner: Int64


def group_keys(table: Table, name_of: Callable[[Words], Name | None]) -> Grouping:
    """Group a table's keys by a name; keys that count nothing are left out."""
    owner = np.full(len(table.keys), -1, np.int64)
    numbers: dict[Hashable, int] = {}
    words = table.words
    for key in table.live():
        name = name_of(words[key])
        if name is not None:
            owner[key] = numbers.setdefault(name, len(numbers))
    return Grouping(list(numbers), owner)


def sums_of(table: Table, groups: Grouping) -> Measures:
    """One row for each group."""
    if not len(groups.names):
        return Measures.none(0)
    return table.rows.grouped(groups.owner[table.key], len(groups.names))


def series_of(
    table: Table, groups: Grouping, chosen: Iterable[int], first: int, last: int
) -> tuple[Measures, int]:
    """Sums over time of the chosen groups; how many steps each has.

    Row ``n * steps + k`` is step ``k`` of the ``n``-th chosen group.
    """
    length = last - first + 1
    step = -(-length // POINTS)
    steps = -(-length // step)
    place = np.full(len(groups.names) + 1, -1, np.int64)  # the last one: no group
    numbers = list(chosen)
    place[numbers] = np.arange(len(numbers))
    row = place[groups.owner[table.key]]
    at = (table.minute - first) // step
    inside = (row >= 0) & (at >= 0) & (at < steps)
    group = np.where(inside, row * steps + at, -1)
    return table.rows.grouped(group, len(numbers) * steps), steps
