"""What every backend that is pulled must offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from dashboard.traces.builder import Problem
from dashboard.traces.trace import Trace


@dataclass(frozen=True, slots=True)
class Found:
    """Traces of one search; ``full`` when the backend's limit cut it.

    ``unchanged`` are ids of traces in the answer that were not decoded again, since
    their bytes are those that ``note_stored`` was told of; ``marks`` tell the others.
    """

    traces: list[Trace]
    problems: list[Problem]
    full: bool
    unchanged: tuple[tuple[str, int], ...] = ()  # with their starts, µs
    marks: tuple[tuple[bytes, tuple[str, int]], ...] = ()  # digests of bytes


@dataclass(frozen=True, slots=True)
class Listed:
    """What a backend tells of a trace without its spans."""

    trace_id: str
    span_count: int
    start_us: int


@dataclass(frozen=True, slots=True)
class Listing:
    """Traces of one search without their spans; ``full`` as in ``Found``."""

    traces: list[Listed]
    full: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A search of a person: what the backend can answer of it."""

    service: str
    start_us: int
    end_us: int
    limit: int
    operation: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    min_duration_us: int | None = None
    max_duration_us: int | None = None


class TraceSource(ABC):
    """A backend; each method raises a ``SourceError`` with a sentence for people."""

    @abstractmethod
    def list_services(self) -> list[str]:
        """Names of the services that the backend knows, sorted."""

    @abstractmethod
    def find_traces(
        self, service: str, start_us: int, end_us: int, limit: int
    ) -> Found:
        """Traces of a service whose spans start in a window, unadjusted."""

    def note_stored(self, found: Found) -> None:
        """Tell that what was found is stored, so that it need not be read again."""
        return

    def list_traces(
        self, service: str, start_us: int, end_us: int, limit: int
    ) -> Listing | None:
        """As ``find_traces``, without the spans; ``None`` where it can not."""
        return None

    @abstractmethod
    def search(self, asked: Asked) -> Found:
        """Traces that match a person's search, unadjusted."""

    def mean_answer_ms(self) -> float:
        """What answers took since the last call; 0 where none came."""
        return 0.0

    def clock_offset_s(self) -> float:
        """The backend's clock less ours, seconds; 0 where it does not tell."""
        return 0.0

    @abstractmethod
    def get_trace(self, trace_id: str) -> Trace:
        """One trace, unadjusted; raises ``TraceNotFound``."""

    @abstractmethod
    def close(self) -> None:
        """Give connections back."""
