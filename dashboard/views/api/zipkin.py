"""The Zipkin v2 receiver: POST /api/v2/spans with a JSON list."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from dashboard.actions.sources import zipkin_source
from dashboard.sources.zipkin.parse import parse_v2
from dashboard.views.api.receiving import Refusal, rejected, take

PLAIN = "text/plain; charset=utf-8"
REJECTED = "X-Spanboard-Rejected"  # spans left out; Zipkin's answer has no body


@csrf_exempt
async def receive(request: HttpRequest) -> HttpResponse:
    """Take spans; they are stored when the answer says 202."""
    if request.method != "POST":
        answer = _refuse(Refusal(405, "Send spans with POST."))
        answer["Allow"] = "POST"
        return answer
    kind = (request.content_type or "").lower()
    if kind not in ("", "application/json", "text/plain"):
        text = (
            "Send Zipkin v2 spans as a JSON list with Content-Type application/json. "
            "Zipkin's protobuf and thrift are not read."
        )
        return _refuse(Refusal(415, text))
    try:
        decoded = await take(request, "zipkin", parse_v2, zipkin_source)
    except Refusal as problem:
        return _refuse(problem)
    answer = HttpResponse(status=202)
    if rejected(decoded):
        answer[REJECTED] = str(rejected(decoded))
    return answer


def _refuse(problem: Refusal) -> HttpResponse:
    answer = HttpResponse(problem.text, status=problem.status, content_type=PLAIN)
    if problem.retry_after_s:
        answer["Retry-After"] = str(problem.retry_after_s)
    return answer
