"""Whether calls belong to requests, or only run beside them.

That calls lie within requests proves little where requests are always open. But a
call that a request makes comes at about the same place within each, while a job
does not care. So all calls are moved together by many times, and what was seen is
held against what is seen then. Traffic and a job with the same beat look alike
when moved by it: nothing is said of them then, and neither of bursts, since the
moves are small ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
MOVES, NEAR_MOVES = 400, 41
MOST_CALLS = 400
FARTHEST = 10.0  # times a request, or the time between two
BEATS = 3
GOLDEN = 0.6180339887498949
APART = 0.1  # so much of the difference must be to the closest of all moves
CLOCK_NS = 200_000  # differences below are the clocks'


@dataclass(frozen=True, slots=True)
class Beside:
    """What chance does: ``share`` of the ``of`` calls lie within requests when they
    are moved, at ``most`` so large a one. ``closeness`` is in standard deviations, 0
    where nothing is seen.
    """

    share: float
    most: float
    of: int
    closeness: float


def beside(requests: tuple[Times, Times], calls: tuple[Times, Times]) -> Beside:
    """Move calls about requests (starts and ends in ns); no dice are thrown."""
    order = np.argsort(requests[0], kind="stable")
    starts, until = requests[0][order], np.maximum.accumulate(requests[1][order])
    order = np.argsort(calls[0], kind="stable")[-MOST_CALLS:]
    first, last = calls[0][order], calls[1][order]
    if len(starts) < 2 or len(first) < 2:
        return Beside(1.0, 1.0, len(first), 0.0)
    near, far = _moves(starts, requests[1] - requests[0])
    moves = np.append(near, far)
    begun, ended = moves[:, None] + first[None, :], moves[:, None] + last[None, :]
    # What is moved out of the time that was watched says nothing.
    watched = (begun >= min(starts[0], first[0])) & (ended <= max(until[-1], last[-1]))
    told = watched.sum(axis=1)
    place = np.searchsorted(starts, begun, side="right") - 1
    within = (place >= 0) & (until[place] >= ended) & watched
    share = (within.sum(axis=1) / np.maximum(told, 1))[len(near) :]
    enough = told[len(near) :] * 2 >= len(first)
    if not enough.any():
        return Beside(1.0, 1.0, len(first), 0.0)
    ends = np.sort(requests[1])
    best = 0.0
    for gaps in (_since(begun, starts), _until(ended, ends)):
        mean = np.where(watched, np.log(gaps), 0.0).sum(axis=1) / np.maximum(told, 1)
        seen = mean[: len(near)][told[: len(near)] * 2 >= len(first)].min()
        chance = mean[len(near) :][enough]
        spread = float(chance.std())
        least = float(chance.mean() - seen)
        if spread > 0 and float(chance.min() - seen) > APART * least:
            best = max(best, least / spread)
    share = share[enough]
    return Beside(float(share.mean()), float(share.max()), len(first), best)


def _moves(starts: Times, lasted: Times) -> tuple[Times, Times]:
    """Moves that leave a call about its own request, and such that do not."""
    usual = max(float(np.median(lasted)), CLOCK_NS)
    between = max(float(np.median(np.diff(starts))), CLOCK_NS)
    least = min(usual, between)
    place = (np.arange(1, MOVES + 1) * GOLDEN) % 1.0
    far = least + place * FARTHEST * max(usual, between)
    far[::2] *= -1
    near = np.linspace(-least, least, NEAR_MOVES)
    # By whole beats, where a job with the beat of the traffic looks as it did.
    beats = np.concatenate([n * between + near for n in range(-BEATS, BEATS + 1)])
    far = np.append(far, beats[np.abs(beats) > least])
    return near.astype(np.int64), far.astype(np.int64)


def _since(at: Times, starts: Times) -> NDArray[np.float64]:
    """From the last request's start to each moment."""
    place = np.searchsorted(starts, at + CLOCK_NS // 2, side="right") - 1
    gaps = at - starts[np.maximum(place, 0)]
    return np.maximum(np.abs(gaps), CLOCK_NS).astype(np.float64)


def _until(at: Times, ends: Times) -> NDArray[np.float64]:
    """From each moment to the next end of a request."""
    place = np.searchsorted(ends, at - CLOCK_NS // 2, side="left")
    gaps = ends[np.minimum(place, len(ends) - 1)] - at
    return np.maximum(np.abs(gaps), CLOCK_NS).astype(np.float64)
