"""The OTLP/HTTP receiver (OTLP 1.x specification): POST /v1/traces."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import zlib

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceResponse,
)

from dashboard.actions.ingest import ingest
from dashboard.actions.sources import (
    DEMO_HEADER,
    demo_key,
    note_received,
    receiver_source,
)
from dashboard.sources.otlp.parse import parse_json, parse_protobuf
from dashboard.traces.builder import Decoded
from dashboard.traces.errors import BadTracePayload

log = logging.getLogger(__name__)
PROTOBUF, JSON = "application/x-protobuf", "application/json"
_waiting = 0
_write_lock = threading.Lock()


@csrf_exempt
async def receive(request: HttpRequest) -> HttpResponse:
    """Take spans; they are stored when the answer says 200."""
    global _waiting
    kind = (request.content_type or "").lower()
    if request.method != "POST":
        answer = _refuse(405, "Send traces with POST.", kind)
        answer["Allow"] = "POST"
        return answer
    if kind not in (PROTOBUF, JSON):
        return _refuse(
            415,
            "The Content-Type must be application/x-protobuf or application/json.",
            kind,
        )
    if _waiting >= settings.SPANBOARD_OTLP_MAX_WAITING:
        answer = _refuse(503, "Too many requests wait to be stored.", kind)
        answer["Retry-After"] = "1"
        return answer
    try:
        body = _inflate(request)
    except RequestDataTooBig:
        return _refuse(413, _too_large(settings.SPANBOARD_OTLP_MAX_BYTES), kind)
    except TooLarge as problem:
        return _refuse(413, str(problem), kind)
    except BadTracePayload as problem:
        return _refuse(400, str(problem), kind)
    _waiting += 1
    try:
        is_demo = request.headers.get(DEMO_HEADER) == demo_key()
        decoded = await sync_to_async(_store, thread_sensitive=False)(
            body, kind, is_demo
        )
    except BadTracePayload as problem:
        return _refuse(400, str(problem), kind)
    except DatabaseError:
        log.exception("Received spans could not be stored")
        answer = _refuse(503, "The store is not available now. Try again.", kind)
        answer["Retry-After"] = "2"
        return answer
    finally:
        _waiting -= 1
        await asyncio.sleep(0)
    return _accept(decoded, kind)


class TooLarge(Exception):
    """A body beyond the limit."""


def _too_large(limit: int) -> str:
    return (
        f"The body is larger than {limit // 2**20} MiB. Send smaller batches, or "
        "raise SPANBOARD_OTLP_MAX_BYTES."
    )


def _inflate(request: HttpRequest) -> bytes:
    length = request.headers.get("Content-Length", "")
    if length.isdigit() and int(length) > settings.SPANBOARD_OTLP_MAX_BYTES:
        raise TooLarge(_too_large(settings.SPANBOARD_OTLP_MAX_BYTES))
    body = request.body
    if len(body) > settings.SPANBOARD_OTLP_MAX_BYTES:
        raise TooLarge(_too_large(settings.SPANBOARD_OTLP_MAX_BYTES))
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise BadTracePayload(
            f"The Content-Encoding {encoding[:40]!r} is not known. Use gzip or none."
        )
    limit = settings.SPANBOARD_OTLP_MAX_INFLATED_BYTES
    machine = zlib.decompressobj(31)
    try:
        plain = machine.decompress(body, limit + 1)
    except zlib.error as problem:
        raise BadTracePayload(f"The gzip body is broken ({problem}).") from problem
    if len(plain) > limit:
        raise TooLarge(_too_large(limit))
    if not machine.eof:
        raise BadTracePayload("The gzip body is cut off.")
    return plain


def _store(body: bytes, kind: str, is_demo: bool) -> Decoded:
    decoded = parse_protobuf(body) if kind == PROTOBUF else parse_json(body)
    if decoded.traces:
        source = receiver_source(is_demo)
        with _write_lock:
            ingest(source, decoded.traces, replace=False)
        note_received(source)
    return decoded


def _accept(decoded: Decoded, kind: str) -> HttpResponse:
    """The response of the specification; what could not be read is told."""
    message = ExportTraceServiceResponse()
    rejected = sum(p.code in ("bad-id", "not-a-span") for p in decoded.problems)
    text = ""
    if decoded.problems:
        first = decoded.problems[0]
        text = f"{len(decoded.problems)} problems; the first: {first.code} at {first.where}"
    if kind == PROTOBUF:
        if text:
            message.partial_success.rejected_spans = rejected
            message.partial_success.error_message = text
        return HttpResponse(message.SerializeToString(), content_type=PROTOBUF)
    content = (
        {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": text}}
        if text
        else {}
    )
    return HttpResponse(json.dumps(content), content_type=JSON)


def _refuse(status: int, text: str, kind: str) -> HttpResponse:
    """An error as the specification wants it: a Status in the request's format."""
    if kind == PROTOBUF:
        body = Status(code=3, message=text).SerializeToString()
        return HttpResponse(body, status=status, content_type=PROTOBUF)
    content = json.dumps({"code": 3, "message": text})
    return HttpResponse(content, status=status, content_type=JSON)
