"""The Zipkin v2 receiver: POST /api/v2/spans with a list of spans, JSON or protobuf."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from dashboard.views.api.pressure import Refusal
from dashboard.views.api.receiving import take

PLAIN = "text/plain; charset=utf-8"
REJECTED = "X-Spanboard-Rejected"  # spans left out; Zipkin's answer has no body
METHODS = "OPTIONS, POST"
FORMATS = {
    "": "zipkin",  # older reporters name none
    "application/json": "zipkin",
    "text/plain": "zipkin",
    "application/x-protobuf": "zipkin-protobuf",
    "application/protobuf": "zipkin-protobuf",
}


@csrf_exempt
async def receive(request: HttpRequest) -> HttpResponse:
    """Take spans; they are stored, or safe in the queue, when the answer says 202."""
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers={"Allow": METHODS})
    if request.method != "POST":
        answer = refuse(Refusal(405, "Send spans with POST."))
        answer["Allow"] = METHODS
        return answer
    kind = (request.content_type or "").lower()
    if kind not in FORMATS:
        text = (
            "Send Zipkin v2 spans as a JSON list (application/json) or as protobuf "
            "(application/x-protobuf). Thrift and v1 are not read."
        )
        return refuse(Refusal(415, text))
    try:
        taken = await take(request, "zipkin", FORMATS[kind])
    except Refusal as problem:
        return refuse(problem)
    answer = HttpResponse(status=202)
    if taken.rejected_spans:
        answer[REJECTED] = str(taken.rejected_spans)
    return answer


def refuse(problem: Refusal, kind: str = "") -> HttpResponse:
    """An error in words, which reporters log."""
    answer = HttpResponse(problem.text, status=problem.status, content_type=PLAIN)
    if problem.retry_after_s:
        answer["Retry-After"] = str(problem.retry_after_s)
    return answer
