"""Makes the client of a kind of source."""

from __future__ import annotations

from collections.abc import Callable

from dashboard.sources.base import TraceSource
from dashboard.sources.http import HttpSettings
from dashboard.sources.jaeger.client import JaegerSource

MAKERS: dict[str, Callable[[HttpSettings], TraceSource]] = {"jaeger": JaegerSource}


def can_pull(kind: str) -> bool:
    """Whether sources of this kind are asked for traces."""
    return kind in MAKERS


def make_source(kind: str, settings: HttpSettings) -> TraceSource:
    """The client of a source; raises ``KeyError`` with the kinds there are."""
    if kind not in MAKERS:
        raise KeyError(f"no source of kind {kind!r}; there are {sorted(MAKERS)}")
    return MAKERS[kind](settings)
