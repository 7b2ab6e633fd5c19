"""Reads settings from the environment and fails loudly with the variable's name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")
TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}


def env_str(name: str, default: str = "") -> str:
    """The variable's text, stripped of white space."""
    return os.environ.get(name, default).strip()


def env_bool(name: str, default: bool = False) -> bool:
    """``1/true/yes/on`` or ``0/false/no/off``; anything else is refused."""
    text = os.environ.get(name)
    if text is None:
        return default
    word = text.strip().lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {text!r}.")


def env_int(name: str, default: int, minimum: int = 0) -> int:
    """A whole number of at least ``minimum``."""
    text = os.environ.get(name)
    if text is None or not text.strip():
        return default
    try:
        value = int(text)
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} must be a whole number, not {text!r}."
        ) from None
    if value < minimum:
        raise ImproperlyConfigured(f"{name} must be {minimum} or more, not {value}.")
    return value


def env_float(name: str, default: float, minimum: float = 0.0) -> float:
    """A number of at least ``minimum``."""
    text = os.environ.get(name)
    if text is None or not text.strip():
        return default
    try:
        value = float(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number, not {text!r}.") from None
    if not value >= minimum:
        raise ImproperlyConfigured(f"{name} must be {minimum} or more, not {text!r}.")
    return value


def env_list(name: str, default: str = "") -> list[str]:
    """A list written with commas."""
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]


def origin_of(word: str) -> str:
    """An origin such as ``https://wiki.example.com``, with a port if it needs one."""
    if re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", word.lower()) is None:
        raise ImproperlyConfigured(
            "SPANBOARD_EMBED_ORIGINS is a list of origins such as "
            f"https://wiki.example.com, without a path and without '*'; not {word!r}."
        )
    return word.lower()


class Place(NamedTuple):
    """A backend that is configured; ``name`` is empty where none was given."""

    name: str
    url: str

    @property
    def word(self) -> str:
        """The name as it stands in the names of variables."""
        return re.sub(r"[^A-Z0-9]+", "_", self.name.upper())


def read_places(text: str) -> tuple[Place, ...]:
    """Addresses with commas, each with a name before it or not: ``shop=http://…``."""
    places: dict[str, Place] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(?:([\w .-]{1,60})=)?(\S*?)/*\s*", part)
        name, url = (match[1] or "", match[2]) if match else ("", part.strip())
        if url:
            places.setdefault(url, Place(name.strip(), url))
    return tuple(places.values())


def env_secret(name: str, default: str = "") -> str:
    """The variable, or the content of the file that ``NAME_FILE`` points at."""
    path = env_str(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as problem:
            raise ImproperlyConfigured(
                f"{name}_FILE points at {path}, which can not be read: {problem}"
            ) from problem
    return env_str(name, default)


def env_parsed(
    name: str, parse: Callable[[str], tuple[T, ...]], *beginnings: str
) -> tuple[T, ...]:
    """What ``parse`` makes of the variable, or of the file that it names.

    A text with one of the ``beginnings`` is the content itself.
    """
    content = place = env_str(name)
    if not content:
        return ()
    where = name
    if not content.startswith(beginnings):
        where = f"{name} ({place})"
        try:
            content = Path(place).expanduser().read_text(encoding="utf-8")
        except (OSError, ValueError) as problem:
            raise ImproperlyConfigured(
                f"{name} names the file {place}, which can not be read: {problem}"
            ) from problem
    try:
        return parse(content)
    except ValueError as problem:
        raise ImproperlyConfigured(f"{where}: {problem}") from problem
