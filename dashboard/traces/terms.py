"""Terms of a trace: numbers that pre-select it for a search."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from dashboard.traces.facts import ALIASES
from dashboard.traces.trace import Trace

INDEXED = (
    "http.status_code",
    "http.method",
    "db.system",
    "peer.service",
    "messaging.system",
    "response_flags",
    "version",
    "namespace",
    "component",
    "error.type",
    "host",
    "pod",
)
MAX_TERMS = 256


def term(*parts: str) -> int:
    """A signed 64-bit number of some words."""
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(
        hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True
    )


def terms_of(trace: Trace, edges: Iterable[tuple[str, str]] = ()) -> set[int]:
    """Terms of calls (pairs of services), services, operations and indexed facts.

    At most 256, of which those of calls are never left out.
    """
    calls = {term("c", caller, callee) for caller, callee in edges}
    found: set[int] = set()
    for service in set(trace.service.tolist()):
        found.add(term("s", trace.services[service]))
    pairs = set(zip(trace.service.tolist(), trace.operation.tolist(), strict=True))
    for service, operation in pairs:
        found.add(term("o", trace.services[service], trace.operations[operation]))
    for key in INDEXED:
        column = trace.facts.get(key)
        if column is not None:
            for value in set(column[column >= 0].tolist()):
                found.add(term("f", key, trace.fact_values[value]))
    if len(found) > MAX_TERMS:
        found = {*sorted(found)[: MAX_TERMS - 1], OVERFLOW}
    return found | calls


OVERFLOW = term("overflow")


def term_of_tag(key: str, value: str) -> int | None:
    """The term that a trace with this tag has, or ``None`` when it has none."""
    canonical = ALIASES.get(key)
    return term("f", canonical, value) if canonical in INDEXED else None
