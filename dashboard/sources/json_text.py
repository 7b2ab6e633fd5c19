"""JSON that is not quite JSON: NaN, bad UTF-8, endless nesting, a cut-off end."""

from __future__ import annotations

import json
import re
from typing import Any

from dashboard.traces.errors import BadTracePayload

MAX_DEPTH = 64
TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
# A lone quote is a text that never ends.
TOKEN_OR_END = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}"]', re.DOTALL)
# A backslash pair, a pair of surrogates, or (the group) one that is alone.
ESCAPE = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
CLOSER = {b"{": b"}", b"[": b"]"}


def tolerant_json(body: bytes) -> Any:
    """Decode JSON that may hold NaN or bad UTF-8.

    Raises ``BadTracePayload`` with the place where the text stops being JSON.
    """
    try:
        try:
            return json.loads(body.decode("utf-8", "replace"))
        except RecursionError:
            return json.loads(cut_deep(body).decode("utf-8", "replace"))
    except ValueError as problem:
        raise BadTracePayload(
            f"The body is not whole JSON ({problem}). It may have been cut off, or "
            "be something else than traces."
        ) from problem


def without_lone_surrogates(body: bytes) -> bytes:
    """The JSON with U+FFFD for every escaped surrogate that has no partner.

    No valid text holds one, and neither a database nor a page takes it.
    """
    if body.find(b"\\") < 0 or b"\\u" not in body:  # one byte is found far faster
        return body
    return ESCAPE.sub(_whole, body)


def _whole(match: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if match[1] else match[0]


def cut_deep(body: bytes) -> bytes:
    """The same JSON with everything nested deeper than 64 levels cut to a text."""
    parts, depth, kept, position = [], 0, 0, 0
    for token in TOKEN.finditer(body):
        mark = token[0]
        if mark in (b"[", b"{"):
            depth += 1
            if depth == MAX_DEPTH + 1:
                parts.append(body[kept : token.start()])
        elif mark in (b"]", b"}"):
            if depth == MAX_DEPTH + 1:
                parts.append(b'"(nested too deeply)"')
                kept = token.end()
            depth -= 1
        position = token.end()
    if depth > MAX_DEPTH or position < kept:
        raise BadTracePayload("The JSON is nested too deeply, and cut off.")
    return b"".join([*parts, body[kept:]])


def close_cut_off(body: bytes, spans_on_top: bool) -> tuple[bytes, int] | None:
    """A cut-off JSON body closed after its last whole part, and where that ends.

    A span that is cut is dropped whole: half a span would tell wrong things. What
    follows the spans (Jaeger's processes) is kept as far as it came.
    ``spans_on_top`` says that the outermost list holds spans (Zipkin). ``None``
    where the body is not cut off but broken in another way.
    """
    stack: list[bytes] = []
    lists: list[int] = []  # depths at which a list of spans is open
    closed = -1, 0  # where the last container of any kind closed, and how deep
    last_span: dict[int, int] = {}  # depth of an open list → end of its last span
    text, before = b"", b""
    for token in TOKEN_OR_END.finditer(body):
        mark = token[0]
        if mark in CLOSER:
            stack.append(mark)
            on_top = spans_on_top and len(stack) == stack.count(b"[")
            if mark == b"[" and (before == b'"spans"' or on_top):
                lists.append(len(stack))
                last_span[len(stack)] = token.end()
            before = b""
        elif mark in (b"]", b"}"):
            if not stack or CLOSER[stack.pop()] != mark:
                return None
            if lists and lists[-1] > len(stack):
                lists.pop()
            if lists and lists[-1] == len(stack):
                last_span[len(stack)] = token.end()
            closed = token.end(), len(stack)
            before = b""
        elif mark == b'"':
            break  # the rest is inside this text
        else:
            before = mark
    if not stack or closed[0] < 0:
        return None
    end, depth = (last_span[lists[-1]], lists[-1]) if lists else closed
    text = body[:end].rstrip(b", \t\r\n")
    closers = b"".join(CLOSER[mark] for mark in reversed(stack[:depth]))
    return text + closers, end
