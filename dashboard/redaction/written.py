"""What people wrote on a trace, cleaned by the rules that clean the trace."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.redaction import apply
from dashboard.redaction.notes import Notes
from dashboard.redaction.own import Policy
from dashboard.redaction.redactor import Redactor
from dashboard.redaction.state import LEAST_PART, clean_state
from dashboard.traces.collector import no_collection
from dashboard.traces.trace import Trace


@dataclass(frozen=True, slots=True)
class Written:
    """A note: the row of its span (-1: the trace), its text, who wrote it."""

    row: int
    text: str
    author: str


def redact_all(
    trace: Trace,
    policy: Policy,
    extra_keys: Iterable[str],
    state: str,
    written: Sequence[Written],
    before: str = "",
) -> tuple[Trace, dict[str, Any], str, list[Written]]:
    """As ``redact_shared``, and the notes cleaned as well, in the same order.

    ``before``: all the text of a copy that was redacted elsewhere; its labels stay.
    """
    with no_collection():
        if before:
            redactor = apply.trusting(policy, before)
        else:
            redactor = apply._redactor(policy, extra_keys)
        clean, _ = apply._redact(trace, redactor, None)
        state = clean_state(redactor, state)
        notes = _clean(redactor, written)
        return clean, apply.report_of(redactor), state, notes


def preview_all(
    trace: Trace,
    policy: Policy,
    extra_keys: Iterable[str],
    written: Sequence[Written],
    *,
    page: int = 1,
    size: int = 20,
) -> dict[str, Any]:
    """As ``preview``, with what goes from the notes at the place ``note``."""
    found = Notes()
    with no_collection():
        redactor = apply._redactor(policy, extra_keys)
        clean, _ = apply._redact(trace, redactor, found)
        notes = _clean(redactor, written)
        for old, new in zip(written, notes, strict=True):
            for name, before, after in (
                ("note", old.text, new.text),
                ("author", old.author, new.author),
            ):
                if before != after:
                    found.add_text("note", max(old.row, 0), name, before, after)
        found.values = redactor.values
    return apply.report_of(redactor) | found.page(clean, page, size)


def _clean(redactor: Redactor, written: Sequence[Written]) -> list[Written]:
    """Notes without secrets, and without values that went from the trace: who
    writes about a tag quotes it, without the name that made it a secret."""
    if not written:
        return []
    blob = "\n".join(note.text for note in written).lower()
    quoted = [
        (value, label)
        for label, value in redactor.values.items()
        if len(value) >= LEAST_PART and value.lower() in blob
    ]
    quoted.sort(key=lambda one: -len(one[0]))
    return [
        Written(
            note.row,
            redactor.text(_unquoted(redactor, quoted, note.text)),
            redactor.text(note.author),
        )
        for note in written
    ]


def _unquoted(redactor: Redactor, quoted: list[tuple[str, str]], text: str) -> str:
    for value, label in quoted:
        pattern = re.compile(re.escape(value), re.IGNORECASE)
        text, number = pattern.subn(lambda _, label=label: label, text)  # type: ignore[misc]  # bound at once
        redactor.counts[label[1:].rpartition(" ")[0]] += number
    return text
