"""What the panel of one span asks for: its details, further pages, whole values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard.presenters.neighbours import Stored
from dashboard.presenters.shown import Shown
from dashboard.presenters.span_details import (
    Opened,
    more_of,
    span_details,
    whole_value,
)
from dashboard.reads.traces import stored_ids
from dashboard.traces import codec
from dashboard.traces.ids import normalise_trace_id
from dashboard.views import share
from dashboard.views.trace import grown_text, record_or_404, shown_of

Answer = Callable[[Opened], dict[str, Any]]


def details_answer(opened: Opened) -> dict[str, Any]:
    """Details of a row, with links to other stored traces."""
    return _details(opened, stored_ids)


@require_safe
def span(request: HttpRequest, trace_id: str, row: int) -> HttpResponse:
    """Details of one row; ``v`` is the version that the page shows."""
    return _stored(request, trace_id, row, details_answer)


@require_safe
def more(request: HttpRequest, trace_id: str, row: int) -> HttpResponse:
    """A further page of the tags, process tags, logs or fields of one log."""
    return _stored(request, trace_id, row, more_answer(request))


@require_safe
def value(request: HttpRequest, trace_id: str, row: int) -> HttpResponse:
    """One whole value, a million characters an answer."""
    return _stored(request, trace_id, row, value_answer(request))


@require_safe
def share_span(request: HttpRequest, token: str, row: int) -> HttpResponse:
    """Details of one row of a snapshot."""
    return _shared(request, token, row, partial(_details, stored=None))


@require_safe
def share_more(request: HttpRequest, token: str, row: int) -> HttpResponse:
    """``more`` of a snapshot."""
    return _shared(request, token, row, more_answer(request))


@require_safe
def share_value(request: HttpRequest, token: str, row: int) -> HttpResponse:
    """``value`` of a snapshot."""
    return _shared(request, token, row, value_answer(request))


def _details(opened: Opened, stored: Stored | None) -> dict[str, Any]:
    found = span_details(opened, stored)
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


def more_answer(request: HttpRequest) -> Answer:
    part = request.GET.get("part", "")
    return lambda opened: more_of(opened, part, _first(request))


def value_answer(request: HttpRequest) -> Answer:
    address = request.GET.get("at", "")
    return lambda opened: whole_value(opened, address, _first(request))


def _first(request: HttpRequest) -> int:
    """Where a page begins; raises ``ValueError`` for what is no place."""
    word = request.GET.get("from", "0")
    if not (word.isascii() and word.isdigit() and len(word) < 10):
        raise ValueError(word)
    return int(word)


def _stored(
    request: HttpRequest, trace_id: str, row: int, answer: Answer
) -> HttpResponse:
    record = record_or_404(trace_id)
    wanted = request.GET.get("v", "")
    if wanted and wanted != str(record.version):
        return _refuse(409, grown_text())
    return row_answer(shown_of(record), bytes(record.details), row, answer)


def _shared(request: HttpRequest, token: str, row: int, answer: Answer) -> HttpResponse:
    link = share.link_or_404(request, token)
    details = bytes(link.snapshot.details)
    return share.private(row_answer(share.shown_of(link), details, row, answer))


def row_answer(shown: Shown, details: bytes, row: int, answer: Answer) -> HttpResponse:
    if row >= len(shown.trace):
        return _refuse(404, _("There is no such span."))
    opened = Opened(shown, row, partial(codec.read_detail, details))
    try:
        return JsonResponse(answer(opened))
    except IndexError:
        return _refuse(404, _("The span has no such value."))
    except ValueError:
        return _refuse(
            400,
            _(
                "Name a list or a value, such as tags, tags.12 or logs.4.2, and a "
                "number to begin from."
            ),
        )


def _refuse(status: int, words: str) -> JsonResponse:
    return JsonResponse({"ok": False, "error": words, "status": status}, status=status)
