"""Tests of whether two samples differ by more than chance; exact or on histograms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

FISHER_UP_TO = 2_000  # calls in both samples; above, the z test is as good


def proportions(
    failed_a: int, all_a: int, failed_b: int, all_b: int
) -> tuple[float, str]:
    """Two-sided p that both shares of failures are the same, and the test's name.

    Fisher's exact test for few calls, a two-proportion z test for many.
    """
    if not all_a or not all_b:
        return 1.0, "fisher"
    if all_a + all_b <= FISHER_UP_TO:
        return _fisher(failed_a, all_a - failed_a, failed_b, all_b - failed_b), "fisher"
    pooled = (failed_a + failed_b) / (all_a + all_b)
    if pooled in (0.0, 1.0):
        return 1.0, "z"
    spread = math.sqrt(pooled * (1 - pooled) * (1 / all_a + 1 / all_b))
    return _two_sided((failed_b / all_b - failed_a / all_a) / spread), "z"


def _two_sided(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _fisher(a: int, b: int, c: int, d: int) -> float:
    """The chance of a table as unlikely as this, its margins given."""
    row, column, total = a + b, a + c, a + b + c + d
    low, high = max(0, row + column - total), min(row, column)
    base = _log_choose(total, column)

    def log_chance(value: int) -> float:
        return _log_choose(row, value) + _log_choose(total - row, column - value) - base

    limit = log_chance(a) + 1e-7
    chances = [log_chance(value) for value in range(low, high + 1)]
    return min(1.0, math.fsum(math.exp(c) for c in chances if c <= limit))


def rates(count_a: int, exposure_a: float, count_b: int, exposure_b: float) -> float:
    """Two-sided p that two counts come from one rate; exposures in any one unit.

    Given both together, how many fall into the second is binomial. Exact where one
    of them is 0, else by the normal approximation.
    """
    total = count_a + count_b
    share = exposure_b / (exposure_a + exposure_b) if exposure_a + exposure_b else 0.0
    if not total or not 0 < share < 1:
        return 1.0
    if not count_a:
        return share**total
    if not count_b:
        return (1 - share) ** total
    spread = math.sqrt(total * share * (1 - share))
    return _two_sided((abs(count_b - total * share) - 0.5) / spread)


def mann_whitney(
    before: Mapping[int, int] | Mapping[float, int],
    after: Mapping[int, int] | Mapping[float, int],
) -> tuple[float, float]:
    """Two-sided p, and the chance that one of ``after`` is slower than one of ``before``.

    On histograms (value or bucket → number): values of one bucket are ties, for which the spread is corrected.
    """
    n, m = sum(before.values()), sum(after.values())
    if not n or not m:
        return 1.0, 0.5
    below = 0
    wins = ties = 0.0
    for bucket in sorted({*before, *after}):
        a, b = before.get(bucket, 0), after.get(bucket, 0)
        wins += b * (below + a / 2)
        both = a + b
        ties += both**3 - both
        below += a
    total = n + m
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:
        return 1.0, 0.5
    z = (wins - n * m / 2) / math.sqrt(variance)
    return _two_sided(z), wins / (n * m)


def holm(values: Sequence[float]) -> list[float]:
    """p values corrected for their number (Holm): any wrong one stays as unlikely."""
    order = sorted(range(len(values)), key=values.__getitem__)
    result = [1.0] * len(values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, values[place] * (len(values) - rank)))
        result[place] = highest
    return result
