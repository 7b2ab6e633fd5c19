"""Tallies of a window as tables: many packed frames added up by key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dashboard.graph.contribution import Contribution
from dashboard.graph.measures import EMPTY, Measures, add_up
from dashboard.graph.packing import Frame, unpack, words_of
from dashboard.traces.trace import Int64

Words = tuple[str, ...]
Mask = npt.NDArray[np.bool_]
# What is stored together, since it is read together.
GROUPS = {
    "graph": ("edge", "service", "presence", "sampling"),
    "operation": ("operation", "entry", "operation-edge"),
    "instance": ("instance", "instance-edge"),
    "path": ("path",),
}
GROUP_OF = {level: group for group, levels in GROUPS.items() for level in levels}


class Table:
    """One level: its keys, and rows of (key, minute, sums)."""

    __slots__ = ("_totals", "_words", "key", "keys", "minute", "rows")

    def __init__(self, keys: list[bytes], frames: list[tuple[Int64, Frame]]):
        self.keys = keys
        parts = [frame for _, frame in frames]

        def column(name: str) -> Int64:
            found = _joined([getattr(part, name) for part in parts])
            return found.astype(np.int64, copy=False)

        self.key = _joined([key for key, _ in frames])
        self.minute = column("minute")
        lengths = column("lengths")
        # Histograms are the bulk: their columns stay as small as they are stored.
        number: Any = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
        bucket: Any = _joined([part.bucket for part in parts])
        self.rows = Measures(
            column("count"),
            column("errors"),
            column("attempts"),
            column("sum_ns"),
            number,
            bucket,
            column("number"),
        )
        self._words: list[Words] | None = None
        self._totals: Measures | None = None

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def words(self) -> list[Words]:
        """The keys, read."""
        if self._words is None:
            self._words = [words_of(key) for key in self.keys]
        return self._words

    def totals(self) -> Measures:
        """The sums of each key; keys that were taken off again have a count of 0."""
        if self._totals is None:
            self._totals = self.rows.grouped(self.key, len(self.keys))
        return self._totals

    def only(self, keys: Mask) -> Table:
        """The rows of some keys (a mask)."""
        result: Table = Table.__new__(Table)
        result.keys, result._words = self.keys, self._words
        keep = np.flatnonzero(keys[self.key])
        result.rows = self.rows.taken(keep)
        result.key, result.minute = self.key[keep], self.minute[keep]
        result._totals = None
        return result

    def live(self) -> list[int]:
        """Numbers of the keys that count something."""
        return [int(n) for n in np.flatnonzero(self.totals().count)]

    def series(self, keys: Mask, first: int, last: int) -> tuple[Int64, Int64]:
        """Counts and errors per minute ``first`` to ``last`` of some keys (a mask)."""
        size = last - first + 1
        inside = keys[self.key] & (self.minute >= first) & (self.minute <= last)
        at = self.minute[inside] - first
        return (
            add_up(at, self.rows.count[inside], size),
            add_up(at, self.rows.errors[inside], size),
        )

    def by_step(self, keys: Mask, first: int, last: int) -> Measures:
        """The sums of some keys (a mask) for each step of a window, see ``step_of``."""
        step = step_of(first, last)
        begin, end = first // step, last // step
        at = self.minute // step - begin
        inside = keys[self.key] & (at >= 0) & (at <= end - begin)
        return self.rows.grouped(np.where(inside, at, -1), end - begin + 1)


STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 240, 720, 1440)
MAX_STEPS = 180


def step_of(first: int, last: int) -> int:
    """Minutes that are put together in series of a window; steps begin at multiples."""
    length = last - first + 1
    return next((step for step in STEPS if length <= step * MAX_STEPS), STEPS[-1])


def _joined(parts: list[Int64]) -> Int64:
    return np.concatenate(parts) if parts else EMPTY


class Adder:
    """Collects frames and gives tables."""

    def __init__(self) -> None:
        self.index: dict[str, dict[bytes, int]] = {}
        self.frames: dict[str, list[tuple[Int64, Frame]]] = {}

    def copy(self) -> Adder:
        """Another one that goes on from here."""
        other = Adder()
        other.index = {level: dict(index) for level, index in self.index.items()}
        other.frames = {level: list(found) for level, found in self.frames.items()}
        return other

    def add(self, frames: Mapping[str, Frame]) -> None:
        """Add the frames of one block."""
        for level, frame in frames.items():
            if not len(frame):
                continue
            index = self.index.setdefault(level, {})
            find = index.setdefault
            keys = np.array([find(key, len(index)) for key in frame.keys], np.int64)
            self.frames.setdefault(level, []).append((keys, frame))

    def compact(self, step: int) -> dict[str, Frame]:
        """One frame of each level with the sums of ``step`` minutes each."""
        return {
            level: _compact(Table(list(index), self.frames[level]), step)
            for level, index in self.index.items()
        }

    def tables(self, levels: Iterable[str]) -> dict[str, Table]:
        """A table of each level, empty where nothing was added."""
        return {
            level: Table(list(self.index.get(level, {})), self.frames.get(level, []))
            for level in levels
        }


def _compact(table: Table, step: int) -> Frame:
    steps = table.minute // step
    low = int(steps.min(initial=0))
    size = int(steps.max(initial=0)) - low + 1
    cells, place = np.unique(table.key * size + steps - low, return_inverse=True)
    sums = table.rows.grouped(place, len(cells))
    lengths = np.bincount(sums.hist_row, minlength=len(cells))
    bucket: Any = sums.bucket.astype(np.int16)
    return Frame(
        keys=[table.keys[n] for n in (cells // size).tolist()],
        minute=(cells % size + low) * step,
        count=sums.count,
        errors=sums.errors,
        attempts=sums.attempts,
        sum_ns=sums.sum_ns,
        lengths=lengths,
        bucket=bucket,
        number=_small(sums.number),
    )


def _small(column: Int64) -> Any:
    """The same numbers in half the room, where they fit."""
    fits = not len(column) or max(column.max(), -column.min()) < 2**31
    return column.astype(np.int32) if fits else column


def within(frame: Frame, first: int, last: int) -> Frame:
    """The rows of the minutes ``first`` to ``last``."""
    inside = (frame.minute >= first) & (frame.minute <= last)
    if inside.all():
        return frame
    rows = np.flatnonzero(inside)
    cells = np.repeat(inside, frame.lengths)
    return Frame(
        keys=[frame.keys[row] for row in rows.tolist()],
        minute=frame.minute[rows],
        count=frame.count[rows],
        errors=frame.errors[rows],
        attempts=frame.attempts[rows],
        sum_ns=frame.sum_ns[rows],
        lengths=frame.lengths[rows],
        bucket=frame.bucket[cells],
        number=frame.number[cells],
    )


def tables_of(found: Contribution, levels: Iterable[str]) -> dict[str, Table]:
    """Tables of a contribution."""
    adder = Adder()
    adder.add(unpack(found.to_bytes()))
    return adder.tables(levels)
