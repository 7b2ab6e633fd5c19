"""Link patterns: templates that make links to logs, runbooks and profiles.

They are written as for Jaeger UI (``linkPatterns``): a pattern has a ``type``
(``traces``, ``tags``, ``process``, ``logs``), for all but traces a ``key`` (and
``value``), and the templates ``url`` and ``text`` with ``#{name | formatter}``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from dashboard.traces.facts import text_of

TYPES = ("traces", "tags", "process", "logs")
MAX_PATTERNS = 200
MAX_VALUE = 2_000  # characters of a value that goes into a link
MAX_URL = 8_000
PARAMETER = re.compile(r"#\{([^{}]*)\}")
HTTP = re.compile(r"https?://", re.IGNORECASE)
LookUp = Callable[[str], Any]
Formatter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A parameter of a template with its formatters."""

    name: str
    formatters: tuple[Formatter, ...]

    def fill(self, look_up: LookUp) -> str | None:
        """The value as text, ``None`` where it is absent or can not be formatted."""
        value = look_up(self.name)
        if value is None:
            return None
        try:
            for formatter in self.formatters:
                value = formatter(value)
        except (ValueError, OverflowError, ArithmeticError):
            return None
        text = text_of(value)
        return text if len(text) <= MAX_VALUE else None


@dataclass(frozen=True, slots=True)
class Template:
    """Literal texts with parameters between them."""

    parts: tuple[str | Part, ...]

    def fill(self, look_up: LookUp, encode: Callable[[str], str] = str) -> str | None:
        """The filled template, ``None`` where a parameter has no value."""
        texts = []
        for part in self.parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            value = part.fill(look_up)
            if value is None:
                return None
            texts.append(encode(value))
        return "".join(texts)


@dataclass(frozen=True, slots=True)
class LinkPattern:
    """One pattern; empty ``keys`` or ``values`` stand for all."""

    types: frozenset[str]
    keys: frozenset[str]
    values: frozenset[str]
    url: Template
    text: Template

    def link(self, look_up: LookUp) -> dict[str, str] | None:
        """The link, or ``None`` where a value is missing or no link comes of it."""
        url = self.url.fill(look_up, _encode)
        words = self.text.fill(look_up)
        if url is None or words is None or len(url) > MAX_URL or not is_http(url):
            return None
        return {"text": words[:300], "url": url}


def is_http(url: str) -> bool:
    """Whether a text is one whole http(s) address without blanks or controls."""
    if not HTTP.match(url) or any(c.isspace() or not c.isprintable() for c in url):
        return False
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def trace_links(
    patterns: Iterable[LinkPattern], look_up: LookUp
) -> list[dict[str, str]]:
    """Links of the whole trace."""
    found = [p.link(look_up) for p in patterns if "traces" in p.types]
    return [link for link in found if link is not None]


def tag_links(
    patterns: Iterable[LinkPattern], kind: str, key: str, value: Any, look_up: LookUp
) -> list[dict[str, str]]:
    """Links of one tag; ``kind`` is where it stands: tags, process or logs."""
    found = []
    for pattern in patterns:
        if kind not in pattern.types or (pattern.keys and key not in pattern.keys):
            continue
        if pattern.values and text_of(value) not in pattern.values:
            continue
        link = pattern.link(look_up)
        if link is not None:
            found.append(link)
    return found


def read_patterns(content: str) -> tuple[LinkPattern, ...]:
    """Patterns of a JSON text: a list, or Jaeger UI's object with ``linkPatterns``.

    Raises ``ValueError`` with a sentence that names the pattern and its fault.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"This is no JSON: {problem}.") from problem
    if isinstance(found, dict):
        found = found.get("linkPatterns", [])
    if not isinstance(found, list):
        raise ValueError("A list of patterns is expected.")
    if len(found) > MAX_PATTERNS:
        raise ValueError(f"There are more than {MAX_PATTERNS} patterns.")
    return tuple(_pattern(one, place) for place, one in enumerate(found, start=1))


def _pattern(content: Any, place: int) -> LinkPattern:
    def fault(words: str) -> ValueError:
        return ValueError(f"Pattern {place}: {words}")

    if not isinstance(content, dict):
        raise fault("an object is expected.")
    unknown = set(content) - {"type", "key", "value", "url", "text"}
    if unknown:
        raise fault(f"“{sorted(unknown)[0]}” is not known.")
    try:
        types, keys, values = (_texts(content.get(k)) for k in ("type", "key", "value"))
    except ValueError as problem:
        raise fault(str(problem)) from None
    if not types or not types <= set(TYPES):
        raise fault(f"the type must be one of {', '.join(TYPES)}.")
    texts = {}
    for name in ("url", "text"):
        if not isinstance(content.get(name), str) or not content[name].strip():
            raise fault(f"“{name}” is missing.")
        try:
            texts[name] = _template(content[name].strip())
        except ValueError as problem:
            raise fault(f"“{name}”: {problem}") from None
    _check_url(content["url"].strip(), fault)
    return LinkPattern(types, keys, values, texts["url"], texts["text"])


def _check_url(url: str, fault: Callable[[str], ValueError]) -> None:
    """A value must not choose where a link leads: scheme and domain are literal."""
    match = HTTP.match(url)
    if match is None:
        raise fault("the url must begin with http:// or https://.")
    host = re.split(r"[/?#](?!\{)", url[match.end() :])[0]
    if not host or "@" in host:
        raise fault("the url needs a host, and no user.")
    if PARAMETER.search(host) and not re.search(r"\.[\w-]+\.?(:\d+)?$", host):
        raise fault("the end of the host must be literal, such as .example.com.")


def _texts(value: Any) -> frozenset[str]:
    if value is None:
        return frozenset()
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a text or a list of texts is expected.")
    return frozenset(texts)


def _template(text: str) -> Template:
    parts: list[str | Part] = []
    position = 0
    for match in PARAMETER.finditer(text):
        parts.append(text[position : match.start()])
        name, *formats = [word.strip() for word in match[1].split("|")]
        if not name:
            raise ValueError("a parameter has no name.")
        parts.append(Part(name, tuple(_formatter(one) for one in formats)))
        position = match.end()
    parts.append(text[position:])
    return Template(tuple(part for part in parts if part))


def _formatter(words: str) -> Formatter:
    name, *arguments = words.split() or [""]
    try:
        if name == "epoch_micros_to_date_iso" and not arguments:
            return _iso
        if name == "pad_start" and len(arguments) == 2:
            length, filler = int(arguments[0]), arguments[1]
            return lambda value: _pad(text_of(value), min(length, 1_000), filler)
        if name == "add" and len(arguments) == 1:
            offset = _number(arguments[0])
            return lambda value: _number(value) + offset
    except ValueError:
        pass
    raise ValueError(
        f"“{words}” is no formatter; there are epoch_micros_to_date_iso, "
        "pad_start LENGTH FILLER and add NUMBER."
    )


def _iso(value: Any) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=_number(value))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def _pad(text: str, length: int, filler: str) -> str:
    missing = max(length - len(text), 0)
    return (filler * missing)[:missing] + text


def _number(value: Any) -> int | float:
    if isinstance(value, bool):
        raise ValueError(value)
    if isinstance(value, int | float):
        return value
    text = str(value).strip()
    try:
        return int(text)
    except ValueError:
        return float(text)


def _encode(value: str) -> str:
    return quote(value, safe="", errors="replace")
