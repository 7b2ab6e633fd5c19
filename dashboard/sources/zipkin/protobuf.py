"""Zipkin v2 spans in protobuf (``ListOfSpans``), read as the same in JSON."""

from __future__ import annotations

import ipaddress
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from dashboard.sources.zipkin.parse import read_spans
from dashboard.traces.builder import Decoded
from dashboard.traces.collector import no_collection
from dashboard.traces.errors import BadTracePayload

PACKAGE = "spanboard.zipkin"  # names do not travel, numbers do
KIND = {1: "CLIENT", 2: "SERVER", 3: "PRODUCER", 4: "CONSUMER"}
# name, number and type of each field; a capital is a message, + means repeated
MESSAGES = {
    "Endpoint": "service_name:1:string ipv4:2:bytes ipv6:3:bytes port:4:int32",
    "Annotation": "timestamp:1:fixed64 value:2:string",
    "Tag": "key:1:string value:2:string",  # an entry of the map
    "Span": (
        "trace_id:1:bytes parent_id:2:bytes id:3:bytes kind:4:int32 name:5:string "
        "timestamp:6:fixed64 duration:7:uint64 local_endpoint:8:Endpoint "
        "remote_endpoint:9:Endpoint annotations:10:+Annotation tags:11:+Tag "
        "shared:13:bool"
    ),
    "ListOfSpans": "spans:1:+Span",
}


def _message_class() -> Any:
    """The class of ``ListOfSpans``: no library carries Zipkin's, and it is small."""
    types = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="spanboard/zipkin.proto", package=PACKAGE, syntax="proto3"
    )
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for text in fields.split():
            field, number, kind = text.split(":")
            entry = message.field.add(name=field, number=int(number))
            repeated = kind.startswith("+")
            entry.label = types.LABEL_REPEATED if repeated else types.LABEL_OPTIONAL
            kind = kind.removeprefix("+")
            if kind[0].isupper():
                entry.type = types.TYPE_MESSAGE
                entry.type_name = f".{PACKAGE}.{kind}"
            else:
                entry.type = types.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName(f"{PACKAGE}.ListOfSpans")
    return message_factory.GetMessageClass(found)


ListOfSpans = _message_class()


def parse_protobuf(body: bytes) -> Decoded:
    """Traces of a ``ListOfSpans``; raises ``BadTracePayload`` for anything else."""
    found = ListOfSpans()
    try:
        found.ParseFromString(body)
    except DecodeError as problem:
        raise BadTracePayload(
            "The body is not Zipkin's protobuf (ListOfSpans). Check that the "
            "Content-Type says what is sent."
        ) from problem
    with no_collection():
        return read_spans([_plain(span) for span in found.spans], "zipkin-protobuf")


def _plain(span: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "traceId": _id(span.trace_id, 8, 16),
        "id": _id(span.id, 8),
        "parentId": _id(span.parent_id, 8) or None,
        "name": span.name,
        "kind": KIND.get(span.kind),
        "timestamp": span.timestamp or None,
        "duration": span.duration or None,
        "shared": span.shared,
        "annotations": [
            {"timestamp": note.timestamp, "value": note.value}
            for note in span.annotations
        ],
        "tags": {tag.key: tag.value for tag in span.tags},
    }
    for name, endpoint in (
        ("localEndpoint", span.local_endpoint),
        ("remoteEndpoint", span.remote_endpoint),
    ):
        plain[name] = {
            "serviceName": endpoint.service_name,
            "ipv4": _address(endpoint.ipv4, 4),
            "ipv6": _address(endpoint.ipv6, 16),
            "port": endpoint.port,
        }
    return plain


def _id(raw: bytes, *sizes: int) -> str:
    return raw.hex() if len(raw) in sizes and any(raw) else ""


def _address(raw: bytes, size: int) -> str:
    return str(ipaddress.ip_address(raw)) if len(raw) == size else ""
