"""Compares traces by operation path: what is only on one side, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from dashboard.traces.trace import Trace

MAX_DEPTH = 200
Path = tuple[str, ...]


def path_counts(traces: Iterable[Trace]) -> Counter[Path]:
    """How often each path of ``service<TAB>operation`` from the root occurs.

    Having children is no part of the key: a call that gains its first child
    stays the same call. Below 200 levels paths are cut.
    """
    counts: Counter[Path] = Counter()
    for trace in traces:
        paths: list[Path] = []
        for row, above in enumerate(trace.parent.tolist()):
            step = f"{trace.service_name(row)}\t{trace.operation_name(row)}"
            base = paths[above] if above >= 0 else ()
            paths.append((*base, step) if len(base) < MAX_DEPTH else base)
            if len(base) < MAX_DEPTH:
                counts[paths[row]] += 1
    return counts
