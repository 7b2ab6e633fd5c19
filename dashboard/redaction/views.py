"""Other readings of a text: decoded, normalised, unpacked; each in linear time."""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from urllib.parse import unquote

MAX_ROUNDS = 8  # encodings around each other that are taken off
LEAST_RUN = 12  # characters of base64 or hex that can hide something

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8});")
_ESCAPE = re.compile(
    r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL
)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": " ", "f": " "}
RUN = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
WRAPPED = re.compile(
    r"(?<![\w+/])(?:[A-Za-z0-9+/]{40,}+\r?\n[ \t]{0,8})++[A-Za-z0-9+/]+={0,2}"
)
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2}){6,})")
_URL_SAFE = str.maketrans("-_", "+/")
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"PK\x03\x04")


def normalised(text: str) -> str:
    """Full-width and styled letters as plain ones, without what can't be seen."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))


def decoded(text: str) -> str | None:
    """The text with all escapes undone, ``None`` when there are too many layers."""
    for _ in range(MAX_ROUNDS):
        before = text
        if not text.isascii():
            text = normalised(text)
        if "%" in text and _PERCENT.search(text):
            text = unquote(text, errors="replace")
        if "&" in text and _ENTITY.search(text):
            text = html.unescape(text)
        if "\\" in text:
            text = _ESCAPE.sub(_unescaped, text)
        if text == before:
            return text
    return None


def _unescaped(match: re.Match[str]) -> str:
    number = match[1] or match[2] or match[3]
    if number:
        code = int(number, 16)
        if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
            return "\ufffd"
        return chr(code)
    return _LETTERS.get(match[4], match[4])


def unpacked(run: str) -> str | None:
    """The text that a run of base64 or hex stands for, ``None`` where it is none.

    What is compressed can't be looked into: it is an empty text.
    """
    found = _HEX.fullmatch(run)
    if found is not None:
        text = _as_text(bytes.fromhex(found[1]))
        if text is not None:
            return text
    core = run.rstrip("=").translate(_URL_SAFE)
    if core.islower() or core.isdecimal():  # words; text in base64 has capitals
        return None
    core = core[: len(core) - (len(core) % 4 == 1)]
    try:
        raw = base64.b64decode(core + "=" * (-len(core) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return _as_text(raw)


def _as_text(raw: bytes) -> str | None:
    if raw.startswith(_PACKED):
        return ""
    if raw.count(0) * 3 >= len(raw):  # UTF-16 of plain letters
        raw = raw.replace(b"\0", b"")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    plain = text.replace("\n", "").replace("\r", "").replace("\t", "")
    return text if plain and plain.isprintable() else None
