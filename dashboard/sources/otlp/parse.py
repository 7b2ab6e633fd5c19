"""OTLP JSON into traces: one object, lines, wrapped, Tempo's."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from dashboard.sources.json_text import tolerant_json, without_lone_surrogates
from dashboard.sources.otlp.protobuf import parse_protobuf
from dashboard.sources.otlp.reader import (
    OtlpReader,
    ProcessOf,
    number_tag,
    read_id,
    read_resource,
)
from dashboard.traces.builder import Decoded
from dashboard.traces.collector import no_collection
from dashboard.traces.details import STRUCTURED, encode
from dashboard.traces.errors import BadTracePayload
from dashboard.traces.trace import Kind, Log, Reference, Tag

__all__ = ["parse_json", "parse_protobuf"]
MAX_DEPTH = 64
ARRAYS = ("arrayValue", "array_value")
MAPS = ("kvlistValue", "kvlist_value")
INTEGER = re.compile(r"-?[0-9]{1,20}\Z")
MAX_UINT64 = 2**64
NO_ENUM = -1  # a word that is none of the enum's names
KIND_NAMES = {**Kind.__members__, "UNSPECIFIED": Kind.UNSET}


def parse_json(body: bytes) -> Decoded:
    """Traces of OTLP JSON: one object, JSON lines, Jaeger v3's or Tempo's wrapping.

    Takes ids in hex or base64, enums as names or numbers, 64-bit numbers as
    numbers or strings. Raises ``BadTracePayload`` when it holds no such JSON.
    """
    with no_collection():
        body = without_lone_surrogates(body)
        reader = OtlpReader()
        known = False
        for position, document in enumerate(_documents(body, reader)):
            known = _read_document(reader, document, position) or known
        if not known:
            raise BadTracePayload(
                "The JSON holds no OTLP traces: expected an object with "
                '"resourceSpans".'
            )
        return Decoded(reader.traces(), reader.problems, "otlp-json")


def _documents(body: bytes, reader: OtlpReader) -> list[Any]:
    try:
        return [msgspec.json.decode(body)]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass  # lines, concatenated objects or loose JSON: tried below
    text = body.decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    found: list[Any] = []
    position = 0
    while position < len(text):
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1
        if position >= len(text):
            break
        try:
            document, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as problem:
            if not found:
                return [tolerant_json(body)]  # or it raises, with the place
            reader.problem("cut-off", f"character {position}", text=str(problem)[:200])
            line = text.find("\n", position)
            if line < 0:
                break
            position = line + 1
            continue
        found.append(document)
    return found


def _read_document(reader: OtlpReader, document: Any, position: int) -> bool:
    """Read one JSON document; false when it is nothing of OTLP's."""
    if isinstance(document, list):
        results = [_read_document(reader, entry, position) for entry in document]
        return any(results)
    if not isinstance(document, dict):
        return False
    for wrapper in ("result", "trace"):
        if isinstance(document.get(wrapper), dict):
            return _read_document(reader, document[wrapper], position)
    blocks = None
    for name in ("resourceSpans", "resource_spans", "batches"):
        if name in document:
            blocks = document[name]
            break
    else:
        return False
    for number, block in enumerate(_list(blocks)):
        if not isinstance(block, dict):
            reader.problem("not-an-object", f"resourceSpans {number}")
            continue
        resource = block.get("resource")
        attributes = resource.get("attributes") if isinstance(resource, dict) else []
        process = ProcessOf(read_resource(_json_tags(attributes)), (position, number))
        scopes = (
            block.get("scopeSpans")
            or block.get("scope_spans")
            or block.get("instrumentationLibrarySpans")
        )
        for scoped in _list(scopes):
            if not isinstance(scoped, dict):
                reader.problem("not-an-object", f"scopeSpans of {number}")
                continue
            found = scoped.get("scope") or scoped.get("instrumentationLibrary")
            found = found if isinstance(found, dict) else {}
            scope = (_text(found.get("name")), _text(found.get("version")))
            for place, span in enumerate(_list(scoped.get("spans"))):
                where = f"resourceSpans {number}, span {place}"
                if not isinstance(span, dict):
                    reader.problem("not-a-span", where)
                    continue
                _json_span(reader, span, process, scope, where)
    return True


def _json_span(
    reader: OtlpReader,
    span: dict[str, Any],
    process: ProcessOf,
    scope: tuple[str, str],
    where: str,
) -> None:
    get = span.get
    trace_id = read_id(get("traceId", get("trace_id")), 32)
    span_id = read_id(get("spanId", get("span_id")), 16)
    if not trace_id or not span_id:
        reader.problem("bad-id", where, trace_id=str(get("traceId"))[:64])
        return
    status = get("status")
    status = status if isinstance(status, dict) else {}
    repairs: list[tuple[str, dict[str, Any]]] = []
    for name, code in (
        ("attributes", "unreadable-tags"),
        ("events", "unreadable-logs"),
        ("links", "bad-reference"),
    ):
        if not isinstance(get(name), list | None):
            repairs.append((code, {}))
    times = []
    for name, other in (
        ("startTimeUnixNano", "start_time_unix_nano"),
        ("endTimeUnixNano", "end_time_unix_nano"),
    ):
        given = get(name, get(other))
        times.append(_uint(given))
        if times[-1] == 0 and given not in (None, 0, "0", ""):
            repairs.append(("bad-number", {"field": name, "value": str(given)[:100]}))
    given = get("parentSpanId", get("parent_span_id"))
    parent_id = read_id(given, 16)
    if not parent_id and given and str(given).strip("0A="):
        repairs.append(("bad-reference", {}))
    logs = [
        Log(
            _uint(event.get("timeUnixNano", event.get("time_unix_nano"))),
            (
                Tag("event", "string", _text(event.get("name"))),
                *_json_tags(event.get("attributes")),
            ),
        )
        for event in _list(get("events"))
        if isinstance(event, dict)
    ]
    links = []
    for link in _list(get("links")):
        if not isinstance(link, dict):
            continue
        other = read_id(link.get("traceId", link.get("trace_id")), 32)
        target = read_id(link.get("spanId", link.get("span_id")), 16)
        if other and target:
            tags = tuple(_json_tags(link.get("attributes")))
            links.append(Reference("FOLLOWS_FROM", other, target, tags))
        else:
            reader.problem("bad-link", where)
    reader.add(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        name=_text(get("name")),
        kind=_enum(get("kind"), "SPAN_KIND_", KIND_NAMES),
        start_ns=times[0],
        end_ns=times[1],
        process=process,
        scope=scope,
        tags=_json_tags(get("attributes")),
        logs=logs,
        links=links,
        status=_enum(
            status.get("code"), "STATUS_CODE_", {"UNSET": 0, "OK": 1, "ERROR": 2}
        ),
        message=_text(status.get("message")),
        trace_state=_text(get("traceState")),
        repairs=repairs,
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    return "" if value is None else str(value)


def _uint(value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return 0
    return number if 0 <= number < MAX_UINT64 else 0


def _enum(value: Any, prefix: str, names: Any) -> int:
    if isinstance(value, bool) or value is None:
        return 0
    if isinstance(value, int):
        return value
    word = str(value).strip().upper().removeprefix(prefix)
    if not word:
        return 0
    if word.isascii() and word.isdigit():
        return int(word[:9])
    return int(names.get(word, NO_ENUM))


def _json_tags(attributes: Any) -> list[Tag]:
    return [
        _json_tag(_text(pair.get("key")), pair.get("value"))
        for pair in _list(attributes)
        if isinstance(pair, dict)
    ]


def _json_tag(key: str, value: Any) -> Tag:
    if not isinstance(value, dict) or not value:
        return Tag(key, "string", "" if value in (None, {}) else _text(value))
    which, content = next(iter(value.items()))
    if which in ("stringValue", "string_value"):
        return Tag(key, "string", _text(content))
    if which in ("intValue", "int_value"):
        try:
            number = int(content)
        except (TypeError, ValueError, OverflowError):
            return Tag(key, "string", _text(content))
        if -(2**63) <= number < MAX_UINT64:
            return Tag(key, "int64", number)
        return Tag(key, "string", str(number))
    if which in ("boolValue", "bool_value"):
        return Tag(key, "bool", content is True or content == "true")
    if which in ("doubleValue", "double_value"):
        try:
            return number_tag(key, float(content))
        except (TypeError, ValueError):
            return Tag(key, "string", _text(content))
    if which in ("bytesValue", "bytes_value"):
        return Tag(key, "binary", _text(content))
    kind = STRUCTURED if which in ARRAYS + MAPS else "string"
    return Tag(key, kind, encode(_json_plain(value, 0)).decode())


def _json_plain(value: Any, depth: int) -> Any:
    if not isinstance(value, dict) or not value or depth > MAX_DEPTH:
        return None
    which, content = next(iter(value.items()))
    if which in ARRAYS:
        values = content.get("values") if isinstance(content, dict) else None
        return [_json_plain(member, depth + 1) for member in _list(values)]
    if which in MAPS:
        values = content.get("values") if isinstance(content, dict) else None
        return {
            _text(pair.get("key")): _json_plain(pair.get("value"), depth + 1)
            for pair in _list(values)
            if isinstance(pair, dict)
        }
    if which in ("intValue", "int_value"):
        digits = str(content)
        return int(digits) if INTEGER.match(digits) else content
    if which in ("doubleValue", "double_value") and type(content) is int:
        return float(content)
    return content
