"""Answers for the box with the line of query: its other view, and what may follow."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard.presenters.problems import problem_text
from dashboard.presenters.query_problems import caret
from dashboard.presenters.query_words import offered
from dashboard.traces.query import TraceQuery, short_duration
from dashboard.traces.query_parse import MAX_LENGTH


@require_safe
def line(request: HttpRequest) -> JsonResponse:
    """Any search as a line and as the fields of the form."""
    parameters = {name: request.GET.getlist(name) for name in request.GET}
    query, problems, _unknown = TraceQuery.read(parameters)
    if problems:
        first = problems[0]
        answer: dict[str, object] = {
            "ok": False,
            "error": problem_text(first),
            "status": 400,
            "where": first.where,
        }
        if first.code == "bad-line":
            position = int(str(first.values["position"]))
            answer["caret"] = caret(request.GET.get("q", "").strip(), position)
        return JsonResponse(answer, status=400)
    return JsonResponse(
        {
            "line": query.whole_line().text(),
            "form": {
                "service": query.service,
                "operation": query.operation,
                "tags": query.logfmt(),
                "minDuration": short(query.min_duration_us),
                "maxDuration": short(query.max_duration_us),
                "error": "" if query.error is None else str(query.error).lower(),
                "q": query.line.text(),
            },
        }
    )


def short(value_us: int | None) -> str:
    """A duration for the form, which reads back as the same."""
    return "" if value_us is None else short_duration(value_us)


@require_safe
def words(request: HttpRequest) -> JsonResponse:
    """Keys or values that may stand at the cursor (``at``) of a line (``text``)."""
    text = request.GET.get("text", "").replace("\0", "")
    at = request.GET.get("at", str(len(text)))
    if len(text) > MAX_LENGTH or not (at.isdecimal() and len(at) < 7):
        sentence = _("The line or the place is not valid.")
        return JsonResponse({"ok": False, "error": sentence, "status": 400}, status=400)
    return JsonResponse(offered(text, int(at), request.GET.get("source", "")))
