"""JSON within a text, at any depth and in any number of layers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from dashboard.redaction.keys import names_a_secret
from dashboard.traces.details import encode

if TYPE_CHECKING:
    from dashboard.redaction.redactor import Redactor

MAX_TRIES = 4  # places of a text that may begin with JSON
_decoder = json.JSONDecoder()


def is_json(text: str) -> bool:
    """Whether a text is an object or an array of JSON as a whole."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False
    return True


class JsonCleaner:
    """Cleans the members of JSON by their names and their looks."""

    def __init__(self, redactor: Redactor, depth: int, version: bool) -> None:
        self.redactor = redactor
        self.depth = depth
        self.version = version
        self.changed = False

    def whole(self, text: str) -> str | None:
        """A text that is JSON as a whole; ``None`` where it is none or clean."""
        if text.lstrip()[:1] not in ("{", "[", '"'):
            return None
        try:
            content = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return None
        clean = self._walk(content)
        return encode(clean).decode() if self.changed else None

    def within(self, text: str) -> str:
        """A text with JSON somewhere in it."""
        position, parts = 0, []
        for _ in range(MAX_TRIES):
            places = [p for p in (text.find(c, position) for c in "{[") if p >= 0]
            if not places:
                break
            begin = min(places)
            try:
                content, end = _decoder.raw_decode(text, begin)
            except (ValueError, RecursionError):
                parts.append(text[position : begin + 1])
                position = begin + 1
                continue
            self.changed = False
            clean = self._walk(content)
            parts.append(text[position:begin])
            parts.append(encode(clean).decode() if self.changed else text[begin:end])
            position = end
        return "".join([*parts, text[position:]])

    def _walk(self, content: Any) -> Any:
        """The content with its secrets replaced; a stack, as it may be deep."""
        root = [content]
        stack: list[tuple[Any, Any, str]] = [(root, 0, "")]
        while stack:
            holder, place, name = stack.pop()
            node = holder[place]
            if isinstance(node, dict):
                holder[place] = self._object(node, stack)
            elif isinstance(node, list):
                self._array(node, name, stack)
            else:
                holder[place] = self._leaf(name, node)
        return root[0]

    def _object(self, node: dict[str, Any], stack: list[Any]) -> dict[str, Any]:
        clean: dict[str, Any] = {}
        hidden = self._hidden_pair(node)
        for name, value in node.items():
            key = self.redactor.scrub(name, self.depth + 1)
            self.changed |= key != name
            while key in clean:
                key += "'"
            clean[key] = value
            if name in hidden or (
                isinstance(value, dict | list)
                and self.redactor.key(name).hides(str(len(value)) + "x")
            ):
                self._hide(clean, key, value)
            else:
                stack.append((clean, key, name))
        return clean

    def _hidden_pair(self, node: dict[str, Any]) -> set[str]:
        """Members that another member names as a secret: name and value."""
        hidden = set()
        for name, value in node.items():
            prefix = self.redactor.key(name).name_of
            if prefix is None or not isinstance(value, str):
                continue
            if self.redactor.key(value[:512]).secret:
                hidden |= {n for n in node if self.redactor.key(n).value_of == prefix}
        return hidden

    def _array(self, node: list[Any], name: str, stack: list[Any]) -> None:
        after_name = False
        for place, value in enumerate(node):
            if after_name and isinstance(value, str | int):
                self._hide(node, place, value)
                after_name = False
                continue
            after_name = isinstance(value, str) and names_a_secret(value)
            stack.append((node, place, name))

    def _hide(self, holder: Any, place: Any, value: Any) -> None:
        text = value if isinstance(value, str) else encode(value).decode()
        holder[place] = self.redactor.label("secret-tag", text)
        self.changed = True

    def _leaf(self, name: str, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        text = value if isinstance(value, str) else str(value)
        if name:
            clean = self.redactor.field(name, text, self.depth + 1)
        else:
            clean = self.redactor.scrub(text, self.depth + 1, self.version)
        if clean == text:
            return value
        self.changed = True
        return clean
