"""Stretches of time: cut in pieces, added up, taken away; no database here."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

FLOOR_US = 1_000  # windows are not split below a millisecond
FIRST_SPAN_US = 60_000_000
PARTS = 8  # cut off a dense window at once
Stretch = tuple[int, int]  # start and end, µs since the epoch


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, microseconds since the epoch."""

    start_us: int
    end_us: int

    def halves(self) -> tuple[Window, Window] | None:
        """Both halves, the earlier one first; ``None`` at the floor."""
        if self.end_us - self.start_us <= 2 * FLOOR_US:
            return None
        middle = (self.start_us + self.end_us) // 2
        return Window(self.start_us, middle), Window(middle, self.end_us)

    def dense_parts(
        self, oldest_us: int, newest_us: int, share: float
    ) -> list[Window] | None:
        """Parts of a window of which an answer had the newest traces, earliest first.

        Those traces started from ``oldest_us`` to ``newest_us``; a part is a
        ``share`` of that long. ``None`` where the answer reaches into the earlier
        half: then they are not only the newest, or halving does as well.
        """
        length_us = round((newest_us - oldest_us) * share)
        middle = (self.start_us + self.end_us) // 2
        if length_us <= FLOOR_US or not middle < oldest_us < newest_us <= self.end_us:
            return None
        edges = [self.end_us]
        for number in range(1, PARTS + 1):
            edge = newest_us - number * length_us
            if edge <= self.start_us:
                break
            edges.append(edge)
        edges.append(self.start_us)
        return [Window(a, b) for b, a in itertools.pairwise(edges)][::-1]


def growing_windows(
    start_us: int, end_us: int, first_us: int = 10 * FIRST_SPAN_US
) -> list[Window]:
    """A long stretch in pieces that double in length towards the past, newest first.

    ``first_us``: the length of the newest piece.
    """
    windows, length = [], first_us
    while end_us > start_us:
        first = max(start_us, end_us - length)
        windows.append(Window(first, end_us))
        end_us, length = first, length * 2
    return windows


def even_windows(start_us: int, end_us: int, length_us: int) -> list[Window]:
    """A stretch in pieces of at most a length, newest first."""
    windows = []
    while end_us > start_us:
        first = max(start_us, end_us - length_us)
        windows.append(Window(first, end_us))
        end_us = first
    return windows


def joined(stretches: Iterable[Iterable[int]]) -> list[Stretch]:
    """The same time as few stretches, in order; empty ones are dropped."""
    result: list[Stretch] = []
    for start, end in sorted((int(s), int(e)) for s, e in stretches):
        if end <= start:
            continue
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


def without(stretches: Iterable[Stretch], start_us: int, end_us: int) -> list[Stretch]:
    """Stretches less the time from ``start_us`` to ``end_us``."""
    result = []
    for start, end in stretches:
        if end <= start_us or start >= end_us:
            result.append((start, end))
            continue
        if start < start_us:
            result.append((start, start_us))
        if end > end_us:
            result.append((end_us, end))
    return result


def since(stretches: Iterable[Stretch], limit_us: int) -> list[Stretch]:
    """Stretches less what lies before a limit."""
    return joined((max(start, limit_us), end) for start, end in stretches)
