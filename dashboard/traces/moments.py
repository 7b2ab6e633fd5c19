"""Moments as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime


def parse_moment(text: str) -> int:
    """Microseconds since the epoch of an ISO time (UTC unless it says otherwise).

    A number of 10, 13, 16 or 19 digits is seconds, milli-, micro- or nanoseconds.
    Raises ``ValueError`` with a sentence.
    """
    word = text.strip()
    if re.fullmatch(r"\d{10}|\d{13}|\d{16}|\d{19}", word):
        return int(word) * 1_000_000 // 10 ** (len(word) - 10)
    try:
        at = datetime.fromisoformat(word)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return round(at.timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        raise ValueError(
            f"“{word[:60]}” is no time. Write it like 2026-11-25T14:30 (UTC) or "
            "2026-11-25T14:30+01:00."
        ) from None
