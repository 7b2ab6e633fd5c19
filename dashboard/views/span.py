"""What the panel of one span asks for: its details, further pages, whole values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from dashboard.presenters.neighbours import Stored
from dashboard.presenters.span_details import Opened as OpenedSpan
from dashboard.presenters.span_details import more_of, span_details, whole_value
from dashboard.reads.traces import stored_ids
from dashboard.traces import codec
from dashboard.traces.ids import normalise_trace_id
from dashboard.views.opened import Opened, of_share, of_trace, refusal


def details_answer(request: HttpRequest, opened: Opened, row: int) -> HttpResponse:
    """Details of a row; those of a stored trace lead to other stored traces."""
    stored = None if opened.link is not None else stored_ids
    return _answered(opened, row, partial(_details, stored=stored))


def more_answer(request: HttpRequest, opened: Opened, row: int) -> HttpResponse:
    """A further page of the tags, process tags, logs or fields of one log."""
    part = request.GET.get("part", "")
    return _answered(opened, row, lambda span: more_of(span, part, _first(request)))


def value_answer(request: HttpRequest, opened: Opened, row: int) -> HttpResponse:
    """One whole value, a million characters an answer."""
    address = request.GET.get("at", "")
    return _answered(
        opened, row, lambda span: whole_value(span, address, _first(request))
    )


def _details(span: OpenedSpan, stored: Stored | None) -> dict[str, Any]:
    found = span_details(span, stored)
    for ref in found["references"]:
        leads = stored is not None and not ref["here"]
        ref["url"] = _trace_url(ref) if leads else ""
    return found


def _trace_url(ref: dict[str, Any]) -> str:
    """The page of another trace; of one that is not stored it asks the backends."""
    try:
        trace_id = ref["stored_id"] or normalise_trace_id(ref["trace_id"])
    except ValueError:
        return ""
    url = reverse("dashboard:trace", args=[trace_id])
    return f"{url}?{urlencode({'span': ref['span_id']})}"


def _first(request: HttpRequest) -> int:
    """Where a page begins; raises ``ValueError`` for what is no place."""
    word = request.GET.get("from", "0")
    if not (word.isascii() and word.isdigit() and len(word) < 10):
        raise ValueError(word)
    return int(word)


def _answered(
    opened: Opened, row: int, answer: Callable[[OpenedSpan], dict[str, Any]]
) -> HttpResponse:
    if row >= len(opened.shown.trace):
        return refusal(404, _("There is no such span."))
    span = OpenedSpan(opened.shown, row, partial(codec.read_detail, opened.details))
    try:
        return JsonResponse(answer(span))
    except IndexError:
        return refusal(404, _("The span has no such value."))
    except ValueError:
        return refusal(
            400,
            _(
                "Name a list or a value, such as tags, tags.12 or logs.4.2, and a "
                "number to begin from."
            ),
        )


span = of_trace(details_answer)
more = of_trace(more_answer)
value = of_trace(value_answer)
share_span = of_share(details_answer)
share_more = of_share(more_answer)
share_value = of_share(value_answer)
