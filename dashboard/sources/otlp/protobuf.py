"""OTLP protobuf into traces: plain spans fast, the others field by field."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from dashboard.sources.otlp.reader import (
    OtlpReader,
    ProcessOf,
    number_tag,
    read_resource,
    scope_tags,
    status_tags,
)
from dashboard.sources.otlp.wire import Attributes, Read, Request, read_tag
from dashboard.traces.builder import MAX_NS, Decoded, KnownProcess, TraceBuilder
from dashboard.traces.collector import no_collection
from dashboard.traces.details import STRUCTURED, encode
from dashboard.traces.errors import BadTracePayload
from dashboard.traces.ids import trace_key
from dashboard.traces.trace import Log, Reference, Tag

MAX_DEPTH = 64
MAX_STATUSES = 1_000  # spellings of a span's status kept
MAX_RESOURCES = 1_000
LAST_KIND = 5


def parse_protobuf(body: bytes) -> Decoded:
    """Traces of an ``ExportTraceServiceRequest`` (also ``TracesData``: same wire).

    Raises ``BadTracePayload`` when the bytes are no such message.
    """
    try:
        with no_collection():
            return _parse(body)
    except DecodeError as problem:
        raise BadTracePayload(
            "The body is not OTLP protobuf (ExportTraceServiceRequest). Check that "
            "the Content-Type says what is sent."
        ) from problem


def _parse(body: bytes) -> Decoded:
    request = Request.FromString(body)
    reader = OtlpReader()
    for number, block in enumerate(request.blocks):
        process = ProcessOf(_resource(b"".join(block.resource)), number)
        for scoped in block.scopes:
            scope = InstrumentationScope.FromString(b"".join(scoped.scope))
            _spans(reader, scoped.spans, process, (scope.name, scope.version))
    return Decoded(reader.traces(), reader.problems, "otlp-protobuf")


def _spans(
    reader: OtlpReader, spans: Any, process: ProcessOf, scope: tuple[str, str]
) -> None:
    """Add spans of one scope; those that need a closer look take the slow way."""
    builders: dict[bytes, TraceBuilder] = {}
    of_scope = [read_tag(tag) for tag in scope_tags(scope)]
    for span in spans:
        raw_id = span.trace_id
        parent = span.parent_span_id
        start_ns = span.start_ns
        duration_ns = span.end_ns - start_ns
        name = span.name
        if not (
            name
            and 0 < start_ns <= MAX_NS
            and 0 <= duration_ns <= MAX_NS
            and 0 <= span.kind <= LAST_KIND
            and len(span.span_id) == 8
            and any(span.span_id)
            and (not parent or (len(parent) == 8 and any(parent)))
            and not (span.events or span.links or span.trace_state)
        ):
            whole = Span.FromString(span.SerializeToString())
            _proto_span(reader, whole, process, scope)
            continue
        builder = builders.get(raw_id)
        if builder is None:
            trace_id = raw_id.hex()
            if not _valid(trace_id, 32):
                text = f"span {name[:100]!r}"
                reader.problem("bad-id", text, trace_id=trace_id[:64])
                continue
            builder = builders[raw_id] = reader.builder(trace_key(trace_id), trace_id)
        reads = [_attributes[raw] for raw in span.attributes]
        if span.status:
            reads += _status(b"".join(span.status))
        reads += of_scope
        builder.plain_span(
            span.span_id.hex(),
            parent.hex(),
            start_ns,
            duration_ns,
            name,
            span.kind,
            process.number_in(builder),
            b'{"tags":[%b]}' % b",".join([json for json, _ in reads]) if reads else b"",
            [fact for _, fact in reads if fact is not None],
        )
        reader.spans += 1


def _resource(raw: bytes) -> KnownProcess:
    found = _resources.get(raw)
    if found is None:
        found = read_resource(_proto_tags(Resource.FromString(raw).attributes))
        if len(_resources) >= MAX_RESOURCES:
            _resources.clear()
        _resources[raw] = found
    return found


def _status(raw: bytes) -> list[Read]:
    found = _statuses.get(raw)
    if found is None:
        status = Status.FromString(raw)
        tags = status_tags(status.code, status.message)
        found = [read_tag(tag) for tag in tags]
        if len(_statuses) >= MAX_STATUSES:
            _statuses.clear()
        _statuses[raw] = found
    return found


def _proto_span(
    reader: OtlpReader, span: Any, process: ProcessOf, scope: tuple[str, str]
) -> None:
    trace_id, span_id = span.trace_id.hex(), span.span_id.hex()
    if not _valid(trace_id, 32) or not _valid(span_id, 16):
        reader.problem("bad-id", f"span {span.name[:100]!r}", trace_id=trace_id[:64])
        return
    parent_id = span.parent_span_id.hex()
    logs = [
        Log(
            event.time_unix_nano,
            (Tag("event", "string", event.name), *_proto_tags(event.attributes)),
        )
        for event in span.events
    ]
    links = [
        Reference(
            "FOLLOWS_FROM",
            link.trace_id.hex(),
            link.span_id.hex(),
            tuple(_proto_tags(link.attributes)),
        )
        for link in span.links
        if _valid(link.trace_id.hex(), 32) and _valid(link.span_id.hex(), 16)
    ]
    reader.add(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id if _valid(parent_id, 16) else "",
        name=span.name,
        kind=span.kind,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        process=process,
        scope=scope,
        tags=_proto_tags(span.attributes),
        logs=logs,
        links=links,
        status=span.status.code,
        message=span.status.message,
        trace_state=span.trace_state,
    )


def _valid(text: str, digits: int) -> bool:
    return len(text) == digits and text.strip("0") != ""


def _proto_tags(attributes: Iterable[Any]) -> list[Tag]:
    return [_proto_tag(pair.key, pair.value) for pair in attributes]


def _proto_tag(key: str, value: Any) -> Tag:
    which = value.WhichOneof("value")
    if which == "string_value":
        return Tag(key, "string", value.string_value)
    if which == "int_value":
        return Tag(key, "int64", value.int_value)
    if which == "bool_value":
        return Tag(key, "bool", value.bool_value)
    if which == "double_value":
        return number_tag(key, value.double_value)
    if which == "bytes_value":
        return Tag(key, "binary", base64.b64encode(value.bytes_value).decode())
    if which is None:
        return Tag(key, "string", "")
    return Tag(key, STRUCTURED, encode(_proto_plain(value, 0)).decode())


def _proto_plain(value: Any, depth: int) -> Any:
    which = value.WhichOneof("value")
    if which is None or depth > MAX_DEPTH:
        return None
    if which == "array_value":
        return [_proto_plain(v, depth + 1) for v in value.array_value.values]
    if which == "kvlist_value":
        return {
            pair.key: _proto_plain(pair.value, depth + 1)
            for pair in value.kvlist_value.values
        }
    found = getattr(value, which)
    return found.hex() if isinstance(found, bytes) else found


_attributes = Attributes(_proto_tag)
_resources: dict[bytes, KnownProcess] = {}
_statuses: dict[bytes, list[Read]] = {}
