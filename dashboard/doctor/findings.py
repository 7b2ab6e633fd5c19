"""What the doctor says: a finding, its certainty and its evidence as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

CERTAIN, PROBABLE, SUSPECT = "certain", "probable", "suspect"
CONTEXT_LOST = "context-lost"
REQUEST_ID_LOST = "request-id-lost"
SAMPLING_LOST = "sampling-lost"
CONTEXT_LEAKED = "context-leaked"
MISSING_HOP = "missing-hop"
MIXED_FORMATS = "mixed-formats"
CLOCK_SKEW = "clock-skew"
LOST_SPANS = "lost-spans"
CANNOT_JUDGE = "cannot-judge"
RULES = (
    CONTEXT_LOST,
    REQUEST_ID_LOST,
    SAMPLING_LOST,
    CONTEXT_LEAKED,
    MISSING_HOP,
    MIXED_FORMATS,
    CLOCK_SKEW,
    LOST_SPANS,
    CANNOT_JUDGE,
)
MAX_EXAMPLES = 10
MAX_PAIRS = 100  # by these a trace's own page knows of a finding


@dataclass(slots=True)
class Finding:
    """One fault of one version of one service.

    ``count`` of ``total`` calls (or requests) show it; ``pairs`` are traces that
    are one request, ``traces`` examples; times in ns since the epoch. ``values``
    fill the sentence that a presenter makes.
    """

    rule: str
    service: str
    version: str
    certainty: str
    variant: str = ""
    count: int = 0
    total: int = 0
    traces: list[str] = field(default_factory=list)
    pairs: list[tuple[str, str]] = field(default_factory=list)
    pods: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    first_ns: int = 0
    last_ns: int = 0
    dialect: str = ""
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays the same while a fault goes on."""
        return self.rule, self.service, self.version


def newest(found: Iterable[T], most: int = MAX_EXAMPLES) -> list[T]:
    """The last of what is in order of time, each once: these are stored longest."""
    return list(dict.fromkeys(found))[-most:]
