"""Durations between text and nanoseconds."""

from __future__ import annotations

import re

UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ns|us|µs|μs|ms|min|s|m|h|d)")
THIN = "\u202f"  # narrow no-break space between figure and unit


def parse_duration(text: str) -> int:
    """Nanoseconds of ``1.5ms``, ``2s``, ``1h30m``.

    Raises ``ValueError`` with a sentence where the unit is missing or unknown.
    """
    word = text.strip()
    total, position = 0.0, 0
    for match in PART.finditer(word):
        if word[position : match.start()].strip():
            break
        total += float(match[1]) * UNITS_NS[match[2]]
        position = match.end()
    if not word or position != len(word):
        raise ValueError(
            f"“{text}” is no duration. Write a number and us, ms, s, m or h, "
            "such as 200ms."
        )
    return round(total)


def format_duration_ns(ns: int) -> str:
    """A duration for people: ``4.2 µs``, ``152 ms``, ``1.84 s``, ``2 min 05 s``."""
    if ns < 0:
        return "−" + format_duration_ns(-ns)
    if ns < 1_000:
        return f"{ns}{THIN}ns"
    for unit, size in (("µs", 1_000), ("ms", 1_000_000)):
        value = ns / size
        if value < 99.95:
            return f"{value:.1f}{THIN}{unit}"
        if value < 999.5:
            return f"{value:.0f}{THIN}{unit}"
    seconds = ns / 1e9
    if seconds < 59.995:
        return f"{seconds:.2f}{THIN}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}{THIN}min {whole % 60:02d}{THIN}s"
    return f"{whole // 3600}{THIN}h {whole % 3600 // 60:02d}{THIN}min"
