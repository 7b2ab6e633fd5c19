"""Which services and traces are taken from a source: patterns and a share."""

from __future__ import annotations

import hashlib
import re
from fnmatch import fnmatchcase

from django.conf import settings

from dashboard.models import Source
from dashboard.traces.ids import trace_key

STEPS = 2**32


def patterns(text: str) -> list[str]:
    """Patterns written with commas or one a line."""
    return [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]


def included(source: Source) -> list[str]:
    """Patterns of services that are asked for; none: all."""
    return patterns(source.include) or list(settings.SPANBOARD_PULL_INCLUDE)


def excluded(source: Source) -> list[str]:
    """Patterns of services that are not asked for."""
    return patterns(source.exclude) or list(settings.SPANBOARD_PULL_EXCLUDE)


def chosen_services(source: Source, services: list[str]) -> list[str]:
    """The services that are asked for, in order."""
    wanted, unwanted = included(source), excluded(source)
    return [
        name
        for name in services
        if (not wanted or any(fnmatchcase(name, p) for p in wanted))
        and not any(fnmatchcase(name, p) for p in unwanted)
    ]


def kept_share(source: Source) -> float:
    """The share of traces that are taken, 0 to 1."""
    own = source.kept_share
    return float(settings.SPANBOARD_PULL_SHARE if own is None else own)


def is_kept(trace_id: str, share: float) -> bool:
    """Whether a trace is among the share; the same for all services and sources."""
    if share >= 1:
        return True
    digest = hashlib.blake2b(trace_key(trace_id).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") < share * STEPS
