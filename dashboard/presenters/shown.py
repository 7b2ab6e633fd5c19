"""A trace on its way to a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.analysis.link_patterns import LinkPattern
from dashboard.graph.slowness import Known, Operation
from dashboard.traces.trace import Trace


@dataclass(frozen=True, slots=True)
class Shown:
    """A trace to be shown, stored or shared."""

    trace: Trace
    extra: dict[str, np.ndarray]
    summary: dict[str, Any]
    growing: bool
    complete: bool
    look_up: Callable[[Iterable[Operation]], Known | None] | None = None
    patterns: tuple[LinkPattern, ...] = ()

    def known(self, operations: Iterable[Operation]) -> Known | None:
        """Stored durations of some operations, if there is anything to ask."""
        return self.look_up(operations) if self.look_up is not None else None
