"""Figures and sentences in the reader's language."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.traces.durations import THIN, format_duration_ns


def duration_us(value_us: int) -> str:
    """A duration of microseconds for people."""
    return format_duration_ns(value_us * 1_000)


def share(value: float) -> str:
    """A share of 0..1 as per cent: whole, below 1 % one digit."""
    percent = value * 100
    if percent and percent < 0.1:
        return f"< 0.1{THIN}%"
    return f"{percent:.1f}{THIN}%" if 0 < percent < 1 else f"{percent:.0f}{THIN}%"


def count(value: int) -> str:
    """``41,208`` in full to 99,999, then ``1.2 M``."""
    if value < 100_000:
        return f"{value:,}"
    if value < 1_000_000:
        return f"{value / 1_000:.0f}{THIN}k"
    return f"{value / 1_000_000:.1f}{THIN}M"


def rate(value: float) -> str:
    """Calls per second: ``14.5/s``; under one per second per minute."""
    if value >= 1_000:
        return f"{value / 1_000:.1f}k/s"
    if value >= 10:
        return f"{value:.0f}/s"
    if value >= 0.1 or value == 0:
        return f"{value:.1f}/s"
    return f"{value * 60:.1f}/min" if value * 60 >= 0.1 else "< 0.1/min"


def moment(at_us: int) -> str:
    """An absolute time with zone."""
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"


def spans(number: int) -> str:
    """``1 span``, ``320 spans``."""
    return ngettext("%(n)s span", "%(n)s spans", number) % {"n": count(number)}


def services(number: int) -> str:
    """``6 services``."""
    return ngettext("%(n)s service", "%(n)s services", number) % {"n": count(number)}


def failed(number: int) -> str:
    """``3 failed``."""
    return ngettext("%(n)s failed", "%(n)s failed", number) % {"n": count(number)}


def times(number: int) -> str:
    """What follows a sentence that holds several times: `` (3 ×)``; else nothing."""
    return _(" (%(n)s ×)") % {"n": count(number)} if number > 1 else ""


def without_stop(words: str) -> str:
    """A sentence without its full stop, to stand within another one."""
    return words.rstrip(".。")


def warning_text(code: str, values: dict[str, Any]) -> str:
    """The sentence of a warning; a code without one shows itself."""
    table = {
        "orphan": _("The caller %(parent)s is not in this trace."),
        "cycle": _(
            "%(spans)s spans name each other as parents. The circle is cut at the "
            "earliest of them."
        ),
        "self-parent": _("The span names itself as its parent. It is shown as a root."),
        "duplicates-dropped": _("%(count)s exact copies of spans were left out."),
        "duplicate-id": _(
            "Another span has the same id %(span_id)s. This one got a longer id."
        ),
        "bad-duration": _(
            "The source gave the impossible duration %(duration_us)s µs. It is shown "
            "as 0."
        ),
        "start-out-of-range": _(
            "The source gave the impossible start %(start_us)s µs. The start is "
            "inherited."
        ),
        "start-inherited": _(
            "The source gave no start. The start of the nearest span is used."
        ),
        "missing-start": _("The source gave no start."),
        "missing-process": _("The process %(process)s is missing in the source."),
        "missing-duration": _("The source gave no duration. It is shown as 0."),
        "no-operation": _("The source gave no name of the operation."),
        "no-service": _(
            "A process of this trace has no service name. Its spans are shown under "
            "“unknown-service”."
        ),
        "unreadable-logs": _("The logs could not be read and are left out."),
        "logs-out-of-order": _(
            "The source gave the %(count)s logs of this span out of order. They are "
            "shown by time."
        ),
        "unreadable-tags": _("The tags could not be read and are left out."),
        "repaired-tags": _(
            "Some tags could not be read. They are left out or shown as text; the "
            "others are as the source gave them."
        ),
        "numeric-id": _(
            "The source gave the number %(value)s as the span's id. It is shown in "
            "hexadecimal digits."
        ),
        "bad-number": _("%(field)s is no number: %(value)s."),
        "bad-reference": _("A reference could not be read and is left out."),
        "bad-kind": _("The span kind %(value)s is not known."),
        "unit-suspect": _(
            "The starts look like %(unit)s written as another unit (%(start_us)s µs). "
            "Nothing was converted."
        ),
        "outside-rollups": _(
            "The trace starts too far from now to be counted in the service graph."
        ),
        "clock-skew": _(
            "The clock of %(host)s differs. The bar is moved by %(delta)s; figures "
            "use the raw time."
        ),
        "clock-skew-per-call": _(
            "No single clock offset fits all calls to %(host)s. This bar is moved by "
            "%(delta)s; figures use the raw time."
        ),
        "clock-skew-too-large": _(
            "The clock of %(host)s seems to differ by %(delta)s, which is more than "
            "the limit. Nothing was moved."
        ),
    }
    template = table.get(code, code)
    filled = {"host": "", "delta": "", **values}
    if "delta_us" in values:
        filled["delta"] = duration_us(int(values["delta_us"]))
    try:
        return template % filled
    except (KeyError, ValueError):
        return template


WARNING_CODES = (
    "orphan",
    "cycle",
    "self-parent",
    "duplicates-dropped",
    "duplicate-id",
    "bad-duration",
    "start-out-of-range",
    "start-inherited",
    "missing-start",
    "missing-process",
    "missing-duration",
    "no-operation",
    "no-service",
    "unreadable-logs",
    "logs-out-of-order",
    "unreadable-tags",
    "repaired-tags",
    "numeric-id",
    "bad-number",
    "bad-reference",
    "bad-kind",
    "unit-suspect",
    "outside-rollups",
    "clock-skew",
    "clock-skew-per-call",
    "clock-skew-too-large",
)
