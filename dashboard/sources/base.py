"""What every backend that is pulled must offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from dashboard.traces.builder import Problem
from dashboard.traces.trace import Trace


@dataclass(frozen=True, slots=True)
class Found:
    """Traces of one search; ``full`` when the backend's limit cut it."""

    traces: list[Trace]
    problems: list[Problem]
    full: bool


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

    @abstractmethod
    def get_trace(self, trace_id: str) -> Trace:
        """One trace, unadjusted; raises ``TraceNotFound``."""

    @abstractmethod
    def close(self) -> None:
        """Give connections back."""
