"""Whether spans stand below one another, on the columns of a trace in display order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dashboard.traces.trace import Trace

Mask = NDArray[np.bool_]


def path_holds(trace: Trace, masks: list[Mask], steps: tuple[str, ...]) -> bool:
    """Whether a path exists whose spans are of these masks, one a side."""
    found = masks[0]
    for step, mask in zip(steps, masks[1:], strict=True):
        if not found.any():
            return False
        found = _step(trace, found, mask, step)
    return bool(found.any())


def _step(trace: Trace, above: Mask, below: Mask, step: str) -> Mask:
    """Rows of ``below`` that are reached; of a ``!`` step those of ``above`` that reach none."""
    if step == ">":
        return below & _parent_is(trace, above)
    if step == ">>":
        return below & _is_under(trace, above)
    if step == "!>":
        held = trace.parent[below]
        has = np.zeros(len(trace), bool)
        has[held[held >= 0]] = True
        return above & ~has
    sums = np.concatenate(([0], np.cumsum(below)))
    rows = np.arange(len(trace))
    return above & (sums[rows + trace.subtree] == sums[rows + 1])


def _parent_is(trace: Trace, mask: Mask) -> Mask:
    padded: Mask = np.append(mask, False)  # the last one: of roots, whose parent is -1
    found: Mask = padded[trace.parent]
    return found


def _is_under(trace: Trace, mask: Mask) -> Mask:
    """Rows that have a row of ``mask`` above them."""
    rows = np.flatnonzero(mask)
    change = np.zeros(len(trace) + 2, np.int64)
    np.add.at(change, rows + 1, 1)
    np.add.at(change, rows + trace.subtree[rows], -1)
    found: Mask = np.cumsum(change)[: len(trace)] > 0
    return found
