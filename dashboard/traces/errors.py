"""Errors that a source or a body of traces may cause."""

from __future__ import annotations


class SourceError(Exception):
    """Something about a source; the text says what happened and what to do."""


class SourceUnavailable(SourceError):
    """The backend can not be reached or answers with a fault of its own."""


class BadAnswer(SourceUnavailable):
    """The backend answers one question with a fault; others may still work."""


class SourceTimeout(SourceUnavailable):
    """The backend did not answer in time."""


class Throttled(SourceUnavailable):
    """The backend asks for a pause, of ``wait_s`` seconds where it says so."""

    def __init__(self, text: str, wait_s: float | None = None):
        super().__init__(text)
        self.wait_s = wait_s


class TraceNotFound(SourceError):
    """The backend holds no trace of this id."""


class BadTracePayload(SourceError):
    """A body that holds no readable traces."""


class PayloadTooLarge(BadTracePayload):
    """A body beyond the size cap; asking for less may help."""
