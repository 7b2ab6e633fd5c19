"""What a list shows of a trace, without opening it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class Bar(Struct, array_like=True):
    """One row of the miniature: fractions of the trace's duration."""

    depth: int
    start: float
    width: float
    service: str
    failed: bool


class Summary(Struct):
    """Facts for search results and page heads; stored as JSON."""

    trace_id: str
    root_service: str
    root_operation: str
    start_us: int
    duration_us: int
    span_count: int
    error_count: int
    orphan_count: int
    warning_count: int
    services: dict[str, int]
    critical_by_service: dict[str, float]
    shape: list[Bar]
    root_is_orphan: bool = False
    first_error: dict[str, Any] = field(default_factory=dict)
