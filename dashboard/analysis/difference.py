"""Why one group of traces takes longer than another: which paths, and how much.

The time on the critical path of all paths adds up to the time of the main roots, so
the differences of the paths add up to the whole difference, with nothing counted
twice where calls run in parallel.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from dashboard.analysis.compare import Comparison, PathDifference, Side
from dashboard.analysis.significance import holm, mann_whitney

ALPHA = 0.01
MAIN_SHARE = 0.5  # of what is below: the story follows a call that has so much
LEAST_TRACES = 5  # on both sides, for any test
Order = list[int]


@dataclass(frozen=True, slots=True)
class Part:
    """What one path adds to the difference, in ns per trace (b minus a).

    ``own_ns``: its own time on the critical path; ``below_ns``: with all below it.
    ``p``: chance of such a difference of its own times without a cause, corrected
    for the number of paths; ``None`` where too few traces were compared.
    """

    path: PathDifference
    own_ns: float
    below_ns: float
    p: float | None

    @property
    def sure(self) -> bool:
        """Whether its own time differs by more than chance."""
        return self.p is not None and self.p < ALPHA


@dataclass(frozen=True, slots=True)
class Difference:
    """The whole: times of the main roots in ns per trace, parts by path's number."""

    a_ns: float
    b_ns: float
    parts: list[Part]

    @property
    def total_ns(self) -> float:
        """How much longer b takes than a; negative where it is faster."""
        return self.b_ns - self.a_ns

    def share(self, value_ns: float) -> float:
        """A part of the difference as 0..1; above 1 where others make up for it."""
        return value_ns / self.total_ns if self.total_ns else 0.0


def explain(found: Comparison) -> Difference:
    """Take the difference in time apart by path."""
    a, b = max(found.a_traces, 1), max(found.b_traces, 1)
    own = [one.b.critical_ns / b - one.a.critical_ns / a for one in found.paths]
    below = list(own)
    for one in reversed(found.paths):  # a path's number is above its parent's
        if one.above >= 0:
            below[one.above] += below[one.number]
    chances: dict[int, float] = {}
    if min(found.a_traces, found.b_traces) >= LEAST_TRACES:
        tested = [one for one in found.paths if one.a.critical_ns or one.b.critical_ns]
        values = [
            mann_whitney(_times(one.a, found.a_traces), _times(one.b, found.b_traces))[
                0
            ]
            for one in tested
        ]
        chances = dict(zip((one.number for one in tested), holm(values), strict=True))
    known = bool(chances)
    return Difference(
        sum(one.a.critical_ns for one in found.paths) / a,
        sum(one.b.critical_ns for one in found.paths) / b,
        [
            Part(
                one,
                own[one.number],
                below[one.number],
                chances.get(one.number, 1.0) if known else None,
            )
            for one in found.paths
        ],
    )


def chance_of_times(a_ns: list[int], b_ns: list[int]) -> float | None:
    """The chance that two groups' times differ so much without a cause.

    ``None`` where there are too few of them.
    """
    if min(len(a_ns), len(b_ns)) < LEAST_TRACES:
        return None
    return mann_whitney(Counter(a_ns), Counter(b_ns))[0]


def _times(side: Side, traces: int) -> Counter[int]:
    """Time of each trace → number; traces without the path spend none on it."""
    times = Counter(side.each_ns)
    times[0] += traces - side.traces
    return times


def main_line(found: Difference) -> list[Part]:
    """From a root down the calls that hold most of the difference.

    It ends where no call below has ``MAIN_SHARE`` of what is left.
    """
    children: dict[int, list[Part]] = {}
    for part in found.parts:
        children.setdefault(part.path.above, []).append(part)
    sign = 1 if found.total_ns >= 0 else -1
    line: list[Part] = []
    here, left = -1, abs(found.total_ns)
    while left > 0 and here in children:
        best = max(children[here], key=lambda part: sign * part.below_ns)
        if sign * best.below_ns < MAIN_SHARE * left:
            break
        line.append(best)
        here, left = best.path.number, sign * best.below_ns
    return line


def in_tree_order(found: Difference, limit: int) -> list[Part]:
    """At most ``limit`` parts, each after its parent: those that matter most.

    A path matters by its time, then by being on one side only, then by its place.
    """
    parts = found.parts
    weight = sorted(
        range(len(parts)),
        key=lambda n: (
            -abs(parts[n].own_ns),
            not parts[n].path.only_in,
            parts[n].path.depth,
            n,
        ),
    )
    chosen: set[int] = set()
    for number in weight:
        missing = []
        while number >= 0 and number not in chosen:
            missing.append(number)
            number = parts[number].path.above
            if len(chosen) + len(missing) > limit:
                break
        else:
            chosen.update(missing)
        if len(chosen) >= limit:
            break
    children: dict[int, Order] = {}
    for number in sorted(chosen):
        children.setdefault(parts[number].path.above, []).append(number)
    order: Order = []
    work = list(reversed(children.get(-1, [])))
    while work:
        number = work.pop()
        order.append(number)
        work += reversed(children.get(number, []))
    return [parts[number] for number in order]
