"""Whether a span is slow, in words and as a small distribution."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.graph.slowness import LEAST_CALLS, Known, place, without_own
from dashboard.presenters import text
from dashboard.traces.durations import format_duration_ns
from dashboard.traces.trace import Trace


def slowness(
    known: Known | None, trace: Trace, row: int
) -> tuple[dict[str, Any] | None, str]:
    """The place of a span among stored calls; else ``None`` and why there is none."""
    if known is None:
        return None, _("This copy was made without figures to compare with.")
    operation = (trace.service_name(row), trace.operation_name(row))
    histogram = without_own(known, trace, operation)
    duration_ns = int(trace.duration_ns[row])
    found = place(histogram, duration_ns)
    if found is None:
        count = sum(histogram.values())
        words = ngettext(
            "Only %(n)s other call of this operation is stored in %(window)s. It takes "
            "%(least)s to compare.",
            "Only %(n)s other calls of this operation are stored in %(window)s. It "
            "takes %(least)s to compare.",
            count,
        )
        window = window_text(known)
        return None, words % {"n": count, "window": window, "least": LEAST_CALLS}
    return {
        "percent": round(found.percent, 2),
        "n": found.count,
        "faster": found.faster,
        "duration_ns": duration_ns,
        "text": place_text(found.percent, found.count, found.faster, known),
        "window_text": window_text(known),
        "p50_ns": found.p50_ns[0],
        "p95_ns": found.p95_ns[0],
        "p99_ns": found.p99_ns[0],
        "p50": plus_minus(found.p50_ns),
        "p95": plus_minus(found.p95_ns),
        "p99": plus_minus(found.p99_ns),
        "bars": [list(bar) for bar in found.bars],
        "bar": found.bar,
    }, ""


def place_text(percent: float, count: int, faster: int, known: Known) -> str:
    """``Slower than 97 of 100 of 1,204 calls in the last 24 h.``"""
    values = {"n": text.count(count), "window": window_text(known)}
    if faster == count:
        return _("Slower than all %(n)s calls in %(window)s.") % values
    values["part"] = str(min(int(percent), 99))
    if percent < 1:
        return _("Faster than nearly all of %(n)s calls in %(window)s.") % values
    words = _("Slower than %(part)s of 100 of %(n)s calls in %(window)s.")
    return words % values


def plus_minus(value: tuple[int, int]) -> str:
    """A percentile with the ± of its histogram, rounded up to two digits."""
    middle, around = value
    if not around:
        return format_duration_ns(middle)
    unit = 10 ** max(len(str(around)) - 2, 0)  # two digits say enough of a doubt
    around = -(-around // unit) * unit
    return f"{format_duration_ns(middle)} ± {format_duration_ns(around)}"


def window_text(known: Known) -> str:
    """``the last 24 h``, or what it was when a snapshot was taken."""
    minutes = known.minutes
    if minutes < 120:
        length = ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}
    elif minutes <= 48 * 60:
        hours = round(minutes / 60)
        length = ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours}
    else:
        days = round(minutes / 1440)
        length = ngettext("%(n)s day", "%(n)s days", days) % {"n": days}
    if known.captured:
        return _("the %(length)s before the snapshot") % {"length": length}
    return _("the last %(length)s") % {"length": length}
