"""What one line of query says: conditions on spans, on the trace, and on who calls whom."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from dashboard.traces.durations import parse_duration

FIELDS = ("service", "operation", "duration", "error")
WHOLE_FIELDS = ("trace.duration", "trace.services", "trace.spans", "trace.error")
DURATIONS = ("duration", "trace.duration")
FLAGS = ("error", "trace.error")
NUMBERS = (*DURATIONS, "trace.services", "trace.spans")
OPERATORS = ("!=", "!~", ">=", "<=", "=", "~", ">", "<")
COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}
OPPOSITE = {
    ">": "<=",
    ">=": "<",
    "<": ">=",
    "<=": ">",
    "=": "!=",
    "!=": "=",
}
PLAIN_KEY = re.compile(r'[^\s=!~<>"{}\-][^\s=!~<>"{}]*')
PLAIN_SIDE = re.compile(r"[A-Za-z][\w.\-]*")
PLAIN_VALUE = re.compile(r'[^\s"{}=!~<>][^\s"{}]*')


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; ``op`` is empty for a mark (``error``).

    ``tag``: the key is a tag's, also where a field has that name. Durations are
    compared in whole microseconds.
    """

    key: str
    op: str = ""
    value: str = ""
    tag: bool = False

    @property
    def number(self) -> float:
        """The value as a number; of durations µs. Read values always have one."""
        if not self.tag and self.key in DURATIONS:
            return parse_duration(self.value) / 1_000
        return float(self.value)

    def text(self) -> str:
        """As it is written in a line."""
        key = self.key
        names = (*FIELDS, *WHOLE_FIELDS)
        # A tag "error" is the mark of an error as well: it needs no quotes.
        taken = self.tag and key in names and not (key == "error" and self.op)
        if taken or not PLAIN_KEY.fullmatch(key):
            key = quoted(key)
        if not self.op:
            return key
        plain = PLAIN_VALUE.fullmatch(self.value)
        return f"{key}{self.op}{self.value if plain else quoted(self.value)}"


Group = tuple[Condition, ...]  # that hold on one and the same span


@dataclass(frozen=True, slots=True)
class Path:
    """Spans below one another: ``steps[i]`` leads from side ``i`` to the next.

    ``>`` is a direct child, ``>>`` anything below; with ``!`` there is none (only
    as the last step). One side alone asks for such a span.
    """

    sides: tuple[Group, ...]
    steps: tuple[str, ...] = ()

    @property
    def positive(self) -> tuple[Group, ...]:
        """The sides that must have a span."""
        if self.steps and self.steps[-1].startswith("!"):
            return self.sides[:-1]
        return self.sides

    def text(self) -> str:
        """As it is written in a line."""
        if not self.steps:
            return f"{{{group_text(self.sides[0])}}}"
        words = [_side_text(self.sides[0])]
        for step, side in zip(self.steps, self.sides[1:], strict=True):
            words += [step, _side_text(side)]
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class QueryLine:
    """A line, read.

    ``span`` holds on one span; ``whole`` speaks of the trace; no span may meet one
    of ``without``; of each of ``paths`` there is one.
    """

    span: Group = ()
    whole: tuple[Condition, ...] = ()
    without: tuple[Group, ...] = ()
    paths: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.span or self.whole or self.without or self.paths)

    @property
    def about_spans(self) -> bool:
        """Whether it can not be answered without a look at spans."""
        return bool(self.span or self.without or self.paths)

    def text(self) -> str:
        """The line; reads back as an equal one."""
        words = [condition.text() for condition in (*self.span, *self.whole)]
        for group in self.without:
            text = group_text(group)
            words.append(f"-{text}" if len(group) == 1 else f"-{{{text}}}")
        words += [path.text() for path in self.paths]
        return " ".join(words)


def group_text(group: Group) -> str:
    """Conditions of one span as they are written."""
    return " ".join(condition.text() for condition in group)


def _side_text(group: Group) -> str:
    """A service alone needs no braces."""
    if len(group) == 1 and (group[0].key, group[0].op) == ("service", "="):
        name = group[0].value
        plain = PLAIN_SIDE.fullmatch(name) and name not in NUMBERS
        if plain and not group[0].tag and not is_figure(name):
            return name
    return f"{{{group_text(group)}}}"


def quoted(text: str) -> str:
    """In quotation marks, with those inside escaped."""
    inside = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inside}"'


def contains(pattern: str, text: str) -> bool:
    """Whether a text holds a pattern, in any case; ``*`` stands for any characters."""
    position, text = 0, text.casefold()
    for piece in pattern.casefold().split("*"):
        found = text.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def text_holds(condition: Condition, text: str) -> bool:
    """Whether a condition holds of one text: of a name, or of a tag's value."""
    if condition.op in ("=", "!="):
        return (text == condition.value) == (condition.op == "=")
    if condition.op in ("~", "!~"):
        return contains(condition.value, text) == (condition.op == "~")
    try:
        number = float(text)
    except ValueError:
        return False
    return COMPARE[condition.op](number, condition.number)


def number_holds(condition: Condition, number: float) -> bool:
    """Whether a condition on a figure holds of it."""
    return COMPARE[condition.op](number, condition.number)


def is_number(value: str) -> bool:
    """Whether a text is a finite number."""
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def is_figure(value: str) -> bool:
    """Whether a word is a number or a duration rather than a service's name."""
    if is_number(value):
        return True
    try:
        parse_duration(value)
    except (ValueError, OverflowError):
        return False
    return True
