"""Terms of a trace: numbers that pre-select it for a search."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import numpy as np

from dashboard.traces.facts import ALIASES
from dashboard.traces.trace import Flag, Trace

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


def terms_of(
    trace: Trace, edges: Iterable[tuple[str, str]] = ()
) -> dict[int, tuple[int, bool]]:
    """Terms of calls (pairs of services), services, operations and indexed facts.

    Of each: the longest duration in µs among the spans that have it, and whether
    one of them failed; of calls, those of the whole trace. At most 256, of which
    those of calls are never left out.
    """
    failed = (trace.flags & Flag.ERROR) != 0
    found: dict[int, tuple[int, bool]] = {}

    def add(codes: np.ndarray, name: Callable[[int], int]) -> None:
        longest_ns = np.full(int(codes.max()) + 1, -1, np.int64)
        np.maximum.at(longest_ns, codes, np.maximum(trace.duration_ns, 0))
        bad = set(codes[failed].tolist())
        for code in np.flatnonzero(longest_ns >= 0).tolist():
            found[name(code)] = (int(longest_ns[code]) // 1_000, code in bad)

    def add_fact(key: str, column: np.ndarray) -> None:
        have = np.flatnonzero(column >= 0)
        longest: dict[int, tuple[int, bool]] = {}
        for code, duration_ns, bad in zip(
            column[have].tolist(),
            trace.duration_ns[have].tolist(),
            failed[have].tolist(),
            strict=True,
        ):
            before = longest.get(code, (0, False))
            longest[code] = max(before[0], duration_ns // 1_000), before[1] or bad
        for code, figures in longest.items():
            found[term("f", key, trace.fact_values[code])] = figures

    if len(trace):
        add(trace.service, lambda code: term("s", trace.services[code]))
        width = len(trace.operations)
        pairs = trace.service.astype(np.int64) * width + trace.operation
        kinds, codes = np.unique(pairs, return_inverse=True)
        names = [divmod(pair, width) for pair in kinds.tolist()]
        add(
            codes,
            lambda code: term(
                "o", trace.services[names[code][0]], trace.operations[names[code][1]]
            ),
        )
    for key in INDEXED:
        column = trace.facts.get(key)
        if column is not None:
            add_fact(key, column)
    whole = (
        int(trace.duration_ns.max(initial=0)) // 1_000,
        bool(failed.any()),
    )
    if len(found) > MAX_TERMS:
        kept = sorted(found)[: MAX_TERMS - 1]
        found = {number: found[number] for number in kept}
        found[OVERFLOW] = whole
    return found | {term("c", caller, callee): whole for caller, callee in edges}


def rows_of_terms(trace: Trace) -> dict[int, list[int]]:
    """The rows that have each term of ``terms_of``, but those of calls.

    Not cut to ``MAX_TERMS``.
    """
    found: dict[int, list[int]] = {}
    services = trace.service.tolist()
    for row, (service, operation) in enumerate(
        zip(services, trace.operation.tolist(), strict=True)
    ):
        name = trace.services[service]
        found.setdefault(term("s", name), []).append(row)
        number = term("o", name, trace.operations[operation])
        found.setdefault(number, []).append(row)
    for key in INDEXED:
        column = trace.facts.get(key)
        if column is not None:
            for row, value in enumerate(column.tolist()):
                if value >= 0:
                    number = term("f", key, trace.fact_values[value])
                    found.setdefault(number, []).append(row)
    return found


OVERFLOW = term("overflow")


def term_of_tag(key: str, value: str) -> int | None:
    """The term that a trace with this tag has, or ``None`` when it has none."""
    canonical = ALIASES.get(key)
    return term("f", canonical, value) if canonical in INDEXED else None
