"""A trace in words: how long, where the time went, what failed, what is unusual."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from dashboard.presenters import text
from dashboard.presenters.shown import Shown
from dashboard.traces.durations import format_duration_ns
from dashboard.traces.trace import Flag, Trace


def sentences(shown: Shown) -> list[dict[str, Any]]:
    """The answer in words; each may lead to a row."""
    trace, extra, summary = shown.trace, shown.extra, shown.summary
    found = []
    lengths = extra["critical_end_ns"] - extra["critical_start_ns"]
    if len(lengths) and int(lengths.sum()):
        rows = extra["critical_row"]
        group = trace.service[rows] * np.int64(len(trace.operations))
        group += trace.operation[rows]
        groups, member = np.unique(group, return_inverse=True)
        sums = np.bincount(member.reshape(-1), weights=lengths, minlength=len(groups))
        most = int(np.argmax(sums))
        part = float(sums[most]) / float(lengths.sum())
        row = int(rows[np.argmax(np.where(member.reshape(-1) == most, lengths, -1))])
        values = {
            "share": text.share(part),
            "service": trace.service_name(row),
            "operation": trace.operation_name(row),
        }
        found.append(
            {
                "icon": "clock",
                "row": row,
                "text": _("%(share)s of the time is in %(service)s: %(operation)s.")
                % values,
            }
        )
    found.extend(error_sentence(trace, summary))
    if summary["orphan_count"]:
        count = summary["orphan_count"]
        if shown.growing:
            words = _("%(n)s spans wait for a caller that has not arrived.")
        else:
            words = _("%(n)s spans name a caller that is missing.")
        row = int(np.flatnonzero((trace.flags & Flag.ORPHAN) != 0)[0])
        found.append({"icon": "warning", "row": row, "text": words % {"n": count}})
    return found


def error_sentence(trace: Trace, summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Where the first error began and how far up it failed its callers."""
    began = (summary.get("first_error") or {}).get("span_id")
    if not began:
        return []
    row = trace.span_ids.index(began) if began in trace.span_ids else -1
    if row < 0:
        return []
    failed_above, above = [], int(trace.parent[row])
    while above >= 0 and trace.flags[above] & Flag.ERROR:
        name = trace.service_name(above)
        if name not in failed_above and name != trace.service_name(row):
            failed_above.append(name)
        above = int(trace.parent[above])
    if above >= 0:  # a service that went on all the same did not fail
        stopped = trace.service_name(above)
        failed_above = [name for name in failed_above if name != stopped]
    offset_ns = int(trace.end_ns[row]) - int(trace.start_ns.min())
    values = {
        "service": trace.service_name(row),
        "operation": trace.operation_name(row),
        "offset": format_duration_ns(offset_ns),
        "text": (summary["first_error"].get("text") or _("no reason given"))[:200],
        "above": ", ".join(failed_above[:5]),
        "last": trace.service_name(above) if above >= 0 else "",
    }
    if failed_above and above >= 0:
        words = _(
            "The error began in %(service)s %(operation)s at +%(offset)s (%(text)s), "
            "failed %(above)s and stopped at %(last)s."
        )
    elif failed_above:
        words = _(
            "The error began in %(service)s %(operation)s at +%(offset)s (%(text)s) "
            "and failed %(above)s."
        )
    elif above >= 0 and trace.service_name(above) != values["service"]:
        words = _(
            "The error began in %(service)s %(operation)s at +%(offset)s (%(text)s) "
            "and stopped at %(last)s."
        )
    else:
        words = _(
            "The error is in %(service)s %(operation)s at +%(offset)s (%(text)s)."
        )
    return [{"icon": "error", "row": row, "text": words % values}]
