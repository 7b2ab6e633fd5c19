"""Notes of what redaction changed, as examples before and after for its preview."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dashboard.redaction.rules import LABEL as LABEL_TEXT
from dashboard.traces.trace import Int64, Tag, Trace

MAX_FIELDS = 5_000
MAX_ROWS = 20
MAX_SERVICES = 10
LABEL = re.compile(LABEL_TEXT)
SHOWN = 400  # characters of a text that are shown
BEFORE = 80  # of them before the first mark
MAX_SIZE = 100
MAX_MARKED = 200_000  # characters; marks of longer texts are the whole text


@dataclass(slots=True)
class Change:
    """One field that changes: its first example, and the rows where it does."""

    place: str
    name: str
    before: str
    after: str
    rows: list[int] = field(default_factory=list)  # or numbers of processes, names


@dataclass(slots=True)
class Notes:
    """Collects changes by field."""

    changes: dict[tuple[str, str], Change] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)  # of labels
    left_out: int = 0

    def add(self, place: str, row: int, old: Tag, new: Tag) -> None:
        """A tag that changed."""
        before = "" if old.value is None else str(old.value)
        after = "" if new.value is None else str(new.value)
        if before == after:  # the key alone
            before, after = old.key, new.key
        self.add_text(place, row, new.key, before, after)

    def add_text(
        self, place: str, row: int, name: str, before: str, after: str
    ) -> None:
        """A text that changed."""
        change = self.changes.get((place, name))
        if change is None:
            if len(self.changes) >= MAX_FIELDS:
                self.left_out += 1
                return
            change = Change(place, name, before, after)
            self.changes[place, name] = change
        if not change.rows or change.rows[-1] != row:
            change.rows.append(row)

    def page(self, trace: Trace, page: int, size: int) -> dict[str, Any]:
        """One page of examples, the most frequent first; ``trace`` is the copy."""
        size = min(max(size, 1), MAX_SIZE)
        found = [
            (self._rows(trace, change), change) for change in self.changes.values()
        ]
        found.sort(key=lambda item: (-len(item[0]), item[1].place, item[1].name))
        pages = max(-(-len(found) // size), 1)
        page = min(max(page, 1), pages)
        part = found[(page - 1) * size : page * size]
        return {
            "examples": [self._example(trace, rows, change) for rows, change in part],
            "fields": len(found),
            "left_out": self.left_out,
            "page": page,
            "pages": pages,
        }

    def _rows(self, trace: Trace, change: Change) -> Int64:
        numbers = np.unique(np.array(change.rows, np.int64))
        column = {
            "process": trace.process,
            "operation": trace.operation,
            "service": trace.service,
        }.get(change.place)
        if column is not None:
            return np.flatnonzero(np.isin(column, numbers))
        return numbers[numbers >= 0]

    def _example(self, trace: Trace, rows: Int64, change: Change) -> dict[str, Any]:
        services = np.bincount(trace.service[rows], minlength=len(trace.services))
        order = np.argsort(-services, kind="stable")[:MAX_SERVICES]
        before, after = marks(change.before, change.after, self.values)
        return {
            "place": change.place,
            "field": change.name[:SHOWN],
            "spans": len(rows),
            "rows": rows[:MAX_ROWS].tolist(),
            "services": [
                {"name": trace.services[n], "spans": int(services[n])}
                for n in order.tolist()
                if services[n]
            ],
            "before": shown_part(change.before, before),
            "after": shown_part(change.after, after),
        }


Marks = list[tuple[int, int]]


def marks(before: str, after: str, values: dict[str, str]) -> tuple[Marks, Marks]:
    """Where parts go in the text before, and their labels in the text after.

    Where the text was decoded first, its parts have no place: all of it is marked.
    """
    labels = [(m.start(), m.end()) for m in LABEL.finditer(after) if m[0] in values]
    gone: Marks = []
    position, place = 0, 0
    for start, end in labels:
        place += start - position
        value = _original(after[start:end], values)
        gone.append((place, place + len(value)))
        if before[place : place + len(value)] != value:
            return [(0, len(before))], labels
        place += len(value)
        position = end
    if len(before) != place + len(after) - position:
        return [(0, len(before))], labels
    return gone, labels


def _original(text: str, values: dict[str, str]) -> str:
    """A label's value, and the values of labels within it."""
    for _ in range(8):
        if len(text) > MAX_MARKED or not LABEL.search(text):
            break
        found = LABEL.sub(lambda m: values.get(m[0], m[0]), text)
        if found == text:
            break
        text = found
    return text


def shown_part(text: str, marks: Marks) -> dict[str, Any]:
    """A text as a preview shows it: a part of it, and where it is marked."""
    first = max((marks[0][0] if marks else 0) - BEFORE, 0)
    last = first + SHOWN
    return {
        "text": text[first:last],
        "marks": [
            [max(a, first) - first, min(b, last) - first]
            for a, b in marks
            if a < last and b > first
        ],
        "cut": first > 0 or last < len(text),
    }
