"""Details of one span: tags and logs, kept as JSON bytes until somebody looks.

The bytes are one JSON object. ``tags`` are Jaeger's key/type/value objects (the type
``json`` is Spanboard's own: the text of an array or a map that came as one),
``logs`` are Jaeger's (``timestamp`` in microseconds), ``events`` are the same
with ``at_ns`` in nanoseconds, ``warnings`` the source's own words.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

from dashboard.traces.trace import Log, SpanDetails, Tag

STRUCTURED = "json"
PLAIN = (str, bool)
TYPES = {"string", "bool", "int64", "float64", "binary", STRUCTURED}


class _Stamp(msgspec.Struct, gc=False):
    timestamp: Any = None
    at_ns: Any = None


class _Stamps(msgspec.Struct, gc=False):
    logs: list[_Stamp] | None = None
    events: list[_Stamp] | None = None


_LOGS = {b"l", b"e"}  # of {"logs and {"events; others begin with t or w
_stamps = msgspec.json.Decoder(_Stamps)


def has_logs(raw: bytes) -> bool:
    """Whether a span has logs, from the first bytes of its details."""
    return raw[2:3] in _LOGS


def log_times_ns(raw: bytes) -> list[int]:
    """Times of a span's logs in the order of the source; unreadable ones left out."""
    try:
        found = _stamps.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return []
    times = [_at_ns(stamp.timestamp, 1_000) for stamp in found.logs or ()]
    times += [_at_ns(stamp.at_ns, 1) for stamp in found.events or ()]
    return [at_ns for at_ns in times if at_ns]


class DecodedDetails(bytes):
    """Details that stand where bytes do and are decoded already: for one answer."""

    details: SpanDetails

    @classmethod
    def of(cls, details: SpanDetails) -> DecodedDetails:
        """Wrap them; the bytes say nothing."""
        made = cls(b"{}")
        made.details = details
        return made


def read_details(raw: bytes) -> SpanDetails:
    """Decode one span's details; what can not be read is shown as text."""
    if not raw:
        return SpanDetails()
    if type(raw) is DecodedDetails:
        return raw.details
    found: Any
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        try:
            found = json.loads(raw.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            text = raw[:10_000].decode("utf-8", "replace")
            return SpanDetails(tags=(Tag("unreadable", "string", text),))
    if not isinstance(found, dict):
        return SpanDetails()
    logs = [_log(entry, "timestamp", 1_000) for entry in _list(found.get("logs"))]
    logs += [_log(entry, "at_ns", 1) for entry in _list(found.get("events"))]
    logs.sort(key=lambda log: log.at_ns)
    return SpanDetails(
        tags=read_tags(found.get("tags")),
        logs=tuple(logs),
        warnings=tuple(str(text) for text in _list(found.get("warnings"))),
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _log(entry: Any, key: str, unit_ns: int) -> Log:
    if not isinstance(entry, dict):
        return Log(0, (Tag("unreadable", "string", str(entry)),))
    return Log(_at_ns(entry.get(key), unit_ns), read_tags(entry.get("fields")))


def _at_ns(value: Any, unit_ns: int) -> int:
    try:
        return int(value) * unit_ns if value is not None else 0
    except (TypeError, ValueError, OverflowError):
        return 0


def read_tags(value: Any) -> tuple[Tag, ...]:
    """Tags of a decoded list of key/type/value objects; odd members are text."""
    tags = []
    for entry in _list(value):
        if not isinstance(entry, dict):
            tags.append(Tag("unreadable", "string", str(entry)))
            continue
        key, kind, content = entry.get("key"), entry.get("type"), entry.get("value")
        if (  # nearly all
            type(content) in PLAIN
            and isinstance(kind, str)
            and kind in TYPES
            and isinstance(key, str)
        ):
            tags.append(Tag(key, kind, content))
            continue
        content = _plain(content)
        if not isinstance(kind, str) or kind.lower() not in TYPES:
            kind = _type_of(content)
        elif content is not entry.get("value"):
            kind = "string"
        tags.append(Tag(str(entry.get("key", "")), kind.lower(), content))
    return tuple(tags)


def _plain(value: Any) -> Any:
    """A tag's value as stores and pages take it; what they can't hold is text."""
    if isinstance(value, list | dict):
        return encode(value).decode()
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int64"
    if isinstance(value, float):
        return "float64"
    return "string"


def write_details(details: SpanDetails) -> bytes:
    """Encode details; the inverse of ``read_details``."""
    content: dict[str, Any] = {}
    if details.logs:  # first, see ``has_logs``
        content["events"] = [
            {"at_ns": log.at_ns, "fields": [tag_object(tag) for tag in log.fields]}
            for log in details.logs
        ]
    if details.tags:
        content["tags"] = [tag_object(tag) for tag in details.tags]
    if details.warnings:
        content["warnings"] = list(details.warnings)
    return encode(content) if content else b""


def tag_object(tag: Tag) -> dict[str, Any]:
    """A tag as it is stored; Jaeger's form but for the type of structured values."""
    return {"key": tag.key, "type": tag.type, "value": tag.value}


def encode(content: Any) -> bytes:
    """Valid UTF-8 JSON of anything decoded; lone surrogates become U+FFFD."""
    try:
        return msgspec.json.encode(content)
    except (UnicodeEncodeError, TypeError, OverflowError):
        text = json.dumps(content, ensure_ascii=False, default=str)
        return text.encode("utf-8", "replace")
