"""What Jaeger's v1 JSON looks like, as far as it is decoded at once."""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct, field

from dashboard.traces.builder import NOT_GIVEN


class JaegerReference(Struct, gc=False):
    """A reference as Jaeger writes it."""

    refType: str = "CHILD_OF"
    traceID: str = ""
    spanID: str = ""
    tags: Any = None


class JaegerSpan(Struct, gc=False):
    """A span whose tags and logs stay undecoded."""

    spanID: str
    startTime: int
    operationName: str = ""
    duration: int = NOT_GIVEN
    references: list[JaegerReference] | None = None
    tags: Raw = field(default_factory=Raw)
    logs: list[Raw] | None = None
    processID: str = ""
    process: Any = None
    warnings: Any = None


class JaegerTrace(Struct, gc=False):
    """A trace of Jaeger's."""

    traceID: str = ""
    spans: list[JaegerSpan] | None = None
    processes: dict[str, Raw] | None = None


class Answer(Struct, gc=False):
    """The answer around traces that are as Jaeger writes them."""

    data: list[JaegerTrace]


class Envelope(Struct, gc=False):
    """The answer around the traces; each stays undecoded at first."""

    data: Raw = field(default_factory=Raw)  # empty: not there
    spans: Raw = field(default_factory=Raw)
