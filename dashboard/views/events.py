"""Times of logs for the rows in sight, a frame of the stored details at a time."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _

from dashboard.presenters.payload import unit_of
from dashboard.traces import codec
from dashboard.traces.details import has_logs, log_times_ns
from dashboard.views.opened import Opened, of_share, of_trace, refusal

MAX_FRAMES = 64
MAX_TIMES = 200  # of one span


def times_answer(request: HttpRequest, opened: Opened) -> HttpResponse:
    """``frames``: numbers of 256 rows each; times as in the payload, by row."""
    words = request.GET.get("frames", "").split(",")
    if len(words) > MAX_FRAMES or not all(
        word.isascii() and word.isdigit() and len(word) < 8 for word in words
    ):
        problem = _("Name 1 to %(n)s frames by number.") % {"n": MAX_FRAMES}
        return refusal(400, problem)
    trace = opened.shown.trace
    found: dict[str, list[int]] = {}
    if len(trace):
        origin = int(trace.start_ns.min())
        unit = unit_of(int(trace.end_ns.max()) - origin)
        for number in dict.fromkeys(map(int, words)):
            for row, raw in codec.frame_rows(opened.details, number):
                if has_logs(raw):
                    times = sorted(log_times_ns(raw))[:MAX_TIMES]
                    found[str(row)] = [(at - origin) // unit for at in times]
    return JsonResponse({"frame": codec.FRAME, "events": found})


trace_events = of_trace(times_answer)
share_events = of_share(times_answer)
