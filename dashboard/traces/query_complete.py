"""What a person is about to write at a place in a line of query."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dashboard.traces.query_line import OPERATORS

PIECE = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}]|\s+|[^\s"{}]+', re.DOTALL)
OPERATOR = re.compile("|".join(map(re.escape, OPERATORS)))
SERVICE = re.compile(r'(?<![^\s{])service\s*=\s*("(?:[^"\\]|\\.)*"|[^\s"{}]+)')


@dataclass(frozen=True, slots=True)
class Place:
    """A key or, where ``key`` is given, a value of it that is being written.

    ``prefix`` is what stands before the cursor; the characters from ``start`` to
    ``end`` are to be replaced. ``service`` is the one asked of the same span.
    """

    start: int
    end: int
    prefix: str
    key: str = ""
    op: str = ""
    service: str = ""
    in_braces: bool = False


def place_at(text: str, position: int) -> Place:
    """What is being written where the cursor stands."""
    position = max(0, min(position, len(text)))
    word, group = 0, 0
    depth = 0
    for piece in PIECE.finditer(text, 0, position):
        kind = piece[0]
        if kind.isspace() or kind in "{}":
            word = piece.end()
        if kind == "{":
            depth, group = 1, piece.end()
        elif kind == "}":
            depth, group = 0, piece.end()
    if text.startswith("-", word) and word < position:
        word += 1
    own = text[word:position]
    end = _end_of(text, word, position)
    close = text.find("}", position)
    around = text[group : close if depth and close >= 0 else len(text)]
    if not depth:
        around = re.sub(r"\{[^}]*\}?", " ", text)
    found = SERVICE.search(around)
    service = _unquoted(found[1]) if found else ""
    op = OPERATOR.search(own)
    if op is None or (own.startswith('"') and '"' not in own[1:]):
        return Place(word, end, _unquoted(own), service=service, in_braces=depth > 0)
    start = word + op.end()
    key = _unquoted(own[: op.start()])
    return Place(start, end, _unquoted(own[op.end() :]), key, op[0], service, depth > 0)


def _end_of(text: str, start: int, position: int) -> int:
    """Where the word around the cursor ends."""
    for piece in PIECE.finditer(text, start):
        if piece[0].isspace() or piece[0] in "{}":
            return max(piece.start(), position)
    return len(text)


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    body = text[1:-1] if len(text) > 1 and text.endswith('"') else text[1:]
    return re.sub(r"\\(.)", r"\1", body, flags=re.DOTALL)
