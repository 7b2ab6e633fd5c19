"""Recognises what a body of traces is, by its content, and decodes it."""

from __future__ import annotations

import zlib

from dashboard.sources.jaeger.parse import parse_v1
from dashboard.sources.json_text import close_cut_off
from dashboard.sources.otlp.parse import parse_json, parse_protobuf
from dashboard.sources.zipkin.parse import parse_v2
from dashboard.sources.zipkin.protobuf import parse_protobuf as parse_zipkin_protobuf
from dashboard.traces.builder import Decoded, Problem
from dashboard.traces.errors import BadTracePayload, PayloadTooLarge

DEFAULT_MAX_BYTES = 1024 * 2**20
PARSERS = {
    "jaeger": parse_v1,
    "otlp-json": parse_json,
    "otlp": parse_json,
    "otlp-protobuf": parse_protobuf,
    "zipkin": parse_v2,
    "zipkin-protobuf": parse_zipkin_protobuf,
    "tempo": parse_json,
}
HEAD = 4096


def inflate(
    body: bytes, max_bytes: int = DEFAULT_MAX_BYTES, salvage: bool = False
) -> bytes:
    """The body without gzip, at most ``max_bytes``.

    Raises ``BadTracePayload`` for broken gzip and for one that grows too large;
    with ``salvage`` a gzip body that is cut off gives what came of it.
    """
    if body[:2] != b"\x1f\x8b":
        return body
    parts = []
    left = max_bytes + 1
    rest = body
    try:
        while rest[:2] == b"\x1f\x8b":
            machine = zlib.decompressobj(31)
            part = machine.decompress(rest, left)
            parts.append(part)
            left -= len(part)
            if left <= 0 or machine.unconsumed_tail:
                raise PayloadTooLarge(
                    f"The compressed body grows beyond {max_bytes // 2**20} MiB. "
                    "Split it, or raise the limit in the settings."
                )
            if not machine.eof:
                if salvage and part:
                    break
                raise BadTracePayload("The gzip body is cut off. Send it again.")
            rest = machine.unused_data
    except zlib.error as problem:
        raise BadTracePayload(f"The gzip body is broken ({problem}).") from problem
    return b"".join(parts)


def recognise(body: bytes) -> str:
    """The format of a plain body: a key of ``PARSERS``.

    Raises ``BadTracePayload`` where it is none that Spanboard reads.
    """
    head = body[:HEAD].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise BadTracePayload("The body is empty.")
    if head[:1] == b"<":
        raise BadTracePayload(
            "This is a web page, not traces. Check the address, or whether a "
            "sign-in page answered instead."
        )
    if head[:1] not in (b"{", b"["):
        if body[:1] == b"\x0a":
            return "otlp-protobuf"
        raise BadTracePayload(
            "The format is not known. Spanboard reads Jaeger JSON, OTLP JSON, JSON "
            "lines and protobuf, Zipkin v2 JSON and Tempo's JSON."
        )
    if b'"resourceSpans"' in head or b'"resource_spans"' in head:
        return "otlp-json"
    if b'"batches"' in head:
        return "tempo"
    zipkin = b'"localEndpoint"' in head and b'"traceId"' in head
    if zipkin and b'"spans"' not in head:
        return "zipkin"  # before Jaeger, whose words may be tags
    jaeger = b'"spanID"' in head or b'"traceID"' in head or b'"processes"' in head
    if jaeger or (head[:1] == b"{" and b'"data"' in head):
        return "jaeger"
    if b'"traceId"' in head and (b'"id"' in head or b'"annotations"' in head):
        return "zipkin"
    if b'"resourceSpans"' in body:
        return "otlp-json"
    if b'"traceID"' in body or b'"spans"' in head:
        return "jaeger"
    if b'"traceId"' in body:
        return "zipkin"
    if head.rstrip() in (b"[]", b"{}"):
        return "jaeger"
    raise BadTracePayload(
        "The JSON holds no traces that Spanboard knows: Jaeger's, OTLP's, "
        "Zipkin v2's or Tempo's."
    )


def decode(
    body: bytes,
    *,
    format: str = "",
    max_bytes: int = DEFAULT_MAX_BYTES,
    salvage: bool = False,
) -> Decoded:
    """Traces of a body in any known format, plain or gzip.

    ``format`` forces one of ``jaeger``, ``otlp-json``, ``otlp-protobuf``,
    ``zipkin``, ``tempo``. With ``salvage`` the whole spans of a JSON body that is
    cut off are read, with the problem ``cut-off``: for files, where a second try
    gives the same; a sender should rather be told to send again. Raises
    ``BadTracePayload`` with what to do.
    """
    plain = inflate(body, max_bytes, salvage)
    if len(plain) > max_bytes:
        raise PayloadTooLarge(
            f"The body is larger than {max_bytes // 2**20} MiB. Split it, or raise "
            "the limit in the settings."
        )
    name = format or recognise(plain)
    parser = PARSERS.get(name)
    if parser is None:
        raise BadTracePayload(
            f"There is no format “{name}”. Choose one of {', '.join(PARSERS)}."
        )
    plain = plain.removeprefix(b"\xef\xbb\xbf")
    try:
        return parser(plain)
    except BadTracePayload:
        saved = _salvage(plain, name) if salvage else None
        if saved is None:
            raise
        return saved


def _salvage(plain: bytes, name: str) -> Decoded | None:
    """The whole spans of a cut-off body, or ``None`` where none can be had."""
    if plain.lstrip()[:1] not in (b"{", b"["):
        return None
    closed = close_cut_off(plain, spans_on_top=name == "zipkin")
    if closed is None:
        return None
    whole, end = closed
    try:
        found = PARSERS[name](whole)
    except BadTracePayload:
        return None
    if not found.traces:
        return None
    cut = Problem("cut-off", f"byte {end} of {len(plain)}")
    return Decoded(found.traces, [cut, *found.problems], found.format)
