"""Times of logs for the rows in sight, a frame of the stored details at a time."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard.presenters.payload import unit_of
from dashboard.traces import codec
from dashboard.traces.details import has_logs, log_times_ns
from dashboard.traces.trace import Trace
from dashboard.views.share import link_or_404, private
from dashboard.views.share import shown_of as shown_of_share
from dashboard.views.trace import record_or_404, shown_of

MAX_FRAMES = 64
MAX_TIMES = 200  # of one span


@require_safe
def trace_events(request: HttpRequest, trace_id: str) -> HttpResponse:
    """Log times of some frames of a stored trace."""
    record = record_or_404(trace_id)
    return times_answer(request, shown_of(record).trace, bytes(record.details))


@require_safe
def share_events(request: HttpRequest, token: str) -> HttpResponse:
    """Log times of some frames of a snapshot."""
    link = link_or_404(request, token)
    trace = shown_of_share(link).trace
    return private(times_answer(request, trace, bytes(link.snapshot.details)))


def times_answer(request: HttpRequest, trace: Trace, details: bytes) -> HttpResponse:
    """``frames``: numbers of 256 rows each; times as in the payload, by row."""
    words = request.GET.get("frames", "").split(",")
    if len(words) > MAX_FRAMES or not all(
        word.isascii() and word.isdigit() and len(word) < 8 for word in words
    ):
        problem = _("Name 1 to %(n)s frames by number.") % {"n": MAX_FRAMES}
        return JsonResponse({"ok": False, "error": problem, "status": 400}, status=400)
    found: dict[str, list[int]] = {}
    if len(trace):
        origin = int(trace.start_ns.min())
        unit = unit_of(int(trace.end_ns.max()) - origin)
        for number in dict.fromkeys(map(int, words)):
            for row, raw in codec.frame_rows(details, number):
                if has_logs(raw):
                    times = sorted(log_times_ns(raw))[:MAX_TIMES]
                    found[str(row)] = [(at - origin) // unit for at in times]
    return JsonResponse({"frame": codec.FRAME, "events": found})
