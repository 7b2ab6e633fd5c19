"""What a shared link may say of its page: a find for a secret would tell it."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode

from dashboard.redaction.redactor import Redactor

MAX_FIELDS = 200
LEAST = 4  # characters of a value that tell something
LEAST_PART = 6  # characters of a part of one
WORDS = {"q", "find", "filter", "search", "tags", "uifind"}  # what somebody typed


def clean_state(redactor: Redactor, state: str) -> str:
    """A page's query without the fields that hold a secret or what was taken out.

    ``redactor`` is the one that has cleaned the trace: it knows what was taken out.
    """
    try:
        fields = parse_qsl(state, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return ""
    gone = [value for value in set(redactor.values.values()) if len(value) >= LEAST]
    kept = [
        (name, value)
        for name, value in fields
        if redactor.text(name) == name and not _tells(redactor, name, value, gone)
    ]
    return state if kept == fields else urlencode(kept)


def _tells(redactor: Redactor, name: str, value: str, gone: Iterable[str]) -> bool:
    is_typed = name.lower() in WORDS
    if not is_typed and (value.isdecimal() or len(value) < LEAST):
        return False
    if redactor.text(value) != value:
        return True
    whole, part = value.lower(), len(value) >= LEAST_PART
    for one in gone:
        low = one.lower()
        if low in whole if is_typed else low == whole:
            return True
        if part and is_typed and whole in low:
            return True
    return False
