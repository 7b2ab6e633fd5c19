"""The OTLP/HTTP receiver (OTLP 1.x specification): POST /v1/traces."""

from __future__ import annotations

import json
from functools import partial

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceResponse,
)

from dashboard.actions.sources import DEMO_HEADER, demo_key, receiver_source
from dashboard.sources.otlp.parse import parse_json, parse_protobuf
from dashboard.traces.builder import Decoded
from dashboard.views.api.receiving import Refusal, rejected, take

PROTOBUF, JSON = "application/x-protobuf", "application/json"
INVALID, EXHAUSTED, UNIMPLEMENTED, UNAVAILABLE = 3, 8, 12, 14  # google.rpc.Code
CODES = {405: UNIMPLEMENTED, 413: EXHAUSTED, 415: INVALID, 503: UNAVAILABLE}


@csrf_exempt
async def receive(request: HttpRequest) -> HttpResponse:
    """Take spans; they are stored when the answer says 200."""
    kind = (request.content_type or "").lower()
    if request.method != "POST":
        answer = _refuse(Refusal(405, "Send traces with POST."), kind)
        answer["Allow"] = "POST"
        return answer
    if kind not in (PROTOBUF, JSON):
        text = "The Content-Type must be application/x-protobuf or application/json."
        return _refuse(Refusal(415, text), kind)
    is_demo = request.headers.get(DEMO_HEADER) == demo_key()
    parse = parse_protobuf if kind == PROTOBUF else parse_json
    try:
        decoded = await take(request, "otlp", parse, partial(receiver_source, is_demo))
    except Refusal as problem:
        return _refuse(problem, kind)
    return _accept(decoded, kind)


def _accept(decoded: Decoded, kind: str) -> HttpResponse:
    """The response of the specification; what could not be read is told."""
    message = ExportTraceServiceResponse()
    text = ""
    if decoded.problems:
        first = decoded.problems[0]
        text = f"{len(decoded.problems)} problems; the first: {first.code} at {first.where}"
    if kind == PROTOBUF:
        if text:
            message.partial_success.rejected_spans = rejected(decoded)
            message.partial_success.error_message = text
        return HttpResponse(message.SerializeToString(), content_type=PROTOBUF)
    content = (
        {
            "partialSuccess": {
                "rejectedSpans": str(rejected(decoded)),
                "errorMessage": text,
            }
        }
        if text
        else {}
    )
    return HttpResponse(json.dumps(content), content_type=JSON)


def _refuse(problem: Refusal, kind: str) -> HttpResponse:
    """An error as the specification wants it: a Status in the request's format."""
    code = CODES.get(problem.status, INVALID)
    status = Status(code=code, message=problem.text)
    body = (
        status.SerializeToString()
        if kind == PROTOBUF
        else json.dumps({"code": code, "message": problem.text}).encode()
    )
    answer = HttpResponse(
        body, status=problem.status, content_type=PROTOBUF if kind == PROTOBUF else JSON
    )
    if problem.retry_after_s:
        answer["Retry-After"] = str(problem.retry_after_s)
    return answer
