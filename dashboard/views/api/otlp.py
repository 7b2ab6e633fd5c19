"""The OTLP/HTTP receiver (OTLP 1.x specification): POST /v1/traces."""

from __future__ import annotations

import asyncio
import json
import logging
import threading

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

from dashboard.actions.ingest import Changed, ingest
from dashboard.actions.sources import (
    DEMO_HEADER,
    demo_key,
    note_received,
    receiver_source,
)
from dashboard.sources.detect import inflate
from dashboard.sources.otlp.parse import parse_json, parse_protobuf
from dashboard.traces.builder import Decoded
from dashboard.traces.errors import BadTracePayload, PayloadTooLarge

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
    length = request.headers.get("Content-Length", "")
    limit = settings.SPANBOARD_OTLP_MAX_BYTES
    if length.isdecimal() and int(length) > limit:
        return _refuse(413, _too_large(limit), kind)
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        text = f"The Content-Encoding {encoding[:40]!r} is not known. Use gzip or none."
        return _refuse(400, text, kind)
    try:
        body = request.body
    except RequestDataTooBig:
        return _refuse(413, _too_large(limit), kind)
    if len(body) > limit:
        return _refuse(413, _too_large(limit), kind)
    _waiting += 1
    try:
        is_demo = request.headers.get(DEMO_HEADER) == demo_key()
        decoded = await sync_to_async(_store, thread_sensitive=False)(
            body, kind, encoding == "gzip", is_demo
        )
    except PayloadTooLarge as problem:
        return _refuse(413, str(problem), kind)
    except BadTracePayload as problem:
        return _refuse(400, str(problem), kind)
    except (DatabaseError, Changed):
        log.exception("Received spans could not be stored")
        answer = _refuse(503, "The store is not available now. Try again.", kind)
        answer["Retry-After"] = "2"
        return answer
    finally:
        _waiting -= 1
        await asyncio.sleep(0)
    return _accept(decoded, kind)


def _too_large(limit: int) -> str:
    return (
        f"The body is larger than {limit // 2**20} MiB. Send smaller batches, or "
        "raise SPANBOARD_OTLP_MAX_BYTES."
    )


def _store(body: bytes, kind: str, is_gzip: bool, is_demo: bool) -> Decoded:
    """Inflate, decode and ingest; runs in a thread, off the server's loop."""
    if is_gzip:
        if body[:2] != b"\x1f\x8b":
            raise BadTracePayload("The gzip body is broken (no gzip header).")
        body = inflate(body, settings.SPANBOARD_OTLP_MAX_INFLATED_BYTES)
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
