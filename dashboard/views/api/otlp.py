"""The OTLP/HTTP receiver (OTLP 1.x specification): POST /v1/traces."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceResponse,
)

from dashboard.actions.sources import DEMO_HEADER, demo_key
from dashboard.traces.details import encode
from dashboard.views.api.pressure import Refusal
from dashboard.views.api.receiving import Taken, take

PROTOBUF, JSON = "application/x-protobuf", "application/json"
FORMATS = {PROTOBUF: "otlp-protobuf", JSON: "otlp-json"}
INVALID = 3  # of google.rpc.Code, as are these
CODES = {401: 16, 403: 7, 405: 12, 408: 14, 413: 8, 503: 14}
METHODS = "OPTIONS, POST"


@csrf_exempt
async def receive(request: HttpRequest) -> HttpResponse:
    """Take spans; they are stored, or safe in the queue, when the answer says 200."""
    kind = (request.content_type or "").lower()
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers={"Allow": METHODS})
    if request.method != "POST":
        answer = refuse(Refusal(405, "Send traces with POST."), kind)
        answer["Allow"] = METHODS
        return answer
    if kind not in FORMATS:
        text = "The Content-Type must be application/x-protobuf or application/json."
        return refuse(Refusal(415, text), kind)
    is_demo = request.headers.get(DEMO_HEADER) == demo_key()
    try:
        taken = await take(request, "otlp", FORMATS[kind], is_demo)
    except Refusal as problem:
        return refuse(problem, kind)
    return _accept(taken, kind)


def _accept(taken: Taken, kind: str) -> HttpResponse:
    """The response of the specification; what could not be read is told."""
    message = ExportTraceServiceResponse()
    if taken.problems:
        first = taken.problems[0]
        message.partial_success.rejected_spans = taken.rejected_spans
        message.partial_success.error_message = (
            f"{len(taken.problems)} problems; the first: {first.code} at {first.where}"
        )
    return HttpResponse(_body(message, kind), content_type=kind)


def refuse(problem: Refusal, kind: str) -> HttpResponse:
    """An error as the specification wants it: a Status in the request's format."""
    status = Status(code=CODES.get(problem.status, INVALID), message=problem.text)
    if problem.status == 400:
        why = BadRequest.FieldViolation(field="body", description=problem.text)
        status.details.add().Pack(BadRequest(field_violations=[why]))
    shown = kind if kind == PROTOBUF else JSON
    answer = HttpResponse(
        _body(status, shown), status=problem.status, content_type=shown
    )
    if problem.retry_after_s:
        answer["Retry-After"] = str(problem.retry_after_s)
    if problem.status == 415:
        answer["Accept-Encoding"] = "gzip, deflate, identity"
    return answer


def _body(message: Message, kind: str) -> bytes:
    if kind == PROTOBUF:
        return bytes(message.SerializeToString())
    found = MessageToDict(message)
    if "partialSuccess" in found:  # 0 is told, though it is the default
        found["partialSuccess"].setdefault("rejectedSpans", "0")
    return encode(found)
