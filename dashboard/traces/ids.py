"""Trace ids and span ids: read, compare, shorten; knows no format."""

from __future__ import annotations

import base64
import binascii
import re

HEX = re.compile(r"[0-9a-fA-F]{1,32}\Z")
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{11}=?\Z|[A-Za-z0-9+/_-]{22}(==)?\Z")


def normalise_trace_id(text: str) -> str:
    """A trace id as typed by a person or found in a URL, in lowercase hex.

    Accepts hex of 1 to 32 digits in any case and base64 of 8 or 16 bytes (as
    OTLP JSON of some tools and Jaeger since 2.20 write it).
    Raises ``ValueError`` with a sentence for anything else.
    """
    word = text.strip()
    if HEX.match(word):
        return word.lower()
    if BASE64.match(word):
        found = from_base64(word)
        if found:
            return found
    raise ValueError(
        "A trace id is up to 32 hexadecimal digits, such as "
        "4bf92f3577b34da6a3ce929d0e0e4736."
    )


def from_base64(text: str) -> str:
    """Hex of a base64 id of 8 or 16 bytes, or ``""``."""
    word = text.replace("-", "+").replace("_", "/")
    try:
        raw = base64.b64decode(word + "=" * (-len(word) % 4), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return raw.hex() if len(raw) in (8, 16) else ""


def id_text(value: object) -> str:
    """An id as a source gave it, as text; ``""`` where it is none.

    A number is written as the 64 (or 128) bits that it stands for.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if 0 < value < 2**64 or -(2**63) <= value < 0:
            return f"{value & (2**64 - 1):016x}"
        return f"{value:032x}" if 0 < value < 2**128 else ""
    return value if isinstance(value, str) else ""


def trace_key(trace_id: str) -> str:
    """What two equal ids have in common: lowercase, without leading zeros.

    A 64-bit id equals the 128-bit id with 16 leading zeros.
    """
    return trace_id.lower().lstrip("0") or "0"


def short_id(trace_id: str) -> str:
    """The first eight digits that say something, for lists."""
    return (trace_id.lstrip("0") or "0")[:8]
