"""What this process has done since it started, for ``/metrics``."""

from __future__ import annotations

import threading
from collections import Counter

_lock = threading.Lock()
_counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()


def count(name: str, number: int = 1, **labels: str) -> None:
    """Add to a counter (or, with negative numbers, to a gauge)."""
    with _lock:
        _counts[(name, tuple(sorted(labels.items())))] += number


def counts(name: str) -> dict[tuple[tuple[str, str], ...], int]:
    """A counter's values by its labels."""
    with _lock:
        return {
            labels: value for (found, labels), value in _counts.items() if found == name
        }
