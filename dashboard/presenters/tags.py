"""Tags and logs for the panel: bounded, with links, and an address for each value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from dashboard.analysis.link_patterns import LinkPattern, is_http, tag_links
from dashboard.traces.durations import format_duration_ns
from dashboard.traces.facts import text_of
from dashboard.traces.trace import Log, Tag

MAX_VALUE = 20_000  # characters of one value sent at first
LEAST_VALUE = 200  # of each value when the answer is full
MAX_ANSWER = 400_000  # characters of all values of one answer, as far as it goes
MAX_KEY = 1_000
MAX_ITEMS = 500  # tags or logs of one page
MAX_FIELDS = 100  # of one log on the first page
MAX_WHOLE = 1_000_000  # characters of one answer with a whole value


@dataclass(slots=True)
class TagWriter:
    """Writes tags as plain data; ``find`` looks a name up beyond the tag's own list."""

    patterns: tuple[LinkPattern, ...] = ()
    find: Callable[[str], Any] = field(default=lambda name: None)
    left: int = MAX_ANSWER

    def tags(
        self, tags: tuple[Tag, ...], kind: str, place: str, first: int, limit: int
    ) -> list[dict[str, Any]]:
        """One page of tags; ``place`` is the address before their number."""
        wanted = any(kind in pattern.types for pattern in self.patterns)
        beside = {tag.key: tag.value for tag in reversed(tags)} if wanted else {}

        def look_up(name: str) -> Any:
            value = beside.get(name)
            return self.find(name) if value is None else value

        rows = []
        for number in range(first, min(first + limit, len(tags))):
            tag = tags[number]
            value = text_of(tag.value)
            shown = value[: min(MAX_VALUE, max(self.left, LEAST_VALUE))]
            self.left -= len(shown)
            links = (
                tag_links(self.patterns, kind, tag.key, tag.value, look_up)
                if wanted
                else []
            )
            whole = len(shown) == len(value)
            rows.append(
                {
                    "key": tag.key[:MAX_KEY],
                    "type": tag.type,
                    "value": shown,
                    "cut": len(value) - len(shown),
                    "size": len(value),
                    "url": value if whole and is_http(value) else "",
                    "links": links,
                    "at": f"{place}.{number}",
                }
            )
        return rows

    def logs(
        self, logs: tuple[Log, ...], origin_ns: int, first: int
    ) -> list[dict[str, Any]]:
        """One page of logs, each with its first fields."""
        return [
            self._log(logs[number], number, origin_ns)
            for number in range(first, min(first + MAX_ITEMS, len(logs)))
        ]

    def _log(self, log: Log, number: int, origin_ns: int) -> dict[str, Any]:
        event = next(
            (text_of(t.value) for t in log.fields if t.key in ("event", "message")), ""
        )
        fields = self.tags(log.fields, "logs", f"logs.{number}", 0, MAX_FIELDS)
        return {
            "at": format_duration_ns(log.at_ns - origin_ns),
            "at_ns": str(log.at_ns),
            "name": event[:500],
            "fields": [row for row in fields if row["key"] != "event" or row["cut"]],
            "field_count": len(log.fields),
            "fields_next": following(0, len(log.fields), MAX_FIELDS),
        }


def following(first: int, count: int, limit: int = MAX_ITEMS) -> int | None:
    """Where the next page begins, ``None`` after the last."""
    return first + limit if first + limit < count else None


def at_address(
    address: str, parts: dict[str, tuple[Any, ...]], names: Iterable[str]
) -> tuple[Tag, ...] | tuple[Log, ...] | Tag:
    """The list or the tag that an address names: ``tags``, ``logs.4``, ``process.2``.

    Raises ``ValueError`` for a text that is no address, ``IndexError`` for one that
    leads nowhere.
    """
    name, *numbers = address.split(".")
    if name not in names or len(numbers) > 2:
        raise ValueError(address)
    found: Any = parts[name]
    for number in numbers:
        if not (number.isascii() and number.isdigit() and len(number) < 9):
            raise ValueError(address)
        found = found.fields if isinstance(found, Log) else found
        if not isinstance(found, tuple):
            raise ValueError(address)
        found = found[int(number)]
    return found.fields if isinstance(found, Log) else found
