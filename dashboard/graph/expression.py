"""Expressions that find or hide: ``errors > 5% and not service ~ pay*``.

An expression is read once into a program in postfix order and run on each node
and edge. A word that does not apply (a caller, asked of a node) gives neither true
nor false: a condition on it holds nowhere, and neither does its ``not``.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import translate
from typing import Protocol

from dashboard.traces.durations import parse_duration

SHARES = ("errors",)
COUNTS = ("failed", "calls", "attempts")
RATES = ("rate",)
DURATIONS = ("p50", "p95", "p99")
TEXTS = (
    "service",
    "name",
    "namespace",
    "version",
    "operation",
    "instance",
    "kind",
    "group",
    "caller",
    "callee",
)
FLAGS = ("async", "virtual", "failing")
KINDS = ("service", "gateway", "database", "queue", "external", "untraced")
NUMBERS = (*SHARES, *COUNTS, *RATES, *DURATIONS)
WORDS = (*NUMBERS, *TEXTS, *FLAGS)
COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}
TEXT_OPERATORS = ("=", "!=", "~", "!~")
TOKEN = re.compile(
    r'\s*(?:(?P<paren>[()])|(?P<op>>=|<=|!=|!~|>|<|=|~)|"(?P<quoted>(?:[^"\\]|\\.)*)"'
    r'|(?P<word>[^\s()<>=~!"]+))'
)
RATE = re.compile(r"(\d+(?:\.\d+)?)(?:/(s|min|h))?")
PER_SECOND = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}
STRENGTH = {"or": 1, "and": 2, "not": 3}


class ExpressionError(ValueError):
    """What is wrong: a code with values, the place in the text, perhaps a hint."""

    def __init__(self, code: str, position: int, word: str = "", hint: str = ""):
        super().__init__(f"{code} at {position}: {word}")
        self.code, self.position, self.word, self.hint = code, position, word, hint


class Subject(Protocol):
    """A node or edge, as expressions see it; ``None`` where a word does not apply."""

    def number(self, word: str) -> float | None:
        """A figure: shares of 0..1, rates per second, durations in ns."""

    def texts(self, word: str) -> tuple[str, ...] | None:
        """The texts that a word may mean: of an edge those of both ends."""

    def flag(self, word: str) -> bool | None:
        """Whether something holds."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition."""

    word: str
    op: str
    number: float = 0.0
    text: str = ""
    pattern: re.Pattern[str] | None = field(default=None, compare=False)

    def holds(self, subject: Subject) -> bool | None:
        """True, false, or neither."""
        if self.word in FLAGS:
            return subject.flag(self.word)
        if self.word in NUMBERS:
            value = subject.number(self.word)
            return None if value is None else COMPARE[self.op](value, self.number)
        texts = subject.texts(self.word)
        if texts is None:
            return None
        if self.pattern is not None:
            found = any(self.pattern.match(text.lower()) for text in texts)
        else:
            found = self.text in texts
        return found != self.op.startswith("!")


@dataclass(frozen=True, slots=True)
class Expression:
    """A program: conditions and the words "and", "or", "not", in postfix order."""

    program: tuple[Condition | str, ...]

    @property
    def words(self) -> set[str]:
        """The words asked for."""
        return {step.word for step in self.program if isinstance(step, Condition)}

    def matches(self, subject: Subject) -> bool:
        """Whether the expression is true of a node or edge."""
        stack: list[bool | None] = []
        for step in self.program:
            if isinstance(step, Condition):
                stack.append(step.holds(subject))
            elif step == "not":
                top = stack.pop()
                stack.append(None if top is None else not top)
            else:
                right, left = stack.pop(), stack.pop()
                decisive = step == "or"
                if decisive in (left, right):
                    stack.append(decisive)
                else:
                    stack.append(None if None in (left, right) else not decisive)
        return stack[-1] is True


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text, and where it begins."""

    kind: str  # "paren", "op", "quoted", "word"
    text: str
    position: int


def read_expression(text: str) -> Expression:
    """Read an expression; raises ``ExpressionError``."""
    return Expression(_Reader(text).program())


def _tokens(text: str) -> list[Token]:
    found, position = [], 0
    while text[position:].strip():
        match = TOKEN.match(text, position)
        if match is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            code = "open-quote" if text[start] == '"' else "unreadable"
            raise ExpressionError(code, start, text[start : start + 20])
        kind = str(match.lastgroup)
        word = match[kind]
        if kind == "quoted":
            word = re.sub(r"\\(.)", r"\1", word)
        found.append(Token(kind, word, match.start(kind)))
        position = match.end()
    return found


class _Reader:
    """Shunting-yard: no recursion, so that no nesting is too deep."""

    def __init__(self, text: str):
        self.tokens = _tokens(text)
        self.at = 0
        self.end = len(text)

    def program(self) -> tuple[Condition | str, ...]:
        output: list[Condition | str] = []
        waiting: list[Token] = []
        wants_value = True
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            word = token.text.lower() if token.kind == "word" else ""
            if wants_value:
                if (token.kind, token.text) == ("paren", "(") or word == "not":
                    waiting.append(token)
                    self.at += 1
                    continue
                output.append(self._condition())
                wants_value = False
                continue
            self.at += 1
            if (token.kind, token.text) == ("paren", ")"):
                self._close(token, waiting, output)
            elif word in ("and", "or"):
                while waiting and self._goes_first(waiting[-1], word):
                    output.append(waiting.pop().text.lower())
                waiting.append(token)
                wants_value = True
            else:
                raise ExpressionError("no-connection", token.position, token.text)
        if wants_value:
            raise ExpressionError("unfinished", self.end)
        while waiting:
            token = waiting.pop()
            if token.kind == "paren":
                raise ExpressionError("open-parenthesis", token.position, "(")
            output.append(token.text.lower())
        return tuple(output)

    @staticmethod
    def _goes_first(before: Token, word: str) -> bool:
        return before.kind == "word" and STRENGTH[before.text.lower()] >= STRENGTH[word]

    @staticmethod
    def _close(
        token: Token, waiting: list[Token], output: list[Condition | str]
    ) -> None:
        while waiting:
            before = waiting.pop()
            if before.kind == "paren":
                return
            output.append(before.text.lower())
        raise ExpressionError("stray-parenthesis", token.position, ")")

    def _next(self) -> Token | None:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        self.at += 1
        return token

    def _condition(self) -> Condition:
        token = self._next()
        if token is None:
            raise ExpressionError("unfinished", self.end)
        if token.kind != "word":
            raise ExpressionError("no-word", token.position, token.text)
        word = token.text.lower()
        if word not in WORDS:
            near = difflib.get_close_matches(word, WORDS, n=1, cutoff=0.5)
            hint = near[0] if near else ""
            raise ExpressionError("unknown-word", token.position, token.text, hint)
        if word in FLAGS:
            return Condition(word, "")
        op = self._next()
        if op is None:
            raise ExpressionError("unfinished", self.end)
        fitting = COMPARE if word in NUMBERS else TEXT_OPERATORS
        if op.kind != "op" or op.text not in fitting:
            raise ExpressionError(
                "bad-operator", op.position, op.text, " ".join(fitting)
            )
        value = self._next()
        if value is None:
            raise ExpressionError("unfinished", self.end)
        if value.kind not in ("word", "quoted"):
            raise ExpressionError("no-value", value.position, value.text)
        if word in NUMBERS:
            return Condition(word, op.text, _number(word, value))
        return _text_condition(word, op.text, value)


def _text_condition(word: str, op: str, value: Token) -> Condition:
    if "~" in op:
        pattern = re.compile(translate(value.text.lower()))
        return Condition(word, op, text=value.text, pattern=pattern)
    if word == "kind" and value.text not in KINDS:
        near = difflib.get_close_matches(value.text, KINDS, n=1, cutoff=0.4)
        hint = near[0] if near else ", ".join(KINDS)
        raise ExpressionError("unknown-kind", value.position, value.text, hint)
    return Condition(word, op, text=value.text)


def _number(word: str, value: Token) -> float:
    text = value.text.lower()
    try:
        if word in DURATIONS:
            return float(parse_duration(text))
        if word in RATES:
            match = RATE.fullmatch(text)
            if match is None:
                raise ValueError(text)
            return float(match[1]) / PER_SECOND[match[2] or ""]
        if word in SHARES:
            percent = text.endswith("%")
            number = float(text.removesuffix("%")) / (100 if percent else 1)
            if not 0 <= number <= 1:
                raise ValueError(text)
            return number
        number = float(text)
        if not 0 <= number < 1e18:
            raise ValueError(text)
    except ValueError:
        examples = {"rate": "0.5/s", "errors": "5%"}
        hint = examples.get(word, "200ms" if word in DURATIONS else "100")
        raise ExpressionError("bad-value", value.position, value.text, hint) from None
    return number
