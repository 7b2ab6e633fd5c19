"""Reads one line of query; says where and why it can not.

``service=reviews duration>200ms error -operation~health a >> {service=mysql}``
"""

from __future__ import annotations

import difflib
import re

from dashboard.traces.durations import parse_duration
from dashboard.traces.query_line import (
    DURATIONS,
    FIELDS,
    FLAGS,
    NUMBERS,
    OPERATORS,
    OPPOSITE,
    WHOLE_FIELDS,
    Condition,
    Group,
    Path,
    QueryLine,
    is_figure,
    is_number,
)

MAX_LENGTH = 2_000  # characters
MAX_CONDITIONS = 60
MAX_SIDES = 6
KEY = re.compile(r'[^\s=!~<>"{}]+')
VALUE = re.compile(r'[^\s"{}][^\s"}]*')
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
STEP = re.compile(r"!>>|>>|!>|>")
OPERATOR = re.compile("|".join(map(re.escape, OPERATORS)))
NUMERIC = ("=", "!=", ">", ">=", "<", "<=")


class LineError(ValueError):
    """What is wrong: a code, the place in the text, the word there, a hint."""

    def __init__(self, code: str, position: int, word: str = "", hint: str = ""):
        super().__init__(f"{code} at {position}: {word}")
        self.code, self.position, self.word, self.hint = code, position, word, hint


def read_line(text: str) -> QueryLine:
    """Read a line; raises ``LineError``."""
    if len(text) > MAX_LENGTH:
        raise LineError("too-long", MAX_LENGTH, hint=str(MAX_LENGTH))
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str):
        self.text = text
        self.at = 0
        self.count = 0

    def read(self) -> QueryLine:
        span: list[Condition] = []
        whole: list[Condition] = []
        without: list[Group] = []
        paths: list[Path] = []
        while self._skip():
            begin = self.at
            if self.text.startswith("-", begin):
                self.at += 1
                self._without(begin, whole, without)
            elif self.text[begin] == "{":
                paths.append(self._path(self._braces()))
            elif self.text[begin] == "}":
                raise LineError("stray-brace", begin, "}")
            elif self._names_a_side():
                service = self._key()[0]
                paths.append(self._path((Condition("service", "=", service),)))
            else:
                condition = self._condition()
                self._no_step_here(begin)
                is_whole = not condition.tag and condition.key in WHOLE_FIELDS
                (whole if is_whole else span).append(condition)
        return QueryLine(tuple(span), tuple(whole), tuple(without), tuple(paths))

    def _skip(self) -> bool:
        """Pass white space; whether anything follows."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.at < len(self.text)

    def _without(
        self, begin: int, whole: list[Condition], without: list[Group]
    ) -> None:
        if self.at >= len(self.text) or self.text[self.at].isspace():
            raise LineError("nothing-excluded", begin, "-")
        if self.text[self.at] == "{":
            group = self._braces()
            if not group:
                raise LineError("nothing-excluded", begin, "-{}")
        else:
            condition = self._condition()
            if not condition.tag and condition.key in WHOLE_FIELDS:
                whole.append(_opposite(condition))
                return
            group = (condition,)
        self._no_step_here(begin)
        without.append(group)

    def _no_step_here(self, begin: int) -> None:
        """Sides of a path are service names or stand in braces."""
        end = self.at
        if self._skip() and STEP.match(self.text, self.at):
            raise LineError("needs-braces", begin, self.text[begin:end])

    def _names_a_side(self) -> bool:
        """Whether a bare word stands here that a step follows."""
        begin = self.at
        try:
            self._key()
            word, after = self.text[begin : self.at], self.at
            self._skip()
            step = STEP.match(self.text, self.at)
            if step is None:
                return False
            if step[0] != ">":
                return True
            rest = self.text[step.end() :]
            if self.at == after and not rest[:1].isspace() and rest[:1] != "{":
                return False  # a>5
            if rest.startswith("=") or word in NUMBERS:
                return False
            value = VALUE.match(rest.lstrip())
            return value is None or not is_figure(value[0])
        finally:
            self.at = begin

    def _braces(self) -> Group:
        begin = self.at
        self.at += 1
        found: list[Condition] = []
        while self._skip():
            if self.text[self.at] == "}":
                self.at += 1
                return tuple(found)
            if self.text[self.at] == "{":
                raise LineError("brace-in-brace", self.at, "{")
            if self.text[self.at] == "-":
                raise LineError("minus-in-braces", self.at, "-")
            place = self.at
            condition = self._condition()
            if not condition.tag and condition.key in WHOLE_FIELDS:
                raise LineError("whole-in-braces", place, condition.key)
            found.append(condition)
        raise LineError("open-brace", begin, "{")

    def _path(self, first: Group) -> Path:
        sides: list[Group] = [first]
        steps: list[str] = []
        while self._skip():
            step = STEP.match(self.text, self.at)
            if step is None:
                break
            place, self.at = self.at, step.end()
            if steps and steps[-1].startswith("!"):
                raise LineError("none-below-none", place, step[0])
            if len(sides) == MAX_SIDES:
                raise LineError("too-many-sides", place, hint=str(MAX_SIDES))
            if not self._skip():
                raise LineError("no-side", place, step[0])
            steps.append(step[0])
            if self.text[self.at] == "{":
                sides.append(self._braces())
                continue
            begin = self.at
            name, _ = self._key()
            if OPERATOR.match(self.text, self.at) and not STEP.match(
                self.text, self.at
            ):
                raise LineError("needs-braces", begin, name)
            self._counted(begin)
            sides.append((Condition("service", "=", name),))
        return Path(tuple(sides), tuple(steps))

    def _key(self) -> tuple[str, bool]:
        """A key, and whether it stands in quotation marks."""
        if self.text.startswith('"', self.at):
            return self._quoted(), True
        found = KEY.match(self.text, self.at)
        if found is None:
            word = self.text[self.at : self.at + 20]
            raise LineError("no-key", self.at, word)
        self.at = found.end()
        return found[0], False

    def _quoted(self) -> str:
        found = QUOTED.match(self.text, self.at)
        if found is None:
            raise LineError("open-quote", self.at, self.text[self.at : self.at + 20])
        self.at = found.end()
        return re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)

    def _counted(self, place: int) -> None:
        self.count += 1
        if self.count > MAX_CONDITIONS:
            raise LineError("too-many", place, hint=str(MAX_CONDITIONS))

    def _condition(self) -> Condition:
        begin = self.at
        self._counted(begin)
        key, tag = self._key()
        if not key:
            raise LineError("no-key", begin, '""')
        end = self.at
        self._skip()
        op = OPERATOR.match(self.text, self.at)
        if op is None:
            self.at = end
            if key in FLAGS and not tag:
                return Condition(key)
            near = difflib.get_close_matches(key, FLAGS, n=1, cutoff=0.7)
            raise LineError("bare-word", begin, key, near[0] if near else "")
        place, self.at = self.at, op.end()
        spaced = place != end
        if spaced:
            self._skip()
        value_at = self.at
        if self.text.startswith('"', self.at):
            value = self._quoted()
        else:
            found = VALUE.match(self.text, self.at)
            if found is None:
                raise LineError("no-value", place, key + op[0])
            value, self.at = found[0], found.end()
        return _checked(key, op[0], value, tag, place, value_at, begin)


def _checked(
    key: str, op: str, value: str, tag: bool, place: int, value_at: int, begin: int
) -> Condition:
    """A condition whose operator and value fit its key."""
    field = not tag and key in (*FIELDS, *WHOLE_FIELDS)
    if not field:
        if not tag and key.startswith("trace."):
            near = difflib.get_close_matches(key, WHOLE_FIELDS, n=1, cutoff=0.6)
            if near and key.removeprefix("trace.") != "id":
                raise LineError("unknown-whole", begin, key, near[0])
        if op in (">", ">=", "<", "<=") and not is_number(value):
            raise LineError("bad-number", value_at, value, "500")
        return Condition(key, op, value, tag=True)
    if key == "error":
        if op not in ("=", "!=", "~", "!~"):
            raise LineError("bad-operator", place, op, "= !=")
        return Condition(key, op, value, tag=True)
    if key == "trace.error":
        if op not in ("=", "!="):
            raise LineError("bad-operator", place, op, "= !=")
        if value not in ("true", "false"):
            raise LineError("bad-flag", value_at, value, "true false")
        truth = (value == "true") == (op == "=")
        return Condition(key) if truth else Condition(key, "=", "false")
    if key in NUMBERS:
        if op not in NUMERIC:
            raise LineError("bad-operator", place, op, " ".join(NUMERIC))
        if key in DURATIONS:
            try:
                parse_duration(value)
            except (ValueError, OverflowError):
                raise LineError("bad-duration", value_at, value, "200ms") from None
        elif not re.fullmatch(r"\d{1,12}", value):
            raise LineError("bad-number", value_at, value, "5")
    elif op not in ("=", "!=", "~", "!~"):
        raise LineError("bad-operator", place, op, "= != ~ !~")
    return Condition(key, op, value)


def _opposite(condition: Condition) -> Condition:
    if condition.key == "trace.error":
        return Condition("trace.error") if condition.op else _NO_ERROR
    return Condition(condition.key, OPPOSITE[condition.op], condition.value)


_NO_ERROR = Condition("trace.error", "=", "false")
