"""JSON as it goes to pages: fast, and lone surrogates of hostile names survive."""

from __future__ import annotations

import json
from typing import Any

import msgspec


def _plain(value: Any) -> Any:
    """What the standard library can not write: JSON that was made already."""
    if isinstance(value, msgspec.Raw):
        return json.loads(bytes(value))
    raise TypeError(f"{type(value).__name__} is no JSON")


def to_json(data: Any) -> bytes:
    """The data as JSON; lone surrogates are escaped as the standard library does."""
    try:
        return msgspec.json.encode(data)
    except UnicodeEncodeError:
        return json.dumps(data, default=_plain).encode()
