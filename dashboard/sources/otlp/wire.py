"""OTLP's protobuf read in its outer half only: attributes stay bytes.

A message inside a message is written like bytes, so a schema that says *bytes* reads
the same body. Most attributes are spelled alike in all spans: each spelling is
decoded once. A field that may stand once is declared repeated, since the parts of a
message that comes in pieces are joined by putting their bytes together.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from dashboard.traces.details import encode, tag_object
from dashboard.traces.facts import SLOT_AND_RANK, text_of
from dashboard.traces.trace import Tag

# What one attribute comes to: JSON for the details, and slot, rank and text of a fact.
Read = tuple[bytes, tuple[int, int, str] | None]
MAX_KNOWN = 20_000  # spellings kept
MAX_VALUES = 2_000  # values of one key, after which they are taken for unique
BYTES, STRING, INT32, FIXED64 = (
    FieldDescriptorProto.TYPE_BYTES,
    FieldDescriptorProto.TYPE_STRING,
    FieldDescriptorProto.TYPE_INT32,
    FieldDescriptorProto.TYPE_FIXED64,
)
_SPAN = (
    ("trace_id", 1, BYTES, False),
    ("span_id", 2, BYTES, False),
    ("trace_state", 3, STRING, False),
    ("parent_span_id", 4, BYTES, False),
    ("name", 5, STRING, False),
    ("kind", 6, INT32, False),
    ("start_ns", 7, FIXED64, False),
    ("end_ns", 8, FIXED64, False),
    ("attributes", 9, BYTES, True),
    ("events", 11, BYTES, True),
    ("links", 13, BYTES, True),
    ("status", 15, BYTES, True),
)


def _request_class() -> Any:
    file = FileDescriptorProto(
        name="spanboard_wire.proto", package="spanboard.wire", syntax="proto3"
    )
    for name, fields in (
        ("Span", _SPAN),
        ("Scoped", (("scope", 1, BYTES, True), ("spans", 2, "Span", True))),
        ("Block", (("resource", 1, BYTES, True), ("scopes", 2, "Scoped", True))),
        ("Request", (("blocks", 1, "Block", True),)),
    ):
        message = file.message_type.add(name=name)
        for field, number, kind, many in fields:
            added = message.field.add(name=field, number=number)
            added.label = (
                FieldDescriptorProto.LABEL_REPEATED
                if many
                else FieldDescriptorProto.LABEL_OPTIONAL
            )
            if isinstance(kind, str):
                added.type = FieldDescriptorProto.TYPE_MESSAGE
                added.type_name = f".spanboard.wire.{kind}"
            else:
                added.type = kind
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("spanboard.wire.Request"))


Request = _request_class()


class Attributes(dict[bytes, Read]):
    """Attributes by how they are spelled; unknown ones are decoded when asked for.

    Raises protobuf's ``DecodeError`` for bytes that are no attribute.
    """

    def __init__(self, tag_of: Any) -> None:
        super().__init__()
        self.tag_of = tag_of
        self.openings: dict[bytes, tuple[bytes, tuple[int, int] | None]] = {}
        self.seen: dict[bytes, int] = {}

    def __missing__(self, raw: bytes) -> Read:
        size = len(raw)
        end = 2 + raw[1] if size > 2 else size
        # A key and a text, each under 128 bytes long: 0A k key 12 v 0A t text.
        if (
            end + 4 <= size
            and raw[0] == 0x0A
            and raw[end] == 0x12
            and raw[end + 2] == 0x0A
            and raw[end + 3] == size - end - 4 < 126
            and raw[end + 1] == size - end - 2
            and raw[1] < 128
        ):
            key = raw[2:end]
            try:
                text = raw[end + 4 :].decode()
                opening, place = self.openings.get(key) or self._opening(key)
            except UnicodeDecodeError:
                pass  # protobuf says below what is wrong
            else:
                found: Read = (
                    opening + encode(text) + b"}",
                    None if place is None else (*place, text),
                )
                count = self.seen[key] = self.seen.get(key, 0) + 1
                if count < MAX_VALUES:
                    self._keep(raw, found)
                return found
        pair = KeyValue.FromString(raw)
        found = read_tag(self.tag_of(pair.key, pair.value))
        self._keep(raw, found)
        return found

    def _opening(self, key: bytes) -> tuple[bytes, tuple[int, int] | None]:
        name = key.decode()
        whole = encode({"key": name, "type": "string", "value": ""})
        if len(self.openings) > MAX_KNOWN:
            self.openings.clear()
        found = self.openings[key] = whole[:-3], SLOT_AND_RANK.get(name)
        return found

    def _keep(self, raw: bytes, found: Read) -> None:
        if len(self) > MAX_KNOWN:
            self.clear()
            self.seen.clear()
        self[raw] = found


def read_tag(tag: Tag) -> Read:
    """The JSON of a tag, and its fact."""
    place = SLOT_AND_RANK.get(tag.key)
    fact = None if place is None else (*place, text_of(tag.value))
    return encode(tag_object(tag)), fact
